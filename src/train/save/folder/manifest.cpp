#include "train/save/folder/manifest.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <sstream>

#include "base/messages.hpp"
#include "gradus/io/file.hpp"
#include "io/disk/output.hpp"
#include "io/disk/system.hpp"
#include "train/save/folder/folder_lock.hpp"
#include "train/save/folder/history_file.hpp"

namespace gradus::train::detail {
namespace {

namespace fs = std::filesystem;
namespace sys = io::detail::system;

constexpr const char* list_name = ".gradus-run";
constexpr const char* plan_name = ".gradus-commit";
constexpr const char* list_head = "gradus-run 1";
constexpr const char* plan_head = "gradus-commit 1";
constexpr const char* checkpoint_name = "checkpoint.safetensors";
constexpr std::array named = {"config.json",   "model.safetensors", checkpoint_name,
                              "history.jsonl", "log.csv",           "report.html"};

[[noreturn]] void refuse(const std::string& text) { throw io::FileError("[run_folder] " + text); }

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

/// "tensorboard/events.out.tfevents.1764496965.gradus.…"
bool is_event_file(const std::string& name) {
  constexpr std::string_view start = "tensorboard/events.out.tfevents.", mark = ".gradus.";
  if (!name.starts_with(start)) return false;
  const std::size_t at = name.find(mark, start.size());
  return at != std::string::npos &&
         is_digits(std::string_view(name).substr(start.size(), at - start.size())) &&
         name.find('/', at) == std::string::npos;
}

/// The lines of a small file that begins with `first`; throws for another, and is empty for none.
std::vector<std::string> read_lines(const std::string& path, const char* first) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return {};
  std::vector<std::string> lines;
  std::istringstream text(S_ISREG(info.st_mode) ? io::read_file(path, {.unpack = false}) : "");
  std::string line;
  if (!std::getline(text, line) || line != first)
    refuse(printable(path) +
           ": is not as gradus writes it; is it damaged? remove it, or choose "
           "another folder");
  while (std::getline(text, line)) lines.push_back(line);
  return lines;
}

bool is_regular(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

bool is_own(const std::string& name) {
  return name == list_name || name == plan_name || name == FolderLock::file_name ||
         io::detail::is_temporary(name);
}

/// All that is in a folder but gradus's own notes, as names relative to it; folders in it that are
/// no run's as themselves.
std::vector<std::string> list_files(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (is_own(name) && is_regular(entry.path().string())) continue;
    if (name == staging_name && fs::is_directory(entry.symlink_status())) continue;
    if (name != "tensorboard" || !fs::is_directory(entry.symlink_status())) {
      names.push_back(name);
      continue;
    }
    for (const auto& inner : fs::directory_iterator(entry.path(), error))
      names.push_back(name + "/" + inner.path().filename().string());
  }
  if (error) refuse(printable(folder) + ": cannot be read: " + error.message());
  return names;
}

/// Those of `files` that are there as files, and the histories of a checkpoint among them.
Files present(const std::string& folder, const Files& files) {
  Files there;
  for (const std::string& name : list_files(folder)) {
    const bool history = files.contains(checkpoint_name) &&
                         is_history_name(name, checkpoint_name) &&
                         is_history_file(folder + "/" + name);
    if ((history || files.contains(name)) && is_regular(folder + "/" + name)) there.insert(name);
  }
  return there;
}

void remove_file(const std::string& path) {
  if (sys::unlink(path) != 0 && errno != ENOENT) io::detail::fail_write(path, "removing", errno);
}

/// The folder goes if nothing is left in it; what is not gradus's keeps it.
void remove_folder(const std::string& path) {
  if (sys::rmdir(path) != 0 && errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST &&
      errno != EBUSY)
    io::detail::fail_write(path, "removing", errno);
}

void sync(const std::string& folder) {
  if (const int error = io::detail::sync_folder(folder))
    io::detail::fail_write(folder, "flushing the folder", error);
}

/// A checkpoint comes after the history that it names.
bool comes_before(const std::string& a, const std::string& b) {
  const auto place = [](const std::string& name) {
    return is_history_name(name, checkpoint_name) ? 0 : name == checkpoint_name ? 1 : 2;
  };
  return place(a) != place(b) ? place(a) < place(b) : a < b;
}

void carry_out(const std::string& folder, const Replacement& replacement) {
  for (const std::string& name : replacement.put) {
    if (name.find('/') != std::string::npos &&
        sys::mkdir(folder + "/" + io::detail::folder_of(name)) != 0 && errno != EEXIST)
      io::detail::fail_write(folder + "/" + name, "making its folder", errno);
    // One that is not there any more was put already.
    if (sys::rename(replacement.from + "/" + name, folder + "/" + name) != 0 && errno != ENOENT)
      io::detail::fail_write(folder + "/" + name, "renaming", errno);
  }
  for (const std::string& name : replacement.take_out) remove_file(folder + "/" + name);
  remove_folder(folder + "/tensorboard");
  sync(folder);
  write_manifest(folder, {replacement.put.begin(), replacement.put.end()});
  remove_run(replacement.from);
  remove_file(folder + "/" + plan_name);
}

/// True for names that a run gives to files: config.json, tensorboard/events.…, …
bool is_run_file(const std::string& name) {
  return std::find(named.begin(), named.end(), name) != named.end() || is_event_file(name) ||
         is_history_name(name, checkpoint_name);
}

}  // namespace

Files listed_files(const std::string& folder) {
  const std::string list = compose(folder, "/", list_name);
  struct stat info {};
  Files files;
  if (::lstat(list.c_str(), &info) == 0) {
    for (const std::string& name : read_lines(list, list_head))
      if (is_run_file(name)) files.insert(name);
  } else {
    for (const std::string& name : list_files(folder))
      if (is_run_file(name)) files.insert(name);
  }
  return files;
}

Files run_files(const std::string& folder) { return present(folder, listed_files(folder)); }

void write_manifest(const std::string& folder, const Files& files) {
  std::string text = std::string(list_head) + "\n";
  for (const std::string& name : files) text += name + "\n";
  io::write_file_atomically(folder + "/" + list_name, text);
}

std::string foreign_file(const std::string& folder) {
  const Files own = run_files(folder);
  for (const std::string& name : list_files(folder))
    if (!own.contains(name)) return name;
  return "";
}

bool holds_run(const std::string& folder) { return !run_files(folder).empty(); }
bool holds_nothing(const std::string& folder) { return list_files(folder).empty(); }

void remove_run(const std::string& folder, bool folder_too) {
  if (!io::detail::is_folder(folder)) return;
  for (const std::string& name : run_files(folder)) remove_file(folder + "/" + name);
  io::detail::remove_stale_temporaries(folder);
  remove_folder(folder + "/tensorboard");
  if (!holds_nothing(folder)) return;
  for (const char* own : {list_name, FolderLock::file_name}) remove_file(folder + "/" + own);
  if (folder_too) remove_folder(folder);
}

std::string staging_folder(const std::string& folder, bool inside) {
  return inside ? folder + "/" + staging_name : folder + ".new";
}

Replacement plan_replacement(const std::string& folder, const std::string& from) {
  const Files added = run_files(from), old = run_files(folder);
  for (const std::string& name : list_files(folder))
    if (added.contains(name) && !old.contains(name))
      refuse(printable(folder + "/" + name) +
             ": has come while the run went on, and no run wrote it; move it; the run is in " +
             printable(from));
  Replacement plan{.from = from, .put = {added.begin(), added.end()}, .take_out = {}};
  std::sort(plan.put.begin(), plan.put.end(), comes_before);
  std::set_difference(old.begin(), old.end(), added.begin(), added.end(),
                      std::back_inserter(plan.take_out));
  return plan;
}

void replace_run(const std::string& folder, const Replacement& replacement) {
  std::string text = std::string(plan_head) + "\n";
  const bool inside = replacement.from == staging_folder(folder, true);
  text += inside ? "inside\n" : "beside\n";
  for (const std::string& name : replacement.put) text += compose("+", name, "\n");
  for (const std::string& name : replacement.take_out) text += compose("-", name, "\n");
  io::write_file_atomically(folder + "/" + plan_name, text);
  carry_out(folder, replacement);
}

bool has_replacement(const std::string& folder) { return is_regular(folder + "/" + plan_name); }

void finish_replacement(const std::string& folder) {
  if (!has_replacement(folder)) return;
  const std::vector<std::string> lines = read_lines(folder + "/" + plan_name, plan_head);
  Replacement replacement;
  for (const std::string& line : lines) {
    if (line == "inside" || line == "beside")
      replacement.from = staging_folder(folder, line == "inside");
    else if (line.size() > 1 && is_run_file(line.substr(1)) && (line[0] == '+' || line[0] == '-'))
      (line[0] == '+' ? replacement.put : replacement.take_out).push_back(line.substr(1));
  }
  if (!replacement.from.empty()) carry_out(folder, replacement);
}

}  // namespace gradus::train::detail
