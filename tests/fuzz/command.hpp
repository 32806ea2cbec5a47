#pragma once

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "../../apps/train/command_line.hpp"
#include "../../apps/train/commands.hpp"
#include "fuzz/fuzz.hpp"
#include "gradus/train.hpp"

// What the train command does, called as it calls itself.
namespace gradus::fuzz {

/// A folder for the files of this process, in memory where there is such a place.
inline std::string folder() {
  static const std::string& path =
      *new std::string([] {  // used at the exit, after statics are gone
        const std::string base = std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : "/tmp";
        std::string made = base + "/gradus_fuzz_" + std::to_string(::getpid());
        std::filesystem::create_directories(made);
        std::atexit([] { std::filesystem::remove_all(folder()); });
        return made;
      }());
  return path;
}

inline void write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

/// Ends the process unless a message is one line that says something.
inline void check_message(const std::string& text) {
  if (!text.empty() && text.find('\n') == std::string::npos && text[0] == '[') return;
  std::fprintf(stderr, "a message of more than one line, or of none:\n%s\n", text.c_str());
  __builtin_trap();
}

inline void call(int (*command)(int, char**), std::vector<std::string> arguments) {
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  command(static_cast<int>(pointers.size()), pointers.data());
}

/// Runs a command that has to end well.
inline void must_run(int (*command)(int, char**), const std::vector<std::string>& arguments) {
  try {
    call(command, arguments);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    __builtin_trap();
  }
}

/// Runs a command: it may end well or throw Error with one line, and nothing else.
inline bool run(int (*command)(int, char**), const std::vector<std::string>& arguments) {
  try {
    call(command, arguments);
    return true;
  } catch (const UsageError&) {
  } catch (const Error& e) {
    check_message(e.what());
  }
  return false;
}

/// What commands print is not looked at.
inline void be_quiet() {
  if (!std::freopen("/dev/null", "w", stdout)) __builtin_trap();
}

}  // namespace gradus::fuzz
