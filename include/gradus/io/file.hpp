#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "gradus/error.hpp"

namespace gradus::io {

/// A file or folder that cannot be written.
class FileError : public Error {
 public:
  explicit FileError(const std::string& text) : Error(printable(text)) {}
};

/// The largest size, in bytes, that a compressed file may unpack to unless a reader's option says
/// otherwise.
inline constexpr std::size_t default_unpacked_limit = std::size_t{4} << 30;

struct ReadOptions {
  bool unpack = true;  ///< a file that begins like gzip
  std::size_t limit = default_unpacked_limit;
};

/// The bytes of a file. Throws if it cannot be read or unpacks to more than `limit` bytes, for
/// devices, which have no end, and for pipes that give more than 1 GiB or `limit`.
std::string read_file(const std::string& path, ReadOptions options = {});

/// The contents of gzip data; throws if it is damaged, cut off or unpacks to more than `limit`.
/// `name` stands for the file in messages.
std::string gunzip(std::string_view bytes, const std::string& name,
                   std::size_t limit = default_unpacked_limit);

/// Replaces the file at `path` by `bytes`, or leaves it as it was and throws FileError: writes
/// a temporary file beside it, flushes it to disk, renames it, flushes the folder. The new file has
/// the permissions and, where this process may give it away, the owner of the old one; other names
/// of the old file (hard links) keep the old contents. Links are followed, and stay. Only regular
/// files are replaced: devices, pipes and open descriptors (/dev/stdout, /dev/fd/3) are written to.
void write_file_atomically(const std::string& path, std::string_view bytes);

}  // namespace gradus::io
