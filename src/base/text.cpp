#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "base/utf8.hpp"
#include "gradus/error.hpp"

namespace gradus {
namespace {

template <class T>
std::string shortest(T value) {
  if (std::isnan(value)) return "nan";  // which has a sign that means nothing
  std::array<char, 64> text;
  const double size = std::fabs(static_cast<double>(value));
  const auto form = size == 0 || (size >= 1e-4 && size < 1e17) ? std::chars_format::fixed
                                                               : std::chars_format::scientific;
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value, form).ptr};
}

template <class T>
std::string digits(T value) {
  std::array<char, 24> text;
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
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

std::size_t find_no_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    std::uint64_t next = 0;  // most text is ASCII
    for (; at + sizeof next <= text.size(); at += sizeof next) {
      std::memcpy(&next, text.data() + at, sizeof next);
      if (next & 0x8080808080808080) break;
    }
    if (at == text.size()) break;
    const std::size_t bytes = character_at(text, at).bytes;
    if (bytes == 0) return at;
    at += bytes;
  }
  return text.npos;
}

std::string printable_lines(std::string_view text) {
  std::string lines;
  for (std::size_t at = 0;;) {
    const std::size_t end = text.find('\n', at);
    lines += printable(text.substr(at, end - at));
    if (end == text.npos) return lines;
    lines += '\n';
    at = end + 1;
  }
}

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
