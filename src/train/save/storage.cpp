#include <algorithm>
#include <filesystem>

#include "base/messages.hpp"
#include "gradus/io/file.hpp"
#include "io/disk/output.hpp"
#include "io/disk/system.hpp"
#include "train/save/folder/history_file.hpp"

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

}  // namespace

void prepare_storage(const CheckpointOptions& options, const Checkpoint& first) {
  const fs::path path = fs::absolute(options.path);
  std::error_code ignored;
  if (fs::is_directory(path, ignored))
    fail("fit", "checkpoint.path = \"", options.path,
         "\" is a folder; the path of a file in a folder that exists is required");
  const std::string folder = path.parent_path().string();
  io::detail::remove_stale_temporaries(folder);
  std::string probe;
  {
    const io::detail::Descriptor file = io::detail::make_temporary(options.path, 0666, probe);
    io::detail::system::unlink(probe);
  }

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
