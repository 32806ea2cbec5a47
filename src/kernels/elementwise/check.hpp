// Looks at values, and throws for what an operation cannot take.
#pragma once
#include "kernels/call.hpp"

namespace gradus::kernels {

enum class CheckOp : std::uint8_t {
  range,  ///< low <= x <= high
  signs,  ///< -1 or 1
};

/// Throws, in the name of `operation`, for the first of n values that is not as it has to be;
/// `what` says what the values are.
struct Check {
  static constexpr const char* name = "check";
  CheckOp op;
  DType type;
  const char *operation, *what;
  In x;
  Index n;
  double low = 0, high = 0;

  void describe(Description& d) const {
    d.number("op", op).number("low", low).number("high", high).reads("x", x, n);
  }
};

void execute(const Check& call);

}  // namespace gradus::kernels
