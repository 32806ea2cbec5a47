#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "support/catch.hpp"
#include "train/save/resume_support.hpp"

// Training processes that are killed by SIGKILL at random moments, also while they start and while
// they save. GRADUS_KILLS says how often, 10 times unless given.

using namespace gradus;
using namespace gradus::test;

namespace {

constexpr const char* child_name = "a training process goes on from its checkpoint";
constexpr int recipe_count = 3;

Recipe recipe_for(int number, const std::string& path) {
  Recipe recipe{.what = "", .plateau = true, .prefetch = number};
  if (number == 1) recipe.options.ema_decay = 0.9;
  if (number == 2) {
    recipe.optimizer = "nadam";
    recipe.options.accumulate = 2;
    recipe.options.clip_percentile = 50;
  }
  recipe.options.epochs = number == 2 ? 50 : 25;
  recipe.options.checkpoint = {.path = path, .every_steps = 1 + number};
  return recipe;
}

/// This program once more, with the test below alone.
pid_t start_child(int recipe, const std::string& path) {
  const std::string number = std::to_string(recipe);
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::setenv("GRADUS_KILL_PATH", path.c_str(), 1);
  ::setenv("GRADUS_KILL_RECIPE", number.c_str(), 1);
  const int null = ::open("/dev/null", O_WRONLY);
  ::dup2(null, 1);
  ::execl("/proc/self/exe", "gradus_tests", child_name, static_cast<char*>(nullptr));
  ::_exit(127);
}

/// True if the child ended by itself, and well.
bool ended(pid_t child, int options) {
  int status = 0;
  if (::waitpid(child, &status, options) != child) return false;
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == 0);
  return true;
}

int kills_wanted() {
  const char* const given = std::getenv("GRADUS_KILLS");
  return given ? std::max(1, std::atoi(given)) : 10;
}

}  // namespace

TEST_CASE("a training process goes on from its checkpoint") {
  const char* const path = std::getenv("GRADUS_KILL_PATH");
  if (!path) {
    SUCCEED("run by the test below");
    return;
  }
  const Recipe recipe = recipe_for(std::atoi(std::getenv("GRADUS_KILL_RECIPE")), path);
  const bool resumed = std::filesystem::exists(path);
  train::Checkpoint checkpoint;
  if (resumed) checkpoint = train::load_checkpoint(path);
  Program program(recipe, resumed ? 999 : 1);
  if (resumed) program.options.resume = &checkpoint;
  CHECK(program.fit().ended == train::Ended::complete);
}

TEST_CASE(
    "runs that are killed at random moments and resumed end with the undisturbed run's bits") {
  const TemporaryFolder folder;
  std::string expected[recipe_count];
  std::chrono::duration<double> length{0};
  for (int r = 0; r < recipe_count; ++r) {
    const auto begin = std::chrono::steady_clock::now();
    const std::string path = folder / ("whole" + std::to_string(r));
    REQUIRE(ended(start_child(r, path), 0));
    length =
        std::max<std::chrono::duration<double>>(length, std::chrono::steady_clock::now() - begin);
    expected[r] = bits(train::load_checkpoint(path));
  }
  Generator generator(2024);
  int kills = 0, runs = 0, in_training = 0;
  for (const int wanted = kills_wanted(); kills < wanted; ++runs) {
    const int r = runs % recipe_count;
    const std::string path = folder / ("run" + std::to_string(runs));
    for (bool done = false; !done;) {
      const pid_t child = start_child(r, path);
      REQUIRE(child > 0);
      if (kills >= wanted) {  // the last run may come to its end
        REQUIRE(ended(child, 0));
        done = true;
        continue;
      }
      std::this_thread::sleep_for(length * 0.6 * generator.uniform());
      done = ended(child, WNOHANG);
      if (done) continue;
      ::kill(child, SIGKILL);
      int status = 0;
      REQUIRE(::waitpid(child, &status, 0) == child);
      if (WIFEXITED(status)) {  // it was faster
        REQUIRE(WEXITSTATUS(status) == 0);
        done = true;
        continue;
      }
      ++kills;
      if (std::filesystem::exists(path)) {
        ++in_training;
        CHECK(train::load_checkpoint(path).place.global_step > 0);
      }
    }
    CHECK((bits(train::load_checkpoint(path)) == expected[r]));
  }
  CHECK(in_training > 0);
  std::cout << kills << " kills, " << in_training << " of them after a first checkpoint, in "
            << runs << " runs\n";
}
