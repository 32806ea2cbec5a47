#include "gradus/train/run_folder.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <vector>

#include "base/messages.hpp"
#include "gradus/io/file.hpp"
#include "io/disk/output.hpp"
#include "io/disk/system.hpp"
#include "train/save/folder/folder_lock.hpp"
#include "train/save/folder/manifest.hpp"

namespace gradus::train {

namespace fs = std::filesystem;
namespace sys = io::detail::system;
using detail::FolderLock;

/// Of the folder where files go, and of the one that is replaced.
struct RunFolder::Locks {
  std::vector<FolderLock> held;
};

namespace {

[[noreturn]] void refuse(const std::string& text) { throw io::FileError("[run_folder] " + text); }

/// Makes the folder and those above it; false if it was there already.
bool make(const std::string& path) {
  if (sys::mkdir(path) == 0) return true;
  int error = errno;
  if (error == ENOENT && io::detail::folder_of(path) != path) {
    make(io::detail::folder_of(path));
    if (sys::mkdir(path) == 0) return true;
    error = errno;
  }
  if (error == EEXIST && io::detail::is_folder(path)) return false;
  refuse(printable(path) + ": cannot be made: " + std::strerror(error) +
         "; a folder to write to is required");
}

/// The folders around this one that are not there, the innermost first.
std::vector<std::string> missing_above(const std::string& path) {
  std::vector<std::string> missing;
  for (std::string at = io::detail::folder_of(path); !io::detail::exists(at);
       at = io::detail::folder_of(at))
    missing.push_back(at);
  return missing;
}

/// The path as it is shown, if it leads straight to the folder, without slashes at its end;
/// otherwise (".", "..", links) the folder's own path.
std::string tidy(std::string path) {
  while (path.starts_with("./") && path.size() > 2) path.erase(0, path.find_first_not_of('/', 1));
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  std::error_code ignored;
  bool straight = !fs::is_symlink(path, ignored);
  for (const fs::path& part : fs::path(path)) straight &= part != "." && part != "..";
  if (straight) return path;
  std::error_code error;
  const fs::path real = fs::weakly_canonical(fs::absolute(path), error);
  if (error) refuse(printable(path) + ": cannot be followed: " + error.message());
  return real.string();
}

std::string free_name(const std::string& name) {
  for (int number = 1; number < 1'000'000; ++number) {
    const std::string path = compose("runs/", name, "-", number);
    if (make(path)) return path;
  }
  refuse("runs/" + printable(name) +
         "-1 to -999999 are there already; remove some, or name one with --run");
}

/// Throws unless files can be moved from one folder to the other.
bool can_move(const std::string& from, const std::string& to) {
  std::string temporary;
  const io::detail::Descriptor file =
      io::detail::make_temporary(from + "/" + detail::staging_name, 0600, temporary);
  const std::string there = compose(to, "/", io::detail::name_of(temporary));
  const bool moved = sys::rename(temporary, there) == 0;
  sys::unlink(moved ? there : temporary);
  return moved;
}

/// Why a folder is not used without --overwrite.
std::string taken_text(const std::string& path) {
  const std::string shown = printable(path);
  if (!detail::holds_run(path))
    return shown + ": holds files that are no run's; an empty folder is required; choose another";
  const std::string staging = detail::staging_folder(path, false);
  const bool left = io::detail::is_folder(staging) && detail::holds_run(staging);
  return compose(
      shown, ": holds a run already; go on with it (train resume ", shown,
      "), choose another folder, or replace it with --overwrite",
      (left ? "; " + printable(staging) + " holds one that was to replace it (train resume " +
                  printable(staging) + ")"
            : ""));
}

void require_run(const std::string& path) {
  if (const std::string name = detail::foreign_file(path); !name.empty())
    refuse(printable(path) + ": holds " + printable(name) +
           ", which is no file of a run; a folder with nothing else in it is required for "
           "--overwrite; move the file, or choose another folder");
}

}  // namespace

RunFolder::RunFolder() : locks_(std::make_unique<Locks>()) {}
RunFolder::~RunFolder() = default;
RunFolder::RunFolder(RunFolder&&) noexcept = default;
RunFolder& RunFolder::operator=(RunFolder&&) noexcept = default;

RunFolder::RunFolder(const std::string& path, const std::string& name, RunFolderOptions options)
    : RunFolder() {
  made_above_ = missing_above(path.empty() ? "runs/" + name : tidy(path));
  path_ = path.empty() ? free_name(name) : tidy(path);
  target_ = path_;
  if (io::detail::exists(path_) && !io::detail::is_folder(path_))
    refuse(printable(path_) + ": is a file; a folder for the run is required");
  made_ = path.empty() || make(path_);
  try {
    // In a folder that is not a run's, nothing is written before it is refused.
    const auto locked = [&] { return io::detail::exists(path_ + "/" + FolderLock::file_name); };
    if (locked()) locks_->held.emplace_back(path_);
    if (!detail::holds_nothing(path_) && options.overwrite && !detail::has_replacement(path_))
      require_run(path_);
    if (!detail::holds_nothing(path_) && !options.overwrite) refuse(taken_text(path_));
    if (locks_->held.empty()) locks_->held.emplace_back(path_);
    detail::finish_replacement(path_);
    if (!detail::holds_nothing(path_)) {
      if (!options.overwrite) refuse(taken_text(path_));  // it has come since
      require_run(path_);
      stage();
    }
    prepare(options.bytes);
  } catch (const RunBusyError&) {
    throw;  // what is there is another's
  } catch (...) {
    try {
      discard();
    } catch (const Error&) {  // the first failure is the one to be told
    }
    throw;
  }
}

/// Files go to a folder beside the target, or, where they could not be moved from there, in it.
void RunFolder::stage() {
  for (const bool inside : {false, true}) {
    const std::string staging = detail::staging_folder(target_, inside);
    if (!inside && sys::mkdir(staging) != 0 && errno != EEXIST) continue;
    std::error_code ignored;
    if (inside) make(staging);
    if (!fs::is_directory(fs::symlink_status(staging, ignored)))
      refuse(printable(staging) +
             ": is a link or a file; the new run's folder until it has succeeded is required "
             "there; move it, or choose another folder");
    const bool known = io::detail::exists(staging + "/" + FolderLock::file_name);
    if (!known) require_run(staging);
    locks_->held.emplace_back(staging);
    if (known) require_run(staging);
    for (const std::string& file : detail::run_files(staging)) sys::unlink(staging + "/" + file);
    if (can_move(staging, target_) || inside) {
      path_ = staging;
      return;
    }
    locks_->held.pop_back();
    detail::remove_run(staging);
  }
}

/// Finds out now what would fail later.
void RunFolder::prepare(double bytes) {
  io::detail::remove_stale_temporaries(path_);
  if (path_ != target_) io::detail::remove_stale_temporaries(target_);
  detail::write_manifest(path_, {});
  std::error_code ignored;
  const fs::space_info space = fs::space(path_, ignored);
  if (!ignored && static_cast<double>(space.available) < bytes)
    refuse(printable(path_) + ": " + text_of(space.available / 1'000'000) + " MB are free; about " +
           text_of(static_cast<long long>(bytes / 1e6) + 1) +
           " MB are required for the run's files; free some space, or choose a folder on another "
           "disk");
}

RunFolder RunFolder::open(const std::string& path) {
  RunFolder folder;
  folder.path_ = folder.target_ = tidy(path);
  if (!io::detail::is_folder(folder.path_))
    fail("run_folder", printable(path), ": is no folder; the folder of a run is required");
  if (!detail::holds_run(folder.path_) && !detail::has_replacement(folder.path_))
    fail("run_folder", printable(path), ": holds no run; the folder of a run is required");
  folder.locks_->held.emplace_back(folder.path_);
  detail::finish_replacement(folder.path_);
  io::detail::remove_stale_temporaries(folder.path_);
  const std::string inside = std::string("/") + detail::staging_name;
  for (const std::string& ending : {std::string(".new"), inside}) {
    if (!folder.path_.ends_with(ending)) continue;
    const std::string target = folder.path_.substr(0, folder.path_.size() - ending.size());
    if (!io::detail::exists(target + "/" + FolderLock::file_name)) continue;
    folder.locks_->held.emplace_back(target);
    detail::finish_replacement(target);
    folder.target_ = target;
  }
  return folder;
}

void RunFolder::recover(const std::string& path) {
  if (detail::has_replacement(tidy(path))) open(path);
}

void RunFolder::claim(const std::vector<std::string>& files) {
  detail::Files all = detail::listed_files(path_);
  std::error_code ignored;
  for (const std::string& file : files) {
    if (!all.contains(file) && fs::exists(fs::symlink_status(path_ + "/" + file, ignored)))
      refuse(printable(path_ + "/" + file) +
             ": is there, and no run wrote it; move it, or choose another place");
    all.insert(file);
  }
  detail::write_manifest(path_, all);
}

void RunFolder::discard() {
  const bool empty = !locks_->held.empty() && detail::holds_nothing(path_);
  if (path_ != target_ || empty) remove();
}

void RunFolder::remove() {
  detail::remove_run(path_, made_ || path_ != target_);
  for (const std::string& above : made_above_)
    if (::rmdir(above.c_str()) != 0) return;  // others use it meanwhile
}

void RunFolder::commit() {
  if (path_ == target_) return;
  try {
    detail::replace_run(target_, detail::plan_replacement(target_, path_));
  } catch (const Error& error) {
    refuse(printable(target_) + ": cannot be replaced: " + error.what() + "; the run is in " +
           printable(path_) + (detail::has_replacement(target_) ? ", in part" : ""));
  }
  path_ = target_;
}

}  // namespace gradus::train
