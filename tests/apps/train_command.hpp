#pragma once

#include "apps/command.hpp"

namespace gradus::test {

/// Options of a training that takes no time.
inline const std::string quick = "--data xor --epochs 1 --hidden 4 --quiet ";

/// Writes a file into the folder; its path, quoted for the shell.
inline std::string write(const TemporaryFolder& folder, const std::string& name,
                         const std::string& text) {
  write_bytes(folder / name, text);
  return "'" + (folder / name) + "'";
}

/// Runs train in a folder of its own, so that nothing is left behind.
inline Ran train(const TemporaryFolder& folder, const std::string& options) {
  return run("cd '" + folder.path() + "' && " + program("train") + " " + options);
}

}  // namespace gradus::test
