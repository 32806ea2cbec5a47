#include "train/save/storage.hpp"

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "gradus/io/file.hpp"

namespace gradus::train::detail {
namespace {

namespace fs = std::filesystem;

std::uintmax_t bytes_of(const std::map<std::string, Tensor>& tensors) {
  std::uintmax_t bytes = 0;
  for (const auto& [name, tensor] : tensors)
    bytes += static_cast<std::uintmax_t>(tensor.numel()) * size_of(tensor.dtype()) + 128;
  return bytes;
}

std::string megabytes(std::uintmax_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f MB", static_cast<double>(bytes) / 1e6);
  return text;
}

/// A checkpoint with the best weights and two moments for each parameter, whether `c` has them yet
/// or not.
std::uintmax_t expected_size(const Checkpoint& c) {
  const std::uintmax_t weights = bytes_of(c.weights);
  std::uintmax_t bytes = 2 * weights + bytes_of(c.tensors) + (1 << 16);
  for (const auto& [part, state] : c.states)
    bytes += part == "optimizer" ? std::max(bytes_of(state), 2 * weights) : bytes_of(state);
  for (const auto& [name, text] : c.texts) bytes += name.size() + text.size();
  return bytes;
}

/// Removes "name.tmp<process>.<n>" of processes that are no more; see io::write_file_atomically.
void remove_leftovers(const fs::path& path) {
  const std::string start = path.filename().string() + ".tmp";
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(path.parent_path(), ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(start)) continue;
    const std::string rest = name.substr(start.size());
    const std::size_t dot = rest.find('.');
    if (dot == 0 || dot > 9 || rest.find_first_not_of("0123456789.") != std::string::npos) continue;
    if (::kill(static_cast<pid_t>(std::stol(rest)), 0) != 0 && errno == ESRCH)
      fs::remove(entry.path(), ignored);
  }
}

}  // namespace

void prepare_storage(const CheckpointOptions& options, const Checkpoint& first) {
  const fs::path path = fs::absolute(options.path);
  std::error_code ignored;
  if (fs::is_directory(path, ignored))
    fail("fit", "checkpoint.path = \"" + options.path +
                    "\" is a folder; the path of a file in a folder that exists is required");
  remove_leftovers(path);
  const std::string probe = options.path + ".probe";
  io::write_file_atomically(probe, "");
  fs::remove(probe, ignored);

  const std::uintmax_t size = expected_size(first);
  std::error_code none;
  const std::uintmax_t old = fs::file_size(path, none);
  const std::uintmax_t present = none ? 0 : std::min(old, size);
  const std::uintmax_t need = 2 * size - present + options.free_bytes;
  const fs::space_info space = fs::space(path.parent_path(), ignored);
  if (ignored || space.available >= need) return;
  throw io::FileError("[fit] checkpoint.path = \"" + options.path +
                      "\": " + megabytes(space.available) + " are free on this disk; " +
                      megabytes(need) + " are required, for an old and a new checkpoint of about " +
                      megabytes(size) + (options.free_bytes ? " and what is to be left free" : "") +
                      "; free some space, or choose a folder on another disk");
}

}  // namespace gradus::train::detail
