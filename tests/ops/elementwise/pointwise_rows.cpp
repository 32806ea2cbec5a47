#include <cmath>
#include <numbers>

#include "gradus/ops/compare.hpp"
#include "gradus/ops/pointwise.hpp"
#include "support/catch.hpp"
#include "support/table/op_table.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {
using Real = long double;
Real sign_of(Real x) { return static_cast<Real>(x > 0) - static_cast<Real>(x < 0); }
const std::vector<double> integers = {-3, -2, -1, 0, 1, 2, 3};
const std::vector<double> halves = {-2.5, -1.5, -0.5, 0.5, 1.5, 2.5};
}  // namespace

TEST_CASE("powers and roots agree with their references", "[ops]") {
  unary_row("abs", abs, std::abs, {.kinks = {0}});
  unary_row("sign", sign, sign_of, {.kinks = {0}});
  unary_row("square", square, [](Real x) { return x * x; });
  unary_row("sqrt", sqrt, std::sqrt, 0.5, 4);
  unary_row("rsqrt", rsqrt, [](Real x) { return 1 / std::sqrt(x); }, 0.5, 4, {.step = 3e-4});
  unary_row("reciprocal", reciprocal, [](Real x) { return 1 / x; }, -3, -0.5, {.step = 3e-4});
  for (const double p : {-2.5, -1.0, -0.5, 0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0})
    unary_row(
        "pow with a number as exponent", [p](const Tensor& x) { return pow(x, p); },
        [p](Real x) { return std::pow(x, static_cast<Real>(p)); }, 0.5, 2,
        {.float32_tolerance = 4e-6, .step = 3e-4});
  for (const double p : {-3.0, 1.0, 2.0, 3.0, 5.0})
    unary_row(
        "pow of negative numbers", [p](const Tensor& x) { return pow(x, p); },
        [p](Real x) { return std::pow(x, static_cast<Real>(p)); }, -2, -0.5, {.step = 3e-4});
  for (const double a : {0.5, 1.0, 3.0})
    unary_row(
        "pow of a number", [a](const Tensor& x) { return pow(a, x); },
        [a](Real x) { return std::pow(static_cast<Real>(a), x); });
  binary_row("pow", pow, std::pow, {.low = 0.5, .high = 2, .low2 = -2, .high2 = 2, .step = 3e-4});
}

TEST_CASE("exponentials and logarithms agree with their references", "[ops]") {
  unary_row("exp", exp, std::exp);
  unary_row("exp2", exp2, std::exp2);
  unary_row("expm1", expm1, std::expm1);
  unary_row("expm1 near zero", expm1, std::expm1, -1e-3, 1e-3, {.step = 1e-4});
  unary_row("log", log, std::log, 0.5, 4, {.step = 3e-4});
  unary_row("log1p", log1p, std::log1p, -0.5, 3, {.step = 3e-4});
  unary_row("log2", log2, std::log2, 0.5, 4, {.step = 3e-4});
  unary_row("log10", log10, std::log10, 0.5, 4, {.step = 3e-4});
}

TEST_CASE("trigonometric and hyperbolic functions agree with their references", "[ops]") {
  unary_row("sin", sin, std::sin);
  unary_row("cos", cos, std::cos);
  unary_row("tan", tan, std::tan, -1, 1, {.step = 3e-4});
  unary_row("asin", asin, std::asin, -0.8, 0.8, {.step = 3e-4});
  unary_row("acos", acos, std::acos, -0.8, 0.8, {.step = 3e-4});
  unary_row("atan", atan, std::atan, {.step = 3e-4});
  unary_row("sinh", sinh, std::sinh);
  unary_row("cosh", cosh, std::cosh);
  unary_row("tanh", tanh, std::tanh);
  unary_row("asinh", asinh, std::asinh, {.step = 3e-4});
  unary_row("acosh", acosh, std::acosh, 1.5, 4, {.step = 3e-4});
  unary_row("atanh", atanh, std::atanh, -0.8, 0.8, {.step = 3e-4});
  unary_row("erf", erf, std::erf);
  unary_row("erfc", erfc, std::erfc);
  binary_row("atan2", atan2, std::atan2, {.low = 0.5, .high = 2, .step = 3e-4});
  binary_row("atan2 left of the origin", atan2, std::atan2,
             {.low = 0.5, .high = 2, .low2 = -2, .high2 = -0.5, .step = 3e-4});
  binary_row("hypot", hypot, std::hypot, {.low = 0.5, .high = 2, .step = 3e-4});
}

TEST_CASE("rounding agrees with its references", "[ops]") {
  unary_row("floor", floor, std::floor, {.kinks = integers});
  unary_row("ceil", ceil, std::ceil, {.kinks = integers});
  unary_row("trunc", trunc, std::trunc, {.kinks = integers});
  unary_row("round", round, std::nearbyint, {.low = -3, .high = 3, .kinks = halves});
}

TEST_CASE("remainders agree with their references", "[ops]") {
  const auto remainder_of = [](Real a, Real b) { return a - b * std::floor(a / b); };
  const auto floor_divide_of = [](Real a, Real b) { return std::floor(a / b); };
  // The quotient stays between two integers.
  for (const double sign : {1.0, -1.0})
    for (const double sign2 : {1.0, -1.0}) {
      const double a = sign > 0 ? 4.1 : -4.3, b = sign2 > 0 ? 1.5 : -1.9;
      const Options options{.low = a, .high = a + 0.2, .low2 = b, .high2 = b + 0.4, .same = false};
      binary_row("fmod", fmod, std::fmod, options);
      binary_row("remainder", remainder, remainder_of, options);
      binary_row("floor_divide", floor_divide, floor_divide_of, options);
    }
  for (const double b : {1.75, -1.75}) {
    const Options options{.low = -5, .high = 5, .kinks = {-3.5, -1.75, 0, 1.75, 3.5}};
    unary_row(
        "fmod by a number", [b](const Tensor& x) { return fmod(x, b); },
        [b](Real x) { return std::fmod(x, static_cast<Real>(b)); }, options);
    unary_row(
        "remainder by a number", [b](const Tensor& x) { return remainder(x, b); },
        [&](Real x) { return remainder_of(x, b); }, options);
    unary_row(
        "floor_divide by a number", [b](const Tensor& x) { return floor_divide(x, b); },
        [&](Real x) { return floor_divide_of(x, b); }, options);
  }
}

namespace {

using ThreeReals = std::function<Real(Real, Real, Real)>;

Array zip_three(const std::vector<Array>& x, const ThreeReals& f) {
  Array out(broadcast_shapes(broadcast_shapes(x[0].shape, x[1].shape, "zip"), x[2].shape, "zip"));
  for_each_index(out.shape, [&](const IndexList& i) {
    out.at(i) = f(x[0].broadcast_at(i), x[1].broadcast_at(i), x[2].broadcast_at(i));
  });
  return out;
}

/// f(a, b, c) broadcast every way; c in [0.5, 2), so that it may be a divisor.
void ternary_row(const std::string& name,
                 const std::function<Tensor(const Tensor&, const Tensor&, const Tensor&)>& f,
                 const ThreeReals& reference) {
  Row r{.name = name,
        .f = [&](const auto& x) { return f(x[0], x[1], x[2]); },
        .cases = {},
        .reference = [&](const auto& x) { return zip_three(x, reference); }};
  r.step = 3e-4;
  const std::vector<Shape> shapes[] = {{{}, {}, {}},
                                       {{5}, {5}, {5}},
                                       {{0}, {0}, {0}},
                                       {{2, 3}, {3}, {2, 1}},
                                       {{}, {2, 3}, {}},
                                       {{1}, {4}, {3, 1}},
                                       {{2, 1, 2, 1, 2}, {2, 1, 2, 1}, {1, 2, 2}},
                                       {{37}, {37}, {37}}};
  for (const auto& s : shapes)
    r.cases.push_back({{.shape = s[0]}, {.shape = s[1]}, {.shape = s[2], .low = 0.5, .high = 2}});
  row(r);
}

}  // namespace

TEST_CASE("operations of three tensors agree with their references", "[ops]") {
  ternary_row(
      "lerp", [](auto&... x) { return lerp(x...); },
      [](Real a, Real b, Real w) { return a + w * (b - a); });
  for (const double weight : {0.0, 0.25, 0.75, 1.0, 1.5})
    binary_row(
        "lerp with a number as weight",
        [weight](const Tensor& a, const Tensor& b) { return lerp(a, b, weight); },
        [weight](Real a, Real b) { return a + weight * (b - a); });
  for (const double value : {1.0, -0.5}) {
    ternary_row(
        "addcmul", [value](auto&... x) { return addcmul(x..., value); },
        [value](Real x, Real a, Real b) { return x + value * a * b; });
    ternary_row(
        "addcdiv", [value](auto&... x) { return addcdiv(x..., value); },
        [value](Real x, Real a, Real b) { return x + value * a / b; });
  }
}

TEST_CASE("bounds and extremes agree with their references", "[ops]") {
  const Options options{.kinks = {-0.75, 1}};
  unary_row(
      "clamp", [](const Tensor& x) { return clamp(x, -0.75, 1); },
      [](Real x) { return std::min(std::max(x, -0.75L), 1.0L); }, options);
  unary_row(
      "clamp with bounds that cross", [](const Tensor& x) { return clamp(x, 1, -0.75); },
      [](Real) { return -0.75L; }, options);
  unary_row(
      "clamp_min", [](const Tensor& x) { return clamp_min(x, -0.75); },
      [](Real x) { return std::max(x, -0.75L); }, options);
  unary_row(
      "clamp_max", [](const Tensor& x) { return clamp_max(x, 1); },
      [](Real x) { return std::min(x, 1.0L); }, options);
  const Options apart{.low = -2, .high = 2, .distinct = true};
  binary_row(
      "clamp with a lower tensor", [](const Tensor& x, const Tensor& b) { return clamp(x, b); },
      [](Real x, Real b) { return std::max(x, b); }, apart);
  binary_row(
      "clamp with an upper tensor",
      [](const Tensor& x, const Tensor& b) { return clamp(x, Tensor(), b); },
      [](Real x, Real b) { return std::min(x, b); }, apart);
  row({.name = "clamp between tensors",
       .f = [](const std::vector<Tensor>& v) { return clamp(v[0], v[1], v[2]); },
       .cases = {{{.shape = {2, 5}, .distinct = true},
                  {.shape = {5}, .low = -2, .high = 0, .distinct = true},
                  {.shape = {2, 1}, .low = 0, .high = 2, .distinct = true}}},
       .reference =
           [](const std::vector<Array>& v) {
             return zip_array(zip_array(v[0], v[1], [](Real x, Real b) { return std::max(x, b); }),
                              v[2], [](Real x, Real b) { return std::min(x, b); });
           }});
  unary_row(
      "maximum with a number", [](const Tensor& x) { return maximum(x, -0.75); },
      [](Real x) { return std::max(x, -0.75L); }, options);
  unary_row(
      "minimum with a number", [](const Tensor& x) { return minimum(x, 1); },
      [](Real x) { return std::min(x, 1.0L); }, options);
  binary_row("maximum", maximum, [](Real a, Real b) { return std::max(a, b); }, {.distinct = true});
  binary_row("minimum", minimum, [](Real a, Real b) { return std::min(a, b); }, {.distinct = true});
}

TEST_CASE("selections agree with their references", "[ops]") {
  const auto mask = [](const Shape& shape) { return Input{.shape = shape, .dtype = boolean}; };
  std::vector<std::vector<Input>> three, two;
  const std::vector<Shape> shapes[] = {{{}, {}, {}},
                                       {{5}, {5}, {5}},
                                       {{0}, {0}, {1}},
                                       {{2, 3}, {3}, {2, 1}},
                                       {{3}, {2, 3}, {}},
                                       {{4, 1}, {}, {3}},
                                       {{2, 1, 2, 1, 2}, {2, 1, 2, 1}, {1, 2, 2}},
                                       {{37}, {37}, {37}}};
  for (const auto& s : shapes) {
    three.push_back({mask(s[0]), {.shape = s[1]}, {.shape = s[2]}});
    two.push_back({mask(s[0]), {.shape = s[1]}});
  }
  row({.name = "where",
       .f = [](const auto& x) { return where(x[0], x[1], x[2]); },
       .cases = three,
       .reference =
           [](const auto& x) {
             return zip_three(x, [](Real c, Real a, Real b) { return c != 0 ? a : b; });
           }});
  row({.name = "where with a number second",
       .f = [](const auto& x) { return where(x[0], x[1], 0.25); },
       .cases = two,
       .reference =
           [](const auto& x) {
             return zip_array(x[0], x[1], [](Real c, Real a) { return c != 0 ? a : 0.25L; });
           }});
  row({.name = "where with a number first",
       .f = [](const auto& x) { return where(x[0], 0.25, x[1]); },
       .cases = two,
       .reference =
           [](const auto& x) {
             return zip_array(x[0], x[1], [](Real c, Real b) { return c != 0 ? 0.25L : b; });
           }});
  row({.name = "where with two numbers",
       .f = [](const auto& x) { return where(x[0], 1, -0.5); },
       .cases = {{mask({})}, {mask({2, 3})}, {mask({0})}},
       .reference =
           [](const auto& x) {
             return map_array(x[0], [](Real c) { return c != 0 ? 1.0L : -0.5L; });
           },
       .differentiable = false,
       .result = float32});
  row({.name = "masked_fill",
       .f = [](const auto& x) { return masked_fill(x[1], x[0], -1.5); },
       .cases = two,
       .reference =
           [](const auto& x) {
             return zip_array(x[0], x[1], [](Real c, Real v) { return c != 0 ? -1.5L : v; });
           }});
}
