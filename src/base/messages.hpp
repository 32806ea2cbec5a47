#pragma once

#include <functional>
#include <string>

#include "gradus/error.hpp"

// What error messages are made of.
namespace gradus {

/// "a, b, c", each as `text` gives it; of more than `most` the first ones and "…".
template <class List, class Text = std::identity>
std::string join(const List& list, std::size_t most = std::string::npos, Text text = {}) {
  std::string all;
  std::size_t count = 0;
  for (const auto& item : list) {
    if (count == most) return all + ", …";
    all += std::string(count++ ? ", " : "") + std::invoke(text, item);
  }
  return all;
}

/// A message without its "[operation] ".
inline std::string without_operation(const std::string& message) {
  const std::size_t end = message.find("] ");
  return message.starts_with('[') && end != message.npos ? message.substr(end + 2) : message;
}

namespace detail {
/// Throws "[operation] option = value was given; … is required" for a value that is not good.
template <class T>
void require(bool good, const char* operation, const char* option, T value, const char* required) {
  if (!good)
    fail(operation,
         std::string(option) + " = " + text_of(value) + " was given; " + required + " is required");
}
}  // namespace detail

}  // namespace gradus
