#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>

#include "gradus/io/file.hpp"
#include "support/catch.hpp"
#include "support/small_disk.hpp"
#include "train/save/resume_support.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

/// Lets a second epoch's checkpoint fail; the first one's must stay.
void check_failure(const std::string& path, const std::function<void()>& sabotage,
                   const std::string& text) {
  const Recipe recipe{.what = "",
                      .options = {.epochs = 3, .checkpoint = {.path = path, .every_epochs = 1}}};
  Program program(recipe, 1);
  std::string first;
  program.options.on_epoch = [&](const train::Epoch& epoch) {
    if (epoch.epoch == 2) {
      first = read_bytes(path);
      sabotage();
    }
  };
  CHECK_THROWS_WITH(program.fit(), contains("[write_file] " + path) && contains(text));
  CHECK(first.size() > 1000);
  CHECK(read_bytes(path) == first);
  const train::Checkpoint checkpoint = train::load_checkpoint(path);
  CHECK(checkpoint.place.epoch == 2);
  CHECK_FALSE(program.model->is_training());
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(path).parent_path()))
    CHECK(entry.path().filename().string().find(".gradus-") == std::string::npos);
}

/// The largest size of a file, for the lifetime.
class FileLimit {
 public:
  FileLimit() : before_(std::signal(SIGXFSZ, SIG_IGN)) { ::getrlimit(RLIMIT_FSIZE, &limit_); }
  void set(rlim_t bytes) {
    rlimit changed = limit_;
    changed.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &changed);
  }
  ~FileLimit() {
    ::setrlimit(RLIMIT_FSIZE, &limit_);
    std::signal(SIGXFSZ, before_);
  }
  FileLimit(const FileLimit&) = delete;
  FileLimit& operator=(const FileLimit&) = delete;

 private:
  rlimit limit_{};
  void (*before_)(int);
};

}  // namespace

TEST_CASE("a checkpoint that grows beyond a limit fails, and leaves the one before") {
  const TemporaryFolder folder;
  FileLimit limit;
  check_failure(
      folder / "c", [&] { limit.set(512); }, "File too large");
}

TEST_CASE("a checkpoint in a folder that vanished fails and says so") {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "run");
  const Recipe recipe{
      .what = "",
      .options = {.epochs = 2, .checkpoint = {.path = folder / "run/c", .every_epochs = 1}}};
  Program program(recipe, 1);
  program.options.on_epoch = [&](const train::Epoch&) {
    std::filesystem::remove_all(folder / "run");
  };
  CHECK_THROWS_WITH(program.fit(), contains("run/c") && contains("No such file"));
}

TEST_CASE("a disk that fills up leaves the old checkpoint, and a disk too small is refused") {
  const SmallDisk disk("512k"), tiny("48k");
  if (!disk.mounted() || !tiny.mounted()) {
    std::cout << "skipped: mounting a small disk takes the rights to do so\n";
    SUCCEED();
    return;
  }
  check_failure(
      disk / "c", [&] { disk.fill(); }, "No space left on device");
  Program program({.what = "", .options = {.checkpoint = {.path = tiny / "c"}}}, 1);
  CHECK_THROWS_WITH(program.fit(),
                    contains("are free on this disk") && contains("free some space"));
  CHECK(program.counter.steps == 0);
}
