#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace gradus {

/// A character of text, and its length in bytes; length 0 if it is no valid UTF-8.
struct Character {
  char32_t code;
  std::size_t bytes;
};

/// The character that begins at `at`.
inline Character character_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4) return {0, 0};
  char32_t code = first & (0x7fU >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {0, 0};
    code = code << 6 | (byte(i) & 0x3f);
  }
  constexpr std::array<char32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
  if (code < least[bytes] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return {0, 0};
  return {code, bytes};
}

/// As printable(), but for line ends.
std::string printable_lines(std::string_view text);

/// Where the first byte that is no UTF-8 stands, or npos.
std::size_t find_no_utf8(std::string_view text);

}  // namespace gradus
