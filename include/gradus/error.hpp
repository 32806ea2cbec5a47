// Errors, and what their texts are made of.
#pragma once

#include <concepts>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "gradus/version.hpp"

namespace gradus {

/// Everything a user can cause: `[operation] what was given; what is required; likely fix`.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws Error("[operation] message").
[[noreturn]] void fail(const char* operation, const std::string& message);

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

/// Which of `names` is most like `name`, for messages that say what may have been meant: the fewest
/// letters to add, leave out or change (Levenshtein). The first of those that are equally near; ""
/// if there are none.
std::string nearest_name(const std::string& name, const std::vector<std::string>& names);

}  // namespace gradus
