// A training, and a run that replaces another, whose every call of the file system fails once, and
// is the process's last once.
#include <cstring>
#include <filesystem>

#include "gradus/train/run_folder.hpp"
#include "support/catch.hpp"
#include "support/failing_calls.hpp"
#include "train/save/resume_support.hpp"

using namespace gradus;
using namespace gradus::test;
namespace fs = std::filesystem;

namespace {

/// Lets `work` meet its n-th call, which is the last of its process or fails; false if it has fewer
/// calls. What is thrown has to say why.
template <class F>
bool meet(int n, bool kill, F work) {
  if (kill) return killed_at(n, work);
  const int error = n % 2 ? EIO : ENOSPC;
  const FailingCall call(n, error);
  try {
    work();
  } catch (const Error& failure) {
    CHECK_THAT(failure.what(), contains(std::strerror(error)));
    CHECK_THAT(failure.what(), !contains("\n"));
  }
  return FailingCall::reached();
}

/// Trains, from the checkpoint at `path` if there is one.
void train_at(const std::string& path) {
  train::Checkpoint checkpoint;
  const bool resumed = fs::exists(path);
  if (resumed) checkpoint = train::load_checkpoint(path);
  Program program(monitored_at(path), 1);
  if (resumed) program.options.resume = &checkpoint;
  program.fit();
}

// ---- a run that replaces another ---------------------------------------------------------------

/// What the command does: a folder, its files, a training in it, and the folder's place.
void run_in(const std::string& path, std::uint64_t seed) {
  train::RunFolder folder(path, "", {.overwrite = true});
  train::TensorBoardLog board(folder / "tensorboard");
  train::CsvLog log(folder / "log.csv");
  folder.claim({"model.safetensors", "checkpoint.safetensors", "log.csv",
                board.path().substr(folder.path().size() + 1)});
  Program program(monitored_at(folder / "checkpoint.safetensors"), seed);
  program.options.callbacks.push_back(&log);
  program.options.callbacks.push_back(&board);
  program.fit();
  io::write_safetensors(folder / "model.safetensors",
                        {{"w", full({1}, static_cast<double>(seed))}});
  folder.commit();
}

std::string checkpoint_bits(const std::string& run) {
  train::Checkpoint checkpoint = train::load_checkpoint(run + "/checkpoint.safetensors");
  checkpoint.states.erase("callback.csv_log");  // as long as seconds are long as text
  return bits(checkpoint);
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

TEST_CASE("whichever call of a training fails or is its last, it goes on and ends with its bits") {
  const TemporaryFolder whole;
  train_at(whole / "c");
  const std::string expected = bits(train::load_checkpoint(whole / "c"));
  for (const bool kill : {true, false}) {
    int calls = 0;
    for (bool reached = true; reached; ++calls) {
      INFO((kill ? "killed at call " : "failed call ") << calls + 1);
      const TemporaryFolder folder;
      write_bytes(folder / "c.notes", "mine");
      reached = meet(calls + 1, kill, [&] { train_at(folder / "c"); });
      if (fs::exists(folder / "c")) CHECK_NOTHROW(train::load_checkpoint(folder / "c"));
      train_at(folder / "c");
      CHECK((bits(train::load_checkpoint(folder / "c")) == expected));
      CHECK(read_bytes(folder / "c.notes") == "mine");
      CHECK(names_in(folder.path()).size() == 3);
    }
    CHECK(calls > 20);
  }
}

TEST_CASE(
    "whichever call of an overwrite fails or is its last, a whole run is there, and a rerun "
    "works") {
  const TemporaryFolder old_run;
  run_in(old_run / "r", 1);
  run_in(old_run / "n", 2);
  const std::string before = checkpoint_bits(old_run / "r"), after = checkpoint_bits(old_run / "n");
  REQUIRE(before != after);
  for (const bool kill : {true, false}) {
    int calls = 0, kept = 0;
    for (bool reached = true; reached; ++calls) {
      INFO((kill ? "killed at call " : "failed call ") << calls + 1);
      const TemporaryFolder folder;
      fs::copy(old_run / "r", folder / "r", fs::copy_options::recursive);
      write_bytes(folder / "notes.txt", "mine");
      fs::create_directory(folder / "r.old");
      write_bytes(folder / "r.old/notes.txt", "mine");
      reached = meet(calls + 1, kill, [&] { run_in(folder / "r", 2); });
      const std::string found = checkpoint_bits(folder / "r");
      CHECK((found == before || found == after));
      kept += found == before;
      CHECK(fs::file_size(folder / "r/model.safetensors") > 64);
      train::RunFolder::recover(folder / "r");
      const double model = io::read_safetensors(folder / "r/model.safetensors").at("w").item();
      CHECK((checkpoint_bits(folder / "r") == (model == 1 ? before : after)));
      run_in(folder / "r", 2);
      CHECK((checkpoint_bits(folder / "r") == after));
      CHECK(read_bytes(folder / "notes.txt") == "mine");
      CHECK(read_bytes(folder / "r.old/notes.txt") == "mine");
      CHECK(names_in(folder.path()) == std::vector<std::string>{"notes.txt", "r", "r.old"});
      CHECK(names_in(folder / "r/tensorboard").size() == 1);
      CHECK(names_in(folder / "r").size() == 7);  // four files and their folder, the lock, the list
    }
    CHECK(calls > 60);
    CHECK(kept > 30);
    CHECK(kept < calls);
  }
}
