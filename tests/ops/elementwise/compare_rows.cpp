#include <cmath>
#include <limits>

#include "gradus/ops/compare.hpp"
#include "support/catch.hpp"
#include "support/table/op_table.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

using Real = long double;
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// Few different values, so that many pairs are equal; halves where the dtype has them.
Input few(const Shape& shape, DType dtype, Index offset = 0) {
  return {.shape = shape, .dtype = dtype, .generate = [=](Index i) -> double {
            if (dtype == boolean) return static_cast<double>((i + offset) % 2);
            if (dtype == int64) return static_cast<double>((i * i + i + offset) % 5 - 1);
            return static_cast<double>((i * i + offset) % 7) / 2 - 1;
          }};
}

void compare_row(const std::string& name, Tensor2 f, Real2 reference) {
  Row r{.name = name,
        .f = [&](const auto& x) { return f(x[0], x[1]); },
        .cases = {},
        .reference = [&](const auto& x) { return zip_array(x[0], x[1], reference); },
        .differentiable = false,
        .result = boolean};
  const std::pair<Shape, Shape> shapes[] = {
      {{}, {}},   {{7}, {7}}, {{2, 3}, {3}},   {{3, 1}, {1, 4}},  {{}, {2, 3}},
      {{0}, {1}}, {{5}, {}},  {{3, 70}, {70}}, {{3, 70}, {3, 1}}, {{2, 1, 3, 1, 2}, {4, 1, 3, 1}}};
  for (const auto& [a, b] : shapes)
    for (const DType x : {float64, int64, boolean})
      for (const DType y : {float64, int64, boolean}) r.cases.push_back({few(a, x), few(b, y, 1)});
  const Input special{.shape = {5}, .values = {not_a_number, infinity, -infinity, 0, 1}};
  r.cases.push_back({special, special});
  r.cases.push_back({special, {.shape = {}, .values = {not_a_number}}});
  r.cases.push_back({special, {.shape = {}, .values = {infinity}}});
  row(r);
}

void test_row(const std::string& name, Tensor1 f, Real1 reference) {
  Row r{.name = name,
        .f = [&](const auto& x) { return f(x[0]); },
        .cases = {},
        .reference = [&](const auto& x) { return map_array(x[0], reference); },
        .differentiable = false,
        .result = boolean};
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{2, 3}, Shape{0}, Shape{37}})
    for (const DType dtype : {float64, int64, boolean}) r.cases.push_back({few(shape, dtype)});
  r.cases.push_back(
      {{.shape = {6}, .values = {not_a_number, infinity, -infinity, 0, -0.0, 0x1p127}}});
  row(r);
}

}  // namespace

TEST_CASE("comparisons of two tensors agree with their references", "[ops]") {
  compare_row("eq", eq, [](Real a, Real b) { return a == b; });
  compare_row("ne", ne, [](Real a, Real b) { return a != b; });
  compare_row("lt", lt, [](Real a, Real b) { return a < b; });
  compare_row("le", le, [](Real a, Real b) { return a <= b; });
  compare_row("gt", gt, [](Real a, Real b) { return a > b; });
  compare_row("ge", ge, [](Real a, Real b) { return a >= b; });
  compare_row("logical_and", logical_and, [](Real a, Real b) { return a != 0 && b != 0; });
  compare_row("logical_or", logical_or, [](Real a, Real b) { return a != 0 || b != 0; });
  compare_row("logical_xor", logical_xor, [](Real a, Real b) { return (a != 0) != (b != 0); });
}

TEST_CASE("comparisons with a number agree with their references", "[ops]") {
  for (const double b : {-1.0, 0.0, 0.5, 1.0, infinity, not_a_number}) {
    const auto with = [b](auto f) { return [b, f](const Tensor& x) { return f(x, b); }; };
    test_row("eq with a number", with([](auto& x, double y) { return eq(x, y); }),
             [b](Real x) { return x == b; });
    test_row("ne with a number", with([](auto& x, double y) { return ne(x, y); }),
             [b](Real x) { return x != b; });
    test_row("lt with a number", with([](auto& x, double y) { return lt(x, y); }),
             [b](Real x) { return x < b; });
    test_row("le with a number", with([](auto& x, double y) { return le(x, y); }),
             [b](Real x) { return x <= b; });
    test_row("gt with a number", with([](auto& x, double y) { return gt(x, y); }),
             [b](Real x) { return x > b; });
    test_row("ge with a number", with([](auto& x, double y) { return ge(x, y); }),
             [b](Real x) { return x >= b; });
  }
}

TEST_CASE("the operators of comparison agree with their references", "[ops]") {
  compare_row(
      "lt as an operator", [](auto& a, auto& b) { return a < b; },
      [](Real a, Real b) { return a < b; });
  compare_row(
      "le as an operator", [](auto& a, auto& b) { return a <= b; },
      [](Real a, Real b) { return a <= b; });
  compare_row(
      "gt as an operator", [](auto& a, auto& b) { return a > b; },
      [](Real a, Real b) { return a > b; });
  compare_row(
      "ge as an operator", [](auto& a, auto& b) { return a >= b; },
      [](Real a, Real b) { return a >= b; });
  const double b = 0.0;
  test_row(
      "lt after a number", [=](const Tensor& x) { return b < x; }, [=](Real x) { return b < x; });
  test_row(
      "le after a number", [=](const Tensor& x) { return b <= x; }, [=](Real x) { return b <= x; });
  test_row(
      "gt after a number", [=](const Tensor& x) { return b > x; }, [=](Real x) { return b > x; });
  test_row(
      "ge after a number", [=](const Tensor& x) { return b >= x; }, [=](Real x) { return b >= x; });
  test_row(
      "lt before a number", [=](const Tensor& x) { return x < b; }, [=](Real x) { return x < b; });
  test_row(
      "le before a number", [=](const Tensor& x) { return x <= b; },
      [=](Real x) { return x <= b; });
  test_row(
      "gt before a number", [=](const Tensor& x) { return x > b; }, [=](Real x) { return x > b; });
  test_row(
      "ge before a number", [=](const Tensor& x) { return x >= b; },
      [=](Real x) { return x >= b; });
}

TEST_CASE("tests of values agree with their references", "[ops]") {
  test_row("logical_not", logical_not, [](Real x) { return x == 0; });
  test_row("isnan", isnan, [](Real x) { return std::isnan(x); });
  test_row("isinf", isinf, [](Real x) { return std::isinf(x); });
  test_row("isfinite", isfinite, [](Real x) { return std::isfinite(x); });
}
