#include <filesystem>
#include <future>
#include <thread>

#include "apps/command.hpp"
#include "gradus/train/checkpoint.hpp"
#include "support/catch.hpp"
#include "support/small_disk.hpp"

using namespace gradus::test;

namespace {

/// Says so where this process may not mount.
bool skip(const SmallDisk& disk) {
  if (disk.mounted()) return false;
  WARN("skipped: mounting a small disk takes the rights to do so");
  SUCCEED();
  return true;
}

std::string command(const std::string& options) { return program("train") + " " + options; }

}  // namespace

TEST_CASE("train on a disk that fills up exits with 5, and resume goes on when there is space") {
  const SmallDisk disk("64m");
  if (skip(disk)) return;
  const std::string run_folder = disk / "run", checkpoint = run_folder + "/checkpoint.safetensors";
  std::future<Ran> training = std::async(std::launch::async, [&] {
    return run(command("--data moons --hidden 8 --epochs 100000 --run '" + run_folder + "'"));
  });
  while (!std::filesystem::exists(checkpoint) &&
         training.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
  }
  while (training.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready)
    disk.fill();  // again, for what was freed meanwhile
  const Ran full = training.get();
  INFO(full.err);
  CHECK(full.status == 5);
  CHECK_THAT(full.err, contains("No space left on device"));

  const gradus::train::Checkpoint saved = gradus::train::load_checkpoint(checkpoint);
  CHECK(saved.history.size() >= 1);
  disk.clear();
  const Ran again = run("cd / && exec timeout --preserve-status -s INT 1 " +
                        command("resume '" + run_folder + "'"));
  INFO(again.err);
  CHECK(again.status == 130);
  CHECK(gradus::train::load_checkpoint(checkpoint).history.size() > saved.history.size());
}

TEST_CASE("train refuses a disk with too little space before the first epoch") {
  const SmallDisk disk("1m");
  if (skip(disk)) return;
  disk.fill(100'000);
  const Ran ran =
      run(command("--data moons --hidden 64,64 --epochs 2 --run '" + (disk / "run") + "'"));
  CHECK(ran.status == 5);
  CHECK_THAT(ran.err,
             contains("0 MB are free; about 3 MB are required") && contains("free some space"));
  CHECK(ran.out.find("   1/2") == std::string::npos);
}
