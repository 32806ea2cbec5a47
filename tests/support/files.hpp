#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "support/paths.hpp"

namespace gradus::test {

/// A folder of its own that vanishes with the object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "gradus_XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}
inline std::string read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// How many files and folders are in a folder.
inline std::size_t files_in(const std::string& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

/// The folder of public data sets that some tests read, or "" after saying that the test is
/// skipped: $GRADUS_SHARED_DATA, or shared/data in a folder above the sources.
inline std::string shared_data(const std::string& name) {
  namespace fs = std::filesystem;
  if (const char* set = std::getenv("GRADUS_SHARED_DATA"); set && fs::exists(fs::path(set) / name))
    return (fs::path(set) / name).string();
  for (fs::path folder = source_dir(); folder != folder.root_path(); folder = folder.parent_path())
    if (const fs::path found = folder.parent_path() / "shared" / "data" / name; fs::exists(found))
      return found.string();
  std::cout << "skipped: " << name << " is not here; GRADUS_SHARED_DATA may name its folder\n";
  return "";
}

/// Runs a Python program that needs NumPy; false, after saying so, if there is no such Python.
inline bool run_numpy(const std::string& program, const std::string& arguments) {
  for (const char* python : {"python3", "/usr/bin/python3"}) {
    const std::string command = std::string(python) + " -c 'import numpy' 2>/dev/null";
    if (std::system(command.c_str()) != 0) continue;
    const std::string run = std::string(python) + " -c '" + program + "' " + arguments;
    if (std::system(run.c_str()) != 0) throw std::runtime_error("failed: " + run);
    return true;
  }
  std::cout << "skipped: no python3 with NumPy is here\n";
  return false;
}

}  // namespace gradus::test
