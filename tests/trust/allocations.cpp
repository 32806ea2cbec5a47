// allocations <places> <seed>: lets one allocation fail, at seeded places of a training run, a save
// and a load, and looks at what is left: an exception that says so, no tensor or node that somebody
// still holds, the file of before or the whole new one, and a next attempt that ends with the bits
// of an undisturbed one.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <new>

#include "base/pool.hpp"
#include "gradus/gradus.hpp"
#include "gradus/train.hpp"
#include "train/save/resume_support.hpp"

namespace {

// Counts what this thread allocates, and fails once.
thread_local std::int64_t allocations = 0, failing = 0;

void* counted(std::size_t bytes, std::size_t alignment) {
  if (++allocations == failing) return nullptr;
  if (alignment <= __STDCPP_DEFAULT_NEW_ALIGNMENT__) return std::malloc(bytes ? bytes : 1);
  return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}
void* counted_or_throw(std::size_t bytes, std::size_t alignment) {
  void* const memory = counted(bytes, alignment);
  if (!memory) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t n) { return counted_or_throw(n, 1); }
void* operator new[](std::size_t n) { return counted_or_throw(n, 1); }
void* operator new(std::size_t n, std::align_val_t a) {
  return counted_or_throw(n, std::size_t(a));
}
void* operator new[](std::size_t n, std::align_val_t a) {
  return counted_or_throw(n, std::size_t(a));
}
void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return counted(n, 1); }
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept { return counted(n, 1); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

using namespace gradus;
using namespace gradus::test;

namespace {

int faults = 0, exceptions = 0, aborts = 0;

/// Every bit of a checkpoint but what was noticed: a layer that memory did not suffice to look at
/// is a finding.
std::string state_of(train::Checkpoint checkpoint) {
  checkpoint.findings.clear();
  checkpoint.states.erase("callback.monitor");
  return bits(std::move(checkpoint));
}

using Files = std::map<std::string, std::string>;

/// What the files of a folder hold.
Files contents_of(const std::string& folder) {
  Files files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    files[entry.path().string()] = read_bytes(entry.path().string());
  return files;
}
void put(const Files& files, const std::string& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    std::filesystem::remove(entry.path());
  for (const auto& [path, bytes] : files) write_bytes(path, bytes);
}

Recipe recipe(const std::string& path) {
  Recipe r{.what = "", .plateau = true, .monitored = true};
  r.options = {.epochs = 4,
               .clip_norm = 1,
               .ema_decay = 0.9,
               .checkpoint = {.path = path, .every_steps = 3}};
  return r;
}

using Require = std::function<void(bool holds, const std::string& what)>;

/// What is to be done, and what is to be looked at after a failure.
struct Activity {
  const char* name;
  std::function<void()> prepare, run;
  std::function<void(const Require&, bool aborted)> judge;
};

enum class Outcome { done_without, exception, fault };

void say(const Activity& activity, std::int64_t place, const std::string& what) {
  std::fprintf(stderr, "%s, allocation %lld: %s\n", activity.name, static_cast<long long>(place),
               what.c_str());
}

/// Runs with one failing allocation, in a process of its own; returns how that has to end.
Outcome attempt(const Activity& activity, std::int64_t place, bool in_pool) {
  const MemoryStats before = memory_stats();
  Outcome outcome = Outcome::done_without;
  if (in_pool)
    detail::fail_allocation_after(place);
  else
    failing = allocations + place;
  const auto complain = [&](const std::string& what) {
    say(activity, place, what);
    outcome = Outcome::fault;
  };
  try {
    activity.run();
    failing = 0;
    detail::fail_allocation_after(0);
  } catch (const std::exception& error) {
    failing = 0;
    detail::fail_allocation_after(0);
    outcome = Outcome::exception;
    const bool bad_alloc = dynamic_cast<const std::bad_alloc*>(&error);
    const std::string text = error.what();
    if (!bad_alloc && !dynamic_cast<const Error*>(&error)) complain("another exception: " + text);
    if (!bad_alloc && text.find("memory") == std::string::npos)
      complain("the text does not say that memory ran out: " + text);
  }
  const MemoryStats after = memory_stats();
  if (after.live_tensors != before.live_tensors || after.live_nodes != before.live_nodes ||
      after.live_buffers != before.live_buffers || after.live_bytes != before.live_bytes)
    complain("something is still held");
  return outcome;
}

/// Two kinds of places: C++'s operator new, and the pool of tensors and nodes, which fails by
/// itself.
void fail_at(const Activity& activity, std::int64_t place, bool in_pool) {
  activity.prepare();
  const pid_t child = ::fork();
  if (child == 0) ::_exit(static_cast<int>(attempt(activity, place, in_pool)));
  int status = 0;
  ::waitpid(child, &status, 0);
  // The destructor of a JSON value asks for memory and may not throw: nlohmann's library ends the
  // process there. The files are judged all the same.
  const bool aborted = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
  if (aborted)
    ++aborts;
  else if (!WIFEXITED(status) || WEXITSTATUS(status) == static_cast<int>(Outcome::fault))
    ++faults, say(activity, place, "ended with status " + std::to_string(status));
  else
    exceptions += WEXITSTATUS(status) == static_cast<int>(Outcome::exception);
  activity.judge(
      [&](bool holds, const std::string& what) {
        if (!holds) ++faults, say(activity, place, what);
      },
      aborted);
}

/// So many allocations an undisturbed run makes: of operator new, and of the pool.
std::int64_t count(const Activity& activity, bool in_pool) {
  activity.prepare();
  if (!in_pool) {
    const std::int64_t before = allocations;
    activity.run();
    return allocations - before;
  }
  constexpr std::int64_t far = std::int64_t{1} << 60;
  detail::fail_allocation_after(far);
  activity.run();
  const std::int64_t used = far - detail::thread_cache.fail_countdown;
  detail::fail_allocation_after(0);
  return used;
}

}  // namespace

int main(int argc, char** argv) {
  const int places = argc > 1 ? std::atoi(argv[1]) : 500;
  Generator generator(argc > 2 ? static_cast<std::uint64_t>(std::atoll(argv[2])) : 11);
  set_num_threads(1);
  const TemporaryFolder folder;
  const std::string path = folder / "c.safetensors";

  try {
    Program program(recipe(path), 1);
    program.killer.at = 11;
    program.fit();
  } catch (const Killed&) {
  }
  const Files middle_files = contents_of(folder.path());
  put({}, folder.path());
  Program(recipe(path), 1).fit();
  const train::Checkpoint finished = train::load_checkpoint(path);
  const Files old_files = contents_of(folder.path());
  const std::string expected = state_of(finished);
  train::Checkpoint other = finished;
  other.texts["note"] = "another one";
  const std::string changed = state_of(other);

  // A checkpoint is a file and its history.
  const auto nothing_is_left = [&](const Require& require) {
    const Files files = contents_of(folder.path());
    std::string names;
    for (const auto& file : files) names += " " + file.first;
    require(files.empty() || (files.size() == 2 && files.contains(path)),
            "files are left:" + names);
  };
  // The history of a checkpoint that was never finished is removed by the run that goes on.
  const auto goes_on = [&](const Require& require, bool) {
    train::Checkpoint checkpoint;
    const bool resumed = std::filesystem::exists(path);
    if (resumed) checkpoint = train::load_checkpoint(path);
    Program program(recipe(path), resumed ? 999 : 1);
    if (resumed) program.options.resume = &checkpoint;
    program.fit();
    nothing_is_left(require);
    require(state_of(train::load_checkpoint(path)) == expected, "other bits after going on");
  };
  const Activity activities[] = {
      {"a training run", [&] { put({}, folder.path()); }, [&] { Program(recipe(path), 1).fit(); },
       goes_on},
      {"a save", [&] { put(old_files, folder.path()); },
       [&] { train::save_checkpoint(path, other); },
       [&](const Require& require, bool aborted) {
         const std::string now = state_of(train::load_checkpoint(path));
         require(now == expected || now == changed, "neither the old checkpoint nor the new one");
         if (!aborted) nothing_is_left(require);
       }},
      {"a run that goes on", [&] { put(middle_files, folder.path()); },
       [&] {
         const train::Checkpoint middle = train::load_checkpoint(path);
         Program program(recipe(path), 999);
         program.options.resume = &middle;
         program.fit();
       },
       goes_on},
      {"a load", [&] { put(old_files, folder.path()); }, [&] { train::load_checkpoint(path); },
       [&](const Require& require, bool) {
         require(contents_of(folder.path()) == old_files, "a file changed");
         require(state_of(train::load_checkpoint(path)) == expected, "other bits the next time");
       }},
  };
  std::printf("{\"places\": {");
  int done = 0;
  for (const Activity& activity : activities)
    for (const bool in_pool : {false, true}) {
      const std::int64_t all = count(activity, in_pool);
      const int share =
          (places - done) / (8 - (static_cast<int>(&activity - activities) * 2 + in_pool));
      done += share;
      std::printf("%s\"%s, %s\": [%d, %lld]", &activity == activities && !in_pool ? "" : ", ",
                  activity.name, in_pool ? "pool" : "operator new", share,
                  static_cast<long long>(all));
      for (int i = 0; i < share; ++i)
        fail_at(activity,
                1 + static_cast<std::int64_t>(generator.uniform() * static_cast<double>(all)),
                in_pool);
    }
  std::printf("}, \"tried\": %d, \"exceptions\": %d, \"aborts\": %d, \"faults\": %d}\n", done,
              exceptions, aborts, faults);
  return faults != 0;
}
