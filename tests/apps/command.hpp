#pragma once

#include <sys/wait.h>

#include "support/files.hpp"

namespace gradus::test {

/// What a command printed and how it ended.
struct Ran {
  int status;
  std::string out, err;
};

/// Runs a shell command without input.
inline Ran run(const std::string& command) {
  const TemporaryFolder folder;
  const std::string out = folder / "out", err = folder / "err";
  const int status = std::system((command + " >'" + out + "' 2>'" + err + "' </dev/null").c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_bytes(out), read_bytes(err)};
}

/// A built program, quoted for the shell.
inline std::string program(const std::string& name) {
  return "'" + program_dir() + "/" + name + "'";
}

}  // namespace gradus::test
