#include "gradus/text.hpp"

#include <array>
#include <charconv>
#include <cmath>

namespace gradus {
namespace {

template <class T>
std::string shortest(T value) {
  std::array<char, 64> text;
  const double size = std::fabs(static_cast<double>(value));
  const auto form = size == 0 || (size >= 1e-4 && size < 1e15) ? std::chars_format::fixed
                                                               : std::chars_format::scientific;
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value, form).ptr};
}

template <class T>
std::string digits(T value) {
  std::array<char, 24> text;
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

/// The character that begins at `at`, and its length in bytes; length 0 if it is no valid UTF-8.
struct Character {
  char32_t code;
  std::size_t bytes;
};
Character character_at(std::string_view text, std::size_t at) {
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

/// Characters that a terminal obeys, or that hide or reorder their neighbours.
bool is_hidden(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c || c == 0x180e ||
         (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
         (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) ||
         (c >= 0xe0000 && c <= 0xe0fff);
}

std::string escaped(const char* prefix, unsigned code, std::size_t width) {
  std::array<char, 12> hex;
  const std::string_view text(
      hex.data(),
      static_cast<std::size_t>(std::to_chars(hex.data(), hex.data() + hex.size(), code, 16).ptr -
                               hex.data()));
  return prefix + std::string(width > text.size() ? width - text.size() : 0, '0') +
         std::string(text);
}

}  // namespace

std::string text_of(double value) { return shortest(value); }
std::string text_of(float value) { return shortest(value); }
std::string text_of(std::int64_t value) { return digits(value); }
std::string text_of(std::uint64_t value) { return digits(value); }

std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto [code, bytes] = character_at(text, at);
    if (bytes == 0) {
      out += escaped("\\x", static_cast<unsigned char>(text[at++]), 2);
      continue;
    }
    if (!is_hidden(code))
      out += text.substr(at, bytes);
    else if (code == '\n')
      out += "\\n";
    else if (code == '\t')
      out += "\\t";
    else if (code == '\r')
      out += "\\r";
    else
      out += code < 0x100 ? escaped("\\x", code, 2) : escaped("\\u", code, 4);
    at += bytes;
  }
  return out;
}

}  // namespace gradus
