#include "gradus/train/run_folder.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace gradus;
using namespace gradus::test;
namespace fs = std::filesystem;

namespace {

/// A run with two files.
void leave_run(const std::string& path, const std::string& text) {
  train::RunFolder folder(path, "", {.overwrite = true});
  folder.claim({"config.json", "model.safetensors"});
  for (const char* file : {"config.json", "model.safetensors"})
    io::write_file_atomically(folder / file, text);
  folder.commit();
}

}  // namespace

TEST_CASE("whatever name a folder is given, an overwrite replaces the files in it") {
  const TemporaryFolder place;
  fs::create_directory(place / "other");
  leave_run(place / "r", "old");
  fs::create_symlink("r", place / "link");
  const fs::path home = fs::current_path();
  struct Case {
    const char *from, *path;
  };
  int number = 0;
  for (const Case& c : {Case{"r", "."},
                        {"r", "./"},
                        {"r", "../r"},
                        {"other", "../r/."},
                        {"", "r/"},
                        {"", "r//"},
                        {"", "./r"},
                        {"", "link"},
                        {"", "link/"},
                        {"", "other/../r"},
                        {"other", "../link/../r/./"}}) {
    INFO(c.from << ": " << c.path);
    fs::current_path(place / c.from);
    const std::string text = "new" + std::to_string(++number);
    leave_run(c.path, text);
    CHECK(fs::exists("../") == true);
    fs::current_path(home);
    CHECK(read_bytes(place / "r/model.safetensors") == text);
    CHECK(read_bytes(place / "r/config.json") == text);
    CHECK(fs::is_symlink(place / "link"));
    CHECK_FALSE(fs::exists(place / "r.new"));
    CHECK_FALSE(fs::exists(place / "link.new"));
  }
}

TEST_CASE("who stands in a folder that is overwritten stands in it still") {
  const TemporaryFolder place;
  leave_run(place / "r", "old");
  const fs::path home = fs::current_path();
  fs::current_path(place / "r");
  leave_run(".", "new");
  CHECK(read_bytes("model.safetensors") == "new");
  fs::current_path(home);
}

TEST_CASE("what no run wrote is never removed, whatever it is called") {
  for (const std::string name :
       {"notes.tmp.txt", ".probe_dir/x", "tensorboard/my.txt", "thesis.txt", "config.json.bak",
        "tensorboard/events.out.tfevents.1.host", "checkpoint.safetensors.abcdefgh.history",
        "model.safetensors.tmp1.0", "history.jsonl", "log.csv", "report.html", ".gradus-note",
        "checkpoint.safetensors", "tensorboard/sub/y", ".gradus-run.old"}) {
    INFO(name);
    const TemporaryFolder place;
    leave_run(place / "r", "old");
    fs::create_directories(fs::path(place / ("r/" + name)).parent_path());
    write_bytes(place / ("r/" + name), "a year of work");
    CHECK_THROWS_WITH(leave_run(place / "r", "new"), contains("which is no file of a run"));
    CHECK(read_bytes(place / ("r/" + name)) == "a year of work");
    CHECK(read_bytes(place / "r/model.safetensors") == "old");
    CHECK_FALSE(fs::exists(place / "r.new"));
  }
}

TEST_CASE("a link or a folder in the place of a file of a run keeps it from being overwritten") {
  const TemporaryFolder place;
  leave_run(place / "r", "old");
  fs::rename(place / "r/model.safetensors", place / "kept");
  fs::create_symlink(place / "kept", place / "r/model.safetensors");
  CHECK_THROWS_WITH(leave_run(place / "r", "new"), contains("holds model.safetensors"));
  CHECK(read_bytes(place / "kept") == "old");
  fs::remove(place / "r/model.safetensors");
  fs::create_directory(place / "r/model.safetensors");
  CHECK_THROWS_WITH(leave_run(place / "r", "new"), contains("holds model.safetensors"));
}

TEST_CASE("a link or a file in the place of the new run's folder is left alone") {
  const TemporaryFolder place;
  leave_run(place / "r", "old");
  fs::create_directory(place / "mine");
  fs::create_symlink("mine", place / "r.new");
  CHECK_THROWS_WITH(leave_run(place / "r", "new"), contains("r.new: is a link or a file"));
  CHECK(fs::is_empty(place / "mine"));
  CHECK(fs::is_symlink(place / "r.new"));
  fs::remove(place / "r.new");
  write_bytes(place / "r.new", "mine");
  CHECK_THROWS_WITH(leave_run(place / "r", "new"), contains("r.new: is a link or a file"));
  CHECK(read_bytes(place / "r.new") == "mine");
  CHECK(read_bytes(place / "r/model.safetensors") == "old");
}

TEST_CASE("a list of files that names others removes none of them") {
  const TemporaryFolder place;
  leave_run(place / "r", "old");
  write_bytes(place / "precious", "mine");
  write_bytes(place / "r/.gradus-run",
              "gradus-run 1\n../precious\n/etc/passwd\nconfig.json\nmodel.safetensors\n..\n\n");
  leave_run(place / "r", "new");
  CHECK(read_bytes(place / "precious") == "mine");
  CHECK(read_bytes(place / "r/model.safetensors") == "new");
  write_bytes(place / "r/.gradus-run", "something else\n");
  CHECK_THROWS_WITH(leave_run(place / "r", "newer"), contains(".gradus-run: is not as gradus"));
  CHECK(read_bytes(place / "r/model.safetensors") == "new");
}

TEST_CASE("a file that comes while a run goes on stays, and the run is not lost") {
  const TemporaryFolder place;
  leave_run(place / "r", "old");
  {
    train::RunFolder folder(place / "r", "", {.overwrite = true});
    folder.claim({"model.safetensors", "log.csv"});
    io::write_file_atomically(folder / "model.safetensors", "new");
    io::write_file_atomically(folder / "log.csv", "new");
    write_bytes(place / "r/notes.txt", "mine");
    write_bytes(place / "r/log.csv", "mine");
    CHECK_THROWS_WITH(folder.commit(), contains("log.csv") && contains("the run is in"));
    CHECK(read_bytes(place / "r.new/model.safetensors") == "new");
    fs::rename(place / "r/log.csv", place / "saved");
    folder.commit();
  }
  CHECK(read_bytes(place / "r/notes.txt") == "mine");
  CHECK(read_bytes(place / "r/model.safetensors") == "new");
  CHECK(read_bytes(place / "r/log.csv") == "new");
  CHECK_FALSE(fs::exists(place / "r/config.json"));
  CHECK_FALSE(fs::exists(place / "r.new"));
}

TEST_CASE("a second run in a folder is told who has it, and changes nothing") {
  const TemporaryFolder place;
  const auto refused = [&](const auto& begin) {
    CHECK_THROWS_AS(begin(), train::RunBusyError);
    CHECK_THROWS_WITH(begin(), contains("is in use by process " + std::to_string(::getpid())) &&
                                   contains(" since 20") && contains(" UTC"));
  };
  {
    train::RunFolder folder(place / "r", "");
    folder.claim({"model.safetensors"});
    io::write_file_atomically(folder / "model.safetensors", "mine");
    refused([&] { train::RunFolder(place / "r", ""); });
    refused([&] { train::RunFolder(place / "r", "", {.overwrite = true}); });
    refused([&] { train::RunFolder::open(place / "r"); });
    CHECK(read_bytes(place / "r/model.safetensors") == "mine");
    CHECK_FALSE(fs::exists(place / "r.new"));
  }
  {
    train::RunFolder folder(place / "r", "", {.overwrite = true});
    CHECK(folder.replaces());
    folder.claim({"log.csv"});
    io::write_file_atomically(folder / "log.csv", "x");
    refused([&] { train::RunFolder::open(place / "r"); });
    refused([&] { train::RunFolder::open(place / "r.new"); });
    refused([&] { train::RunFolder(place / "r", "", {.overwrite = true}); });
    CHECK(read_bytes(place / "r.new/log.csv") == "x");
  }
  CHECK_NOTHROW(train::RunFolder::open(place / "r"));
}

TEST_CASE("the lock of a process that is killed is gone with it") {
  const TemporaryFolder place;
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    train::RunFolder folder(place / "r", "");
    static_cast<void>(::write(ready[1], "x", 1) + 1);
    ::pause();
    ::_exit(1);
  }
  char byte;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  CHECK_THROWS_WITH(train::RunFolder(place / "r", ""),
                    contains("process " + std::to_string(child)));
  ::kill(child, SIGKILL);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK_NOTHROW(train::RunFolder(place / "r", ""));
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_CASE("a folder of another kind is left as it is") {
  const TemporaryFolder place;
  fs::create_directory(place / "docs");
  write_bytes(place / "docs/a", "mine");
  CHECK_THROWS_WITH(train::RunFolder(place / "docs", ""), contains("no run's"));
  CHECK_THROWS_WITH(train::RunFolder(place / "docs", "", {.overwrite = true}), contains("holds a"));
  CHECK_THROWS_WITH(train::RunFolder::open(place / "docs"), contains("holds no run"));
  CHECK_THROWS_WITH(train::RunFolder::open(place / "nothing"), contains("is no folder"));
  CHECK_THROWS_WITH(train::RunFolder(place / "docs/a", "", {.overwrite = true}),
                    contains("is a file"));
  CHECK_THROWS_WITH(train::RunFolder(place / "docs/a/b", "", {.overwrite = true}),
                    contains("cannot be made"));
  CHECK_THROWS_WITH(train::RunFolder(place / "new", "", {.bytes = 1e30}), contains("are free"));
  CHECK(std::distance(fs::directory_iterator(place / "docs"), {}) == 1);
  CHECK(std::distance(fs::directory_iterator(place.path()), {}) == 1);
}

TEST_CASE("a run that is gone on with in DIR.new takes the place that it was to have") {
  const TemporaryFolder place;
  leave_run(place / "r", "old");
  {
    train::RunFolder folder(place / "r", "", {.overwrite = true});
    folder.claim({"model.safetensors"});
    io::write_file_atomically(folder / "model.safetensors", "half");
  }
  CHECK(read_bytes(place / "r/model.safetensors") == "old");
  train::RunFolder folder = train::RunFolder::open(place / "r.new");
  CHECK(folder.replaces());
  io::write_file_atomically(folder / "model.safetensors", "new");
  folder.commit();
  CHECK(folder.path() == place / "r");
  CHECK(read_bytes(place / "r/model.safetensors") == "new");
  CHECK_FALSE(fs::exists(place / "r/config.json"));
  CHECK_FALSE(fs::exists(place / "r.new"));
}

TEST_CASE("runs of a version that kept no list are known by the names of their files") {
  const TemporaryFolder place;
  fs::create_directories(place / "r/tensorboard");
  for (const char* file :
       {"config.json", "model.safetensors", "checkpoint.safetensors", "history.jsonl", "log.csv",
        "report.html", "tensorboard/events.out.tfevents.17.gradus.12.0"})
    write_bytes(place / ("r/" + std::string(file)), "old");
  CHECK_NOTHROW(train::RunFolder::open(place / "r"));
  leave_run(place / "r", "new");
  CHECK(read_bytes(place / "r/model.safetensors") == "new");
  CHECK_FALSE(fs::exists(place / "r/tensorboard"));
  CHECK_FALSE(fs::exists(place / "r/log.csv"));
}
