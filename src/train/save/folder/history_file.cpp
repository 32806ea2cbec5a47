#include "train/save/folder/history_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/messages.hpp"
#include "gradus/io/file.hpp"
#include "gradus/ops.hpp"
#include "gradus/train/logs.hpp"
#include "io/disk/output.hpp"
#include "io/disk/system.hpp"
#include "train/report/crc32c.hpp"

namespace gradus::train::detail {
namespace {

namespace fs = std::filesystem;
namespace sys = io::detail::system;

constexpr std::string_view head = "gradus-history 1\n";
constexpr std::string_view ending = ".history";

Sizes sizes_of(const Lists& lists) {
  Sizes sizes;
  for (const auto& [part, named] : lists)
    for (const auto& [name, values] : named) sizes[{part, name}] = values->size();
  return sizes;
}

/// Everything from the numbers that are written on.
std::string new_line(const std::vector<Epoch>& history, std::size_t epochs, const Lists& lists,
                     const Sizes& written) {
  Json line{{"epochs", Json::array()}, {"lists", Json::object()}};
  for (std::size_t i = epochs; i < history.size(); ++i)
    line["epochs"].push_back(to_json(history[i]));
  for (const auto& [part, named] : lists)
    for (const auto& [name, values] : named) {
      const auto known = written.find({part, name});
      const std::size_t from = known == written.end() ? 0 : known->second;
      Json numbers = Json::array();
      for (std::size_t i = from; i < values->size(); ++i) numbers.push_back(number((*values)[i]));
      line["lists"][part][name] = std::move(numbers);
    }
  return io::detail::format_json(line) + "\n";
}

void read_line(const std::string& path, std::size_t line_number, const std::string& text,
               Checkpoint& c,
               std::map<std::string, std::map<std::string, std::vector<double>>>& lists) {
  const Value line("load_checkpoint", path, "line " + text_of(line_number), text);
  line.allow({"epochs", "lists"});
  read_epochs(line.at("epochs"), c);
  for (const auto& [part, named] : line.at("lists").members())
    for (const auto& [name, numbers] : named.members()) {
      if (!c.states.contains(part)) numbers.refuse("a list of a part of the state");
      std::vector<double>& list = lists[part][name];
      for (const Value& value : numbers.items()) list.push_back(value.number());
    }
}

}  // namespace

void HistoryFile::resume(const Checkpoint& checkpoint, const Lists& lists) {
  const HistoryPlace& at = checkpoint.appended;
  if (at.file.empty() || !is_history_name(at.file, io::detail::name_of(checkpoint_))) return;
  const std::string path = compose(io::detail::folder_of(checkpoint_), "/", at.file);
  std::error_code error;
  if (fs::is_symlink(path, error) || !fs::is_regular_file(path, error) ||
      fs::file_size(path, error) != static_cast<std::uintmax_t>(at.bytes) || error)
    return;
  // Callbacks may take up their lists later; the checkpoint has them already.
  Sizes written = sizes_of(lists);
  for (auto& [key, size] : written) {
    const auto state = checkpoint.states.find(key.first);
    if (state == checkpoint.states.end() || !state->second.contains(key.second)) return;
    size = static_cast<std::size_t>(state->second.at(key.second).numel());
  }
  io::detail::Output file(path, at.bytes);
  if (!io::detail::try_lock(file.fd())) return;
  file_ = std::move(file);
  place_ = at;
  epochs_ = checkpoint.history.size();
  lists_ = std::move(written);
}

HistoryPlace HistoryFile::add(const std::vector<Epoch>& history, const Lists& lists) {
  if (file_ && history.size() == epochs_ && sizes_of(lists) == lists_) return place_;
  try {
    if (!file_) {
      epochs_ = 0;
      lists_.clear();
      place_ = {.file = io::detail::name_of(checkpoint_) + "." + io::detail::random_name() +
                        std::string(ending)};
      file_ = io::detail::Output::create(io::detail::folder_of(checkpoint_) + "/" + place_.file);
      if (!io::detail::try_lock(file_->fd()))
        io::detail::fail_write(file_->path(), "locking", errno);
    }
    const std::string text = (place_.bytes == 0 ? std::string(head) : std::string()) +
                             new_line(history, epochs_, lists, lists_);
    file_->add(text);
    file_->sync();
    place_.bytes += static_cast<std::int64_t>(text.size());
    place_.crc = crc32c(text, place_.crc);
  } catch (...) {
    // Half a line may stand there: what comes later, if anything does, begins a new file.
    file_.reset();
    alone_ = false;
    throw;
  }
  epochs_ = history.size();
  lists_ = sizes_of(lists);
  return place_;
}

void HistoryFile::remove_others() {
  if (std::exchange(alone_, true)) return;
  const std::string folder = io::detail::folder_of(checkpoint_);
  const std::string checkpoint = io::detail::name_of(checkpoint_);
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string(), path = compose(folder, "/", name);
    if (name == place_.file || !is_history_name(name, checkpoint) || !is_history_file(path))
      continue;
    const io::detail::Descriptor file(sys::open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
    if (file && sys::flock(file.get(), LOCK_EX | LOCK_NB) == 0) sys::unlink(path);
  }
}

void read_history(const std::string& checkpoint, Checkpoint& c) {
  const std::string path = compose(io::detail::folder_of(checkpoint), "/", c.appended.file);
  const auto refuse = [&](const std::string& what) {
    fail("load_checkpoint", printable(checkpoint), ": its history, ", printable(path), ", ", what,
         "; the file as it was written, in the folder of the "
         "checkpoint, is required");
  };
  if (c.appended.file.find('/') != std::string::npos || !c.appended.file.ends_with(ending))
    refuse("has no name of a history");
  if (!fs::exists(path)) refuse("is missing");
  if (!fs::is_regular_file(path)) refuse("is no regular file");
  std::string text = io::read_file(path, {.unpack = false});
  const auto bytes = static_cast<std::size_t>(c.appended.bytes);
  if (c.appended.bytes < static_cast<std::int64_t>(head.size()) || text.size() < bytes)
    refuse("is shorter than the " + text_of(c.appended.bytes) + " bytes that are needed");
  text.resize(bytes);
  if (!text.starts_with(head) || text.back() != '\n' || crc32c(text) != c.appended.crc)
    refuse("is damaged");
  std::map<std::string, std::map<std::string, std::vector<double>>> lists;
  std::size_t line_number = 1;
  for (std::size_t at = head.size(); at < text.size();) {
    const std::size_t end = text.find('\n', at);
    read_line(path, ++line_number, text.substr(at, end - at), c, lists);
    at = end + 1;
  }
  for (const auto& [part, named] : lists)
    for (const auto& [name, numbers] : named) c.states[part][name] = from_vector(numbers);
}

bool is_history_name(const std::string& name, const std::string& checkpoint) {
  return name.starts_with(checkpoint + ".") && name.ends_with(ending) &&
         name.size() > checkpoint.size() + ending.size() &&
         io::detail::is_random_name(std::string_view(name).substr(
             checkpoint.size() + 1, name.size() - checkpoint.size() - 1 - ending.size()));
}

bool is_history_file(const std::string& path) {
  const io::detail::Descriptor file(sys::open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  if (!file && errno != ELOOP && errno != ENOENT) io::detail::fail_write(path, "opening", errno);
  std::string start(head.size(), '\0');
  const ssize_t size = file ? ::pread(file.get(), start.data(), start.size(), 0) : 0;
  // One that was killed at its first write may have less, or nothing.
  return file && size >= 0 && head.starts_with(start.substr(0, static_cast<std::size_t>(size)));
}

}  // namespace gradus::train::detail
