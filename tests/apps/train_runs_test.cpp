// Run folders, outputs and signals, as one meets them in a shell.
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "apps/train_command.hpp"
#include "gradus/train/checkpoint.hpp"
#include "support/catch.hpp"

using namespace gradus::test;
namespace fs = std::filesystem;

namespace {

const std::string endless = "--data moons --epochs 1000000 --hidden 8 ";

/// A shell script in which T is the command, run in the folder.
Ran shell(const TemporaryFolder& folder, const std::string& script) {
  // With job control, what runs in the background does not ignore SIGINT.
  write_bytes(folder / ".script",
              "set -m\ncd '" + folder.path() + "'\nT=" + program("train") + "\n" + script);
  const Ran ran = run("bash '" + (folder / ".script") + "'");
  fs::remove(folder / ".script");
  return ran;
}

/// Starts T with options in the background, as $P, and waits until it has saved a checkpoint.
std::string start(const std::string& options, const std::string& run) {
  return "$T " + options + " --run " + run + " >out 2>err & P=$!\n" +
         "for i in $(seq 200); do [ -e " + run +
         "/checkpoint.safetensors ] && break; sleep .05; done\n";
}

}  // namespace

TEST_CASE("an overwrite from within the folder leaves the new run there") {
  const TemporaryFolder folder;
  REQUIRE(train(folder, quick + "--run r").status == 0);
  const std::string before = read_bytes(folder / "r/model.safetensors");
  for (const char* name : {".", "../r/.", "./", "../r///"}) {
    INFO(name);
    const std::string seed = std::to_string(name[1] + 10 * name[0]);
    const Ran ran = shell(folder, "cd r && $T " + quick + "--seed " + seed + " --overwrite --run " +
                                      name + " && ls model.safetensors checkpoint.safetensors");
    CHECK(ran.status == 0);
    CHECK(ran.err == "");
    const std::string after = read_bytes(folder / "r/model.safetensors");
    CHECK(after.size() > 100);
    CHECK(after != before);
    CHECK_FALSE(fs::exists(folder / "r.new"));
  }
  CHECK(shell(folder, "cd r && $T resume .").status == 0);
  CHECK(train(folder, "resume r/").status == 0);
}

TEST_CASE("data in the folder that is to be replaced are refused") {
  const TemporaryFolder folder;
  REQUIRE(train(folder, quick + "--run r").status == 0);
  const std::string log = read_bytes(folder / "r/log.csv");
  for (const char* data : {"r/log.csv", "./r/../r/log.csv", "r"}) {
    const Ran ran =
        train(folder, std::string("--data ") + data + " --epochs 1 --run r --overwrite");
    INFO(ran.err);
    CHECK((ran.status == 2 || ran.status == 3));
    CHECK(read_bytes(folder / "r/log.csv") == log);
    CHECK(fs::exists(folder / "r/model.safetensors"));
  }
  CHECK(train(folder, "--config r/config.json --run r --overwrite --quiet").status == 0);
}

TEST_CASE("an overwrite leaves what no run wrote") {
  for (const char* name : {"notes.tmp.txt", ".probe_dir/x", "tensorboard/my.txt"}) {
    INFO(name);
    const TemporaryFolder folder;
    REQUIRE(train(folder, quick + "--run r --tensorboard").status == 0);
    fs::create_directories(fs::path(folder / ("r/" + std::string(name))).parent_path());
    write_bytes(folder / ("r/" + std::string(name)), "mine");
    const Ran ran = train(folder, quick + "--run r --overwrite");
    CHECK(ran.status == 5);
    CHECK_THAT(ran.err, contains("is no file of a run"));
    CHECK(read_bytes(folder / ("r/" + std::string(name))) == "mine");
  }
}

TEST_CASE("predictions and pages go to devices, pipes, links and open descriptors") {
  const TemporaryFolder folder;
  REQUIRE(train(folder, quick + "--run r").status == 0);
  const std::string plain = train(folder, "predict r --data xor").out;
  REQUIRE(plain.size() > 100);
  CHECK(train(folder, "predict r --data xor --out /dev/stdout").out == plain);
  CHECK(shell(folder, "$T predict r --data xor --out /dev/stdout | cat").out == plain);
  CHECK(shell(folder, "$T predict r --data xor --out /dev/stderr").err == plain);
  CHECK(shell(folder, "$T predict r --data xor --out /dev/fd/3 3>three").status == 0);
  CHECK(read_bytes(folder / "three") == plain);
  CHECK(shell(folder, "$T predict r --data xor --out >(cat >sub); wait; sleep .3").status == 0);
  CHECK(read_bytes(folder / "sub") == plain);
  write_bytes(folder / "log", "before\n");
  CHECK(shell(folder, "$T predict r --data xor --out /dev/stdout >>log").status == 0);
  CHECK(read_bytes(folder / "log") == "before\n" + plain);
  CHECK(shell(folder,
              "mkfifo p; cat p >got & $T predict r --data xor --out p; wait; ls -l p | cut -c1")
            .out == "p\n");
  CHECK(read_bytes(folder / "got") == plain);
  write_bytes(folder / "target", "old");
  fs::create_symlink("target", folder / "link");
  struct stat null {};
  for (const std::string& command :
       {std::string("predict r --data xor"), std::string("find-lr --data xor --quiet"),
        std::string("report r"), std::string("explain r --data xor")}) {
    INFO(command);
    CHECK(train(folder, command + " --out link").status == 0);
    CHECK(fs::is_symlink(folder / "link"));
    CHECK(read_bytes(folder / "target").size() > 100);
    CHECK(train(folder, command + " --out /dev/null").status == 0);
    REQUIRE(::lstat("/dev/null", &null) == 0);
    CHECK(S_ISCHR(null.st_mode));
    CHECK(train(folder, command + " --out /dev/full").status == 5);
    CHECK(train(folder, command + " --out r").status == 5);
  }
}

TEST_CASE(
    "a second run or resume in one folder is told who has it, also after that one is killed") {
  const TemporaryFolder folder;
  const Ran ran =
      shell(folder, start(endless, "r") + "$T resume r; echo $?\n$T " + quick +
                        "--run r; echo $?\n$T " + quick +
                        "--run r --overwrite; echo $?\n$T report r --out page; echo $?\n"
                        "kill -9 $P; wait $P 2>/dev/null; echo $P\n"
                        "timeout -s INT 1 $T resume r >/dev/null; echo $?\n");
  INFO(ran.err);
  std::istringstream out(ran.out);
  int status[3], report = 0, pid = 0, resumed = 0;
  std::string wrote, page;
  out >> status[0] >> status[1] >> status[2] >> wrote >> page >> report >> pid >> resumed;
  for (const int one : status) CHECK(one == 6);
  CHECK(report == 0);  // looking is no harm
  CHECK_THAT(ran.err, contains("is in use by process " + std::to_string(pid) + " on "));
  CHECK((resumed == 124 || resumed == 130));
  CHECK_FALSE(fs::exists(folder / "r.new"));
}

TEST_CASE("SIGINT, SIGTERM and SIGHUP save the run, and it is gone on with") {
  const TemporaryFolder folder;
  const std::pair<std::string, int> signals[] = {{"INT", 130}, {"TERM", 143}, {"HUP", 129}};
  for (const auto& [name, status] : signals) {
    INFO(name);
    const Ran ran = shell(folder, start(endless + "--checkpoint-every 1h", name) +
                                      "sleep .3; kill -" + name + " $P; wait $P; echo $?");
    CHECK_THAT(ran.out, contains(std::to_string(status)));
    CHECK_THAT(read_bytes(folder / "err"), contains("train resume " + name));
    const auto saved = gradus::train::load_checkpoint(folder / (name + "/checkpoint.safetensors"));
    CHECK(saved.place.epoch > 2);
    CHECK(fs::exists(folder / (name + "/model.safetensors")));
    const Ran more = shell(folder, "$T resume " + name + " >out 2>err & P=$!\nsleep 1; kill -" +
                                       name + " $P; wait $P; echo $?");
    CHECK_THAT(more.out, contains(std::to_string(status)));
    CHECK(
        gradus::train::load_checkpoint(folder / (name + "/checkpoint.safetensors")).history.size() >
        saved.history.size());
  }
  const Ran kept = shell(folder, "trap '' HUP\n" + start(endless, "nohup") +
                                     "kill -HUP $P; sleep .3; kill -TERM $P; wait $P; echo $?");
  CHECK_THAT(kept.out, contains("143"));
}

TEST_CASE("a second signal ends the program at once") {
#if defined(__SANITIZE_THREAD__)
  WARN("skipped: the thread sanitizer holds signals back until a step is over");
  SUCCEED();
#else
  const TemporaryFolder folder;
  // A step of this takes seconds.
  const Ran ran = shell(folder,
                        "$T --data random --samples 2000 --features 400 --hidden 2000,2000 "
                        "--batch-size 1600 --epochs 1000 --threads 1 --run r >out 2>err & P=$!\n"
                        "for i in $(seq 200); do [ -e r/history.jsonl ] && break; sleep .05; done\n"
                        "kill -TERM $P; sleep .05; kill -TERM $P; wait $P; echo $?");
  CHECK_THAT(ran.out, contains("143"));
  CHECK_FALSE(fs::exists(folder / "r/model.safetensors"));
#endif
}

TEST_CASE("SIGINT during repeated training prints what was measured so far") {
  const TemporaryFolder folder;
  const auto interrupted = [&](const std::string& options, const std::string& wait_for) {
    const Ran ran = shell(folder, "$T --data blobs --samples 300 --hidden 8 " + options +
                                      " >out 2>err & P=$!\nfor i in $(seq 200); do " + wait_for +
                                      " && break; sleep .05; done\nkill -INT $P; wait $P; echo $?");
    CHECK_THAT(ran.out, contains("130"));
    return read_bytes(folder / "out");
  };
  for (const std::string what : {"--repeat 100000 --epochs 2", "--folds 100 --epochs 20"}) {
    INFO(what);
    CHECK_THAT(interrupted(what, "grep -q ' 2:' out"), contains("mean test accuracy"));
    CHECK_THAT(read_bytes(folder / "err"), contains("train: interrupted after "));
  }
  CHECK(interrupted("--repeat 3 --epochs 100000000", "sleep 1").find("mean") == std::string::npos);
  CHECK_THAT(read_bytes(folder / "err"), contains("interrupted after 0 of 3 runs"));
}

TEST_CASE("SIGINT and SIGTERM end the other commands with their status") {
  const TemporaryFolder folder;
  const Ran sweep = shell(folder,
                          "timeout --foreground --preserve-status -s INT 1 $T find-lr --data moons "
                          "--steps 100000000 --low 1e-9 --high 1e-8");
  CHECK(sweep.status == 130);
  CHECK_THAT(sweep.err, contains("The sweep was interrupted after "));
  CHECK(std::count(sweep.out.begin(), sweep.out.end(), '\n') > 5);
  const Ran check = shell(folder,
                          "timeout --foreground --preserve-status -s TERM 2 $T check --data digits "
                          "--hidden 1000,1000,1000 --lr 1e-12 --threads 1");
  CHECK(check.status == 143);
}

TEST_CASE("--checkpoint-every takes times, epochs and steps, and nothing else") {
  const TemporaryFolder folder;
  for (const char* every : {"30s", "5m", "2h", "0.5s", "1min", "10epochs", "'10 epochs'", "1epoch",
                            "500steps", "7", "0"})
    CHECK(train(folder, quick + "--run r --overwrite --checkpoint-every " + every).status == 0);
  for (const char* every : {"-1", "1x", "''", "s", "1.5epochs", "0s", "nan", "1e30h", "0steps"}) {
    const Ran ran = train(folder, quick + "--run s --checkpoint-every " + every);
    INFO(every);
    CHECK(ran.status == 2);
    CHECK_THAT(ran.err, contains("--checkpoint-every"));
  }
  CHECK_FALSE(fs::exists(folder / "s"));
}
