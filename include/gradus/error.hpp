#pragma once

#include <stdexcept>
#include <string>

#include "gradus/text.hpp"

namespace gradus {

/// Everything a user can cause: `[operation] what was given; what is required; likely fix`.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws Error("[operation] message").
[[noreturn]] void fail(const char* operation, const std::string& message);

}  // namespace gradus
