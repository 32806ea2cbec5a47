#include "gradus/train/run_folder.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "gradus/io/file.hpp"

namespace gradus::train {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void refuse(const std::string& text) { throw io::FileError("[run_folder] " + text); }

/// Makes the folder and those above it; false if it was there already.
bool make(const std::string& path) {
  std::error_code error;
  const fs::path parent = fs::path(path).parent_path();
  if (!parent.empty()) fs::create_directories(parent, error);
  if (error)
    refuse(parent.string() + ": cannot be made: " + error.message() +
           "; a folder to write to is required");
  const bool made = fs::create_directory(path, error);
  if (error)
    refuse(path + ": cannot be made: " + error.message() + "; a folder to write to is required");
  return made;
}

std::string free_name(const std::string& name) {
  for (int number = 1; number < 1'000'000; ++number) {
    const std::string path = "runs/" + name + "-" + std::to_string(number);
    if (make(path)) return path;
  }
  refuse("runs/" + name + "-1 to -999999 are there already; remove some, or name one with --run");
}

}  // namespace

RunFolder::RunFolder(const std::string& path, const std::string& name, bool overwrite, double bytes)
    : path_(path) {
  if (path.empty()) {
    path_ = free_name(name);
    made_ = true;
  } else {
    std::error_code error;
    if (fs::exists(path, error) && !fs::is_directory(path, error))
      refuse(path + ": is a file; a folder for the run is required");
    made_ = make(path);
    if (!made_ && !overwrite && !fs::is_empty(path, error))
      refuse(path + ": holds a run already; go on with it (train resume " + path +
             "), choose another folder, or replace it with --overwrite");
  }
  const std::string probe = path_ + "/.probe";
  try {
    io::write_file_atomically(probe, "");
  } catch (const Error&) {
    discard_if_empty();
    throw;
  }
  std::error_code ignored;
  fs::remove(probe, ignored);
  const fs::space_info space = fs::space(path_, ignored);
  if (!ignored && static_cast<double>(space.available) < bytes) {
    discard_if_empty();
    refuse(path_ + ": " + std::to_string(space.available / 1'000'000) + " MB are free; about " +
           std::to_string(static_cast<long long>(bytes / 1e6) + 1) +
           " MB are required for the run's files");
  }
}

void RunFolder::discard_if_empty() {
  std::error_code ignored;
  if (made_) fs::remove(path_, ignored);
}

}  // namespace gradus::train
