#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace gradus {

/// The shortest text that reads back as the same number: "0.1", "1e-05", "1e+300", "-0", "nan",
/// "inf". Plain digits from 1e-4 up to below 1e17.
std::string text_of(double value);
std::string text_of(float value);
std::string text_of(std::int64_t value);
std::string text_of(std::uint64_t value);
template <std::integral T>
std::string text_of(T value) {
  if constexpr (std::signed_integral<T>)
    return text_of(static_cast<std::int64_t>(value));
  else
    return text_of(static_cast<std::uint64_t>(value));
}
std::string text_of(bool) = delete;

/// `text` as it may be shown in a terminal, whoever wrote it: control characters, bytes that are no
/// UTF-8, and characters that hide or turn text around become \n, \x1b, \u202e and so on. Letters
/// of every language stay.
std::string printable(std::string_view text);

}  // namespace gradus
