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

/// Throws unless all that the folder holds are files of a run: nothing else is ever removed.
void require_run(const std::string& path) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path, error)) {
    const std::string name = entry.path().filename().string();
    bool known = name.starts_with(".probe") || name.find(".tmp") != std::string::npos;
    for (const char* file : {"config.json", "model.safetensors", "checkpoint.safetensors",
                             "history.jsonl", "log.csv", "report.html", "tensorboard"})
      known |= name == file;
    if (!known)
      refuse(path + ": holds " + name +
             ", which is no file of a run; a folder with nothing else in it is required for "
             "--overwrite; move the file, or choose another folder");
  }
  if (error) refuse(path + ": cannot be read: " + error.message());
}

std::string free_name(const std::string& name) {
  for (int number = 1; number < 1'000'000; ++number) {
    const std::string path = "runs/" + name + "-" + text_of(number);
    if (make(path)) return path;
  }
  refuse("runs/" + name + "-1 to -999999 are there already; remove some, or name one with --run");
}

}  // namespace

RunFolder::RunFolder(const std::string& path, const std::string& name, bool overwrite, double bytes)
    : path_(path), target_(path) {
  if (path.empty()) {
    path_ = target_ = free_name(name);
    made_ = true;
  } else {
    std::error_code error;
    if (fs::exists(path, error) && !fs::is_directory(path, error))
      refuse(path + ": is a file; a folder for the run is required");
    made_ = make(path);
    const bool taken = !made_ && !fs::is_empty(path, error);
    if (taken && !overwrite)
      refuse(path + ": holds a run already; go on with it (train resume " + path +
             "), choose another folder, or replace it with --overwrite");
    if (taken) {
      require_run(path);
      path_ = fs::path(path).string() + ".new";
      while (path_.size() > 5 && path_[path_.size() - 5] == '/') path_.erase(path_.size() - 5, 1);
      if (fs::exists(path_, error)) {
        require_run(path_);
        fs::remove_all(path_, error);
      }
      made_ = make(path_);
    }
  }
  const std::string probe = path_ + "/.probe";
  try {
    io::write_file_atomically(probe, "");
  } catch (const Error&) {
    discard();
    throw;
  }
  std::error_code ignored;
  fs::remove(probe, ignored);
  const fs::space_info space = fs::space(path_, ignored);
  if (!ignored && static_cast<double>(space.available) < bytes) {
    discard();
    refuse(path_ + ": " + text_of(space.available / 1'000'000) + " MB are free; about " +
           text_of(static_cast<long long>(bytes / 1e6) + 1) +
           " MB are required for the run's files; free some space, or choose a folder on another "
           "disk");
  }
}

void RunFolder::discard() {
  std::error_code ignored;
  if (path_ != target_)
    fs::remove_all(path_, ignored);
  else if (made_)
    fs::remove(path_, ignored);
}

void RunFolder::commit() {
  if (path_ == target_) return;
  std::error_code error;
  fs::remove_all(target_, error);
  if (!error) fs::rename(path_, target_, error);
  if (error)
    refuse(target_ + ": cannot be replaced: " + error.message() + "; the run is in " + path_);
  path_ = target_;
}

}  // namespace gradus::train
