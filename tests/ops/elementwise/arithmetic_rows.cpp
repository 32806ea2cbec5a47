#include "gradus/ops/arithmetic.hpp"
#include "support/catch.hpp"
#include "support/table/op_table.hpp"

using namespace gradus;
using namespace gradus::test;

TEST_CASE("arithmetic of two tensors agrees with its references", "[ops]") {
  binary_row("add", add, [](long double a, long double b) { return a + b; });
  binary_row("sub", sub, [](long double a, long double b) { return a - b; });
  binary_row("mul", mul, [](long double a, long double b) { return a * b; });
  binary_row("div", div, [](long double a, long double b) { return a / b; },
             {.low2 = 0.5, .high2 = 3, .step = 2e-4});
}

TEST_CASE("arithmetic of a tensor and a number agrees with its references", "[ops]") {
  unary_row("neg", neg, [](long double x) { return -x; });
  for (const double b : {0.75, -2.0, 0.0}) {
    unary_row(
        "add of a number", [b](const Tensor& x) { return x + b; },
        [b](long double x) { return x + b; });
    unary_row(
        "sub of a number", [b](const Tensor& x) { return x - b; },
        [b](long double x) { return x - b; });
    unary_row(
        "rsub", [b](const Tensor& x) { return b - x; }, [b](long double x) { return b - x; });
    unary_row(
        "mul by a number", [b](const Tensor& x) { return b * x; },
        [b](long double x) { return b * x; });
    unary_row(
        "rdiv", [b](const Tensor& x) { return b / x; }, [b](long double x) { return b / x; }, 0.5,
        3, {.step = 2e-4});
    if (b != 0)
      unary_row(
          "div by a number", [b](const Tensor& x) { return x / b; },
          [b](long double x) { return x / b; });
  }
}
