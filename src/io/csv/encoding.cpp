// Bytes of a file to UTF-8.
#include <algorithm>
#include <array>

#include "base/messages.hpp"
#include "base/utf8.hpp"
#include "gradus/error.hpp"
#include "io/csv/scan.hpp"

namespace gradus::io::detail {
namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

/// What windows-1252 has in place of Latin-1's control characters 0x80 to 0x9f; 0: nothing.
constexpr std::array<char32_t, 32> windows_letters{
    0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017d, 0,      0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178};

/// A letter below 0x10000.
void append(std::string& out, char32_t letter) {
  const auto byte = [](char32_t bits) { return static_cast<char>(bits); };
  if (letter < 0x80) {
    out += byte(letter);
  } else if (letter < 0x800) {
    out += {byte(0xc0 | letter >> 6), byte(0x80 | (letter & 0x3f))};
  } else {
    out += {byte(0xe0 | letter >> 12), byte(0x80 | (letter >> 6 & 0x3f)),
            byte(0x80 | (letter & 0x3f))};
  }
}

}  // namespace

std::string place_of(std::string_view text, std::size_t at, const std::string& name) {
  std::size_t line = 1, start = 0;
  for (std::size_t i = 0; i < at; ++i)
    if (text[i] == '\n' || (text[i] == '\r' && (i + 1 == text.size() || text[i + 1] != '\n'))) {
      ++line;
      start = i + 1;
    }
  return compose(name, ":", line, ":", at - start + 1, ": ");
}

std::string_view to_utf8(std::string_view text, Encoding encoding, const std::string& name,
                         std::string& decoded) {
  if (text.starts_with(byte_order_mark)) {
    text.remove_prefix(byte_order_mark.size());
    encoding = Encoding::utf8;
  }
  if (encoding == Encoding::utf8) {
    const std::size_t at = find_no_utf8(text);
    if (at == text.npos) return text;
    fail("read_csv", place_of(text, at, name), "the byte ", printable(text.substr(at, 1)),
         " is no UTF-8, which is required; set .encoding = Encoding::windows1252, "
         "or latin1, if the file was written so, or save it as UTF-8");
  }
  decoded.clear();
  decoded.reserve(text.size() + text.size() / 8);
  for (std::size_t at = 0; at < text.size(); ++at) {
    char32_t letter = static_cast<unsigned char>(text[at]);
    if (encoding == Encoding::windows1252 && letter >= 0x80 && letter < 0xa0)
      letter = windows_letters[letter - 0x80];
    if (letter == 0)
      fail("read_csv", place_of(text, at, name), "the byte ", printable(text.substr(at, 1)),
           " stands for nothing in windows-1252; text in the encoding that was "
           "set is required; set .encoding = Encoding::latin1, or save the file "
           "as UTF-8");
    append(decoded, letter);
  }
  return decoded;
}

}  // namespace gradus::io::detail
