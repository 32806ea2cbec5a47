#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gradus::io::detail {

inline bool is_gzip(std::string_view bytes) {
  return bytes.size() >= 2 && bytes[0] == '\x1f' && bytes[1] == '\x8b';
}

/// Of `bytes` after those that gave `sum`.
std::uint32_t crc32(std::string_view bytes, std::uint32_t sum = 0);

/// The first `count` bytes that gzip data unpacks to, or as many as there are.
std::string gunzip_prefix(std::string_view bytes, std::size_t count);

/// The contents of a deflate stream without header, which must unpack to exactly `size` bytes;
/// false if it does not.
bool inflate_raw(std::string_view bytes, std::size_t size, std::string& out);

/// The deflate stream of less than 4 GiB, without header.
std::string deflate_raw(std::string_view bytes);

}  // namespace gradus::io::detail
