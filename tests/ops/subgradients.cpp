// docs/subgradients.md: derivatives at the points where there is none, and beside them.
#include <cmath>
#include <limits>

#include "gradus/gradus.hpp"
#include "support/catch.hpp"
#include "support/table/op_table.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

using Real = long double;

struct Point {
  std::string name;
  Tensor1 f;
  double x;
  Real at;       // the derivative at x
  Real1 beside;  // and elsewhere
};

Real root(Real x) { return std::sqrt(x); }
Real step(Real x) { return x > 0; }
Real inside(Real x, Real low, Real high) { return x > low && x < high; }

const std::vector<Point>& points() {
  static const std::vector<Point> table = {
      {"abs", abs, 0, 0, [](Real x) { return x > 0 ? 1.0L : -1.0L; }},
      {"sign", sign, 0, 0, [](Real) { return 0.0L; }},
      {"floor", floor, 1, 0, [](Real) { return 0.0L; }},
      {"ceil", ceil, 1, 0, [](Real) { return 0.0L; }},
      {"trunc", trunc, 1, 0, [](Real) { return 0.0L; }},
      {"round", round, 0.5, 0, [](Real) { return 0.0L; }},
      {"sqrt", sqrt, 0, 0, [](Real x) { return 0.5L / root(x); }},
      {"rsqrt", rsqrt, 0, 0, [](Real x) { return -0.5L / (x * root(x)); }},
      {"reciprocal", reciprocal, 0, 0, [](Real x) { return -1 / (x * x); }},
      {"number / x", [](const Tensor& x) { return 3 / x; }, 0, 0,
       [](Real x) { return -3 / (x * x); }},
      {"log", log, 0, 0, [](Real x) { return 1 / x; }},
      {"log2", log2, 0, 0, [](Real x) { return 1 / (x * std::log(2.0L)); }},
      {"log10", log10, 0, 0, [](Real x) { return 1 / (x * std::log(10.0L)); }},
      {"log1p", log1p, -1, 0, [](Real x) { return 1 / (1 + x); }},
      {"asin", asin, 1, 0, [](Real x) { return 1 / root(1 - x * x); }},
      {"asin", asin, -1, 0, [](Real x) { return 1 / root(1 - x * x); }},
      {"acos", acos, 1, 0, [](Real x) { return -1 / root(1 - x * x); }},
      {"acos", acos, -1, 0, [](Real x) { return -1 / root(1 - x * x); }},
      {"acosh", acosh, 1, 0, [](Real x) { return 1 / root(x * x - 1); }},
      {"atanh", atanh, 1, 0, [](Real x) { return 1 / (1 - x * x); }},
      {"atanh", atanh, -1, 0, [](Real x) { return 1 / (1 - x * x); }},
      {"x^-2", [](const Tensor& x) { return pow(x, -2); }, 0, 0,
       [](Real x) { return -2 / (x * x * x); }},
      {"x^0", [](const Tensor& x) { return pow(x, 0); }, 0, 0, [](Real) { return 0.0L; }},
      {"x^0.25", [](const Tensor& x) { return pow(x, 0.25); }, 0, 0,
       [](Real x) { return 0.25L * std::pow(x, -0.75L); }},
      {"x^0.5", [](const Tensor& x) { return pow(x, 0.5); }, 0, 0,
       [](Real x) { return 0.5L / root(x); }},
      {"x^1", [](const Tensor& x) { return pow(x, 1); }, 0, 1, [](Real) { return 1.0L; }},
      {"x^1.5", [](const Tensor& x) { return pow(x, 1.5); }, 0, 0,
       [](Real x) { return 1.5L * root(x); }},
      {"0^x", [](const Tensor& x) { return pow(0, x); }, 0, 0, [](Real) { return 0.0L; }},
      {"relu", relu, 0, 0, step},
      {"relu6", relu6, 0, 0, [](Real x) { return inside(x, 0, 6); }},
      {"relu6", relu6, 6, 0, [](Real x) { return inside(x, 0, 6); }},
      {"leaky_relu", [](const Tensor& x) { return leaky_relu(x, 0.25); }, 0, 0.25L,
       [](Real x) { return x > 0 ? 1 : 0.25L; }},
      {"elu", [](const Tensor& x) { return elu(x, 0.5); }, 0, 0.5L,
       [](Real x) { return x > 0 ? 1 : 0.5L; }},
      {"celu", [](const Tensor& x) { return celu(x, 0.5); }, 0, 1, [](Real) { return 1.0L; }},
      {"selu", selu, 0, 1.7580993408473766L,
       [](Real x) { return x > 0 ? 1.0507009873554805L : 1.7580993408473766L; }},
      {"softplus", [](const Tensor& x) { return softplus(x, 2, 3); }, 1.5,
       1 / (1 + std::exp(-3.0L)), [](Real x) { return x > 1.5L ? 1 : 1 / (1 + std::exp(-2 * x)); }},
      {"hardswish", hardswish, -3, 0, [](Real x) { return x > -3 ? x / 3 + 0.5L : 0; }},
      {"hardswish", hardswish, 3, 1, [](Real x) { return x < 3 ? x / 3 + 0.5L : 1; }},
      {"hardsigmoid", hardsigmoid, -3, 0, [](Real x) { return inside(x, -3, 3) / 6; }},
      {"hardsigmoid", hardsigmoid, 3, 0, [](Real x) { return inside(x, -3, 3) / 6; }},
      {"hardtanh", [](const Tensor& x) { return hardtanh(x); }, -1, 0,
       [](Real x) { return inside(x, -1, 1); }},
      {"hardtanh", [](const Tensor& x) { return hardtanh(x); }, 1, 0,
       [](Real x) { return inside(x, -1, 1); }},
      {"softsign", softsign, 0, 1, [](Real) { return 1.0L; }},
      {"clamp", [](const Tensor& x) { return clamp(x, -1, 2); }, -1, 1,
       [](Real x) { return inside(x, -1, 2); }},
      {"clamp", [](const Tensor& x) { return clamp(x, -1, 2); }, 2, 1,
       [](Real x) { return inside(x, -1, 2); }},
      {"clamp_min", [](const Tensor& x) { return clamp_min(x, 1); }, 1, 1,
       [](Real x) { return x > 1; }},
      {"clamp_max", [](const Tensor& x) { return clamp_max(x, 1); }, 1, 1,
       [](Real x) { return x < 1; }},
      {"fmod", [](const Tensor& x) { return fmod(x, 2); }, 4, 1, [](Real) { return 1.0L; }},
      {"remainder", [](const Tensor& x) { return remainder(x, 2); }, 4, 1,
       [](Real) { return 1.0L; }},
  };
  return table;
}

/// The derivative of f, seen through an upstream gradient of 1.
double slope(const Tensor1& f, double x, DType dtype) {
  Tensor t = full({3}, x, dtype).requires_grad_();
  return grad(sum(f(t)), {t})[0].to_vector<double>()[1];
}

/// `expected`, rounded to dtype: beyond its range, infinity.
double rounded(Real expected, DType dtype) {
  return dtype == float32 ? static_cast<double>(static_cast<float>(expected))
                          : static_cast<double>(expected);
}

void check_alike(double got, double expected, double tolerance) {
  if (std::isnan(expected))
    CHECK(std::isnan(got));
  else if (std::isinf(expected) || expected == 0)
    CHECK(got == expected);
  else
    CHECK(std::abs(got / expected - 1) < tolerance);
}

/// The numbers next to x; next to 0 the smallest normal ones.
template <class T>
std::pair<double, double> neighbours(double at) {
  const T x = static_cast<T>(at), largest = std::numeric_limits<T>::max();
  if (x == 0) return {-std::numeric_limits<T>::min(), std::numeric_limits<T>::min()};
  return {std::nextafter(x, -largest), std::nextafter(x, largest)};
}

/// The gradients of sum(f(a, b)) at scalars.
std::pair<double, double> slopes(const Tensor2& f, double x, double y, DType dtype) {
  const Tensor a = tensor(x, dtype).requires_grad_(), b = tensor(y, dtype).requires_grad_();
  const auto g = grad(f(a, b), {a, b});
  return {g[0].item(), g[1].item()};
}

}  // namespace

TEST_CASE("derivatives at singular points and corners are those of the table", "[ops]") {
  for (const Point& p : points())
    for (const DType dtype : {float32, float64}) {
      INFO(p.name << " at " << p.x << " in " << name_of(dtype));
      const double tolerance = dtype == float32 ? 1e-6 : 1e-14;
      check_alike(slope(p.f, p.x, dtype), rounded(p.at, dtype), tolerance);
      const auto [below, above] =
          dtype == float32 ? neighbours<float>(p.x) : neighbours<double>(p.x);
      check_alike(slope(p.f, below, dtype), rounded(p.beside(below), dtype), tolerance);
      check_alike(slope(p.f, above, dtype), rounded(p.beside(above), dtype), tolerance);
    }
}

TEST_CASE("second derivatives at singular points are finite", "[ops]") {
  for (const Point& p : points()) {
    INFO(p.name << " at " << p.x);
    Tensor x = tensor(p.x, float64).requires_grad_();
    const Tensor g = grad(p.f(x), {x}, {.create_graph = true})[0];
    CHECK(std::isfinite(g.item()));
    if (g.requires_grad()) CHECK(std::isfinite(grad(g, {x}, {.allow_unused = true})[0].item()));
  }
}

TEST_CASE("functions of two tensors have the table's derivatives at singular points", "[ops]") {
  using Pair = std::pair<double, double>;
  for (const DType dtype : {float32, float64}) {
    CHECK(slopes(hypot, 0, 0, dtype) == Pair{0, 0});
    const double inf = std::numeric_limits<double>::infinity();
    CHECK(slopes(hypot, inf, -3, dtype) == Pair{1, 0});
    CHECK(slopes(hypot, -inf, 0, dtype) == Pair{-1, 0});
    CHECK(slopes(hypot, 2, -inf, dtype) == Pair{0, -1});
    CHECK(slopes(hypot, inf, -inf, dtype).first == Approx(std::sqrt(0.5)));
    CHECK(slopes(hypot, inf, -inf, dtype).second == Approx(-std::sqrt(0.5)));
    CHECK(slopes(atan2, 0, 0, dtype) == Pair{0, 0});
    CHECK(slopes(maximum, 2, 2, dtype) == Pair{0.5, 0.5});
    CHECK(slopes(minimum, 2, 2, dtype) == Pair{0.5, 0.5});
    CHECK(slopes(div, 3, 0, dtype) == Pair{0, 0});
    CHECK(slopes(div, 0, 0, dtype) == Pair{0, 0});
    CHECK(slopes(pow, 0, 0.5, dtype) == Pair{0, 0});
    CHECK(slopes(pow, 0, -1, dtype) == Pair{0, 0});
    CHECK(slopes(pow, 0, 0, dtype) == Pair{0, 0});
    CHECK(slopes(pow, 0, 1, dtype) == Pair{1, 0});
    CHECK(slopes(pow, 0, 2, dtype) == Pair{0, 0});
    CHECK(slopes(fmod, 4, 2, dtype) == Pair{1, -2});
    CHECK(slopes(remainder, 4, 2, dtype) == Pair{1, -2});
    CHECK(slopes([](auto& a, auto& b) { return addcdiv(a, a, b); }, 3, 0, dtype) == Pair{1, 0});
    const auto [below, above] = dtype == float32 ? neighbours<float>(2) : neighbours<double>(2);
    CHECK(slopes(maximum, below, 2, dtype) == Pair{0, 1});
    CHECK(slopes(maximum, above, 2, dtype) == Pair{1, 0});
    CHECK(slopes(minimum, below, 2, dtype) == Pair{1, 0});
    CHECK(slopes(minimum, above, 2, dtype) == Pair{0, 1});
    const double tiny =
        dtype == float32 ? std::numeric_limits<float>::min() : std::numeric_limits<double>::min();
    const double huge =
        dtype == float32 ? std::numeric_limits<float>::max() : std::numeric_limits<double>::max();
    CHECK(slopes(hypot, huge, huge, dtype).first == Approx(std::sqrt(0.5)));  // itself infinite
    CHECK(slopes(hypot, tiny / 4, -tiny / 4, dtype).second == Approx(-std::sqrt(0.5)));
    CHECK(slopes(hypot, tiny, 0, dtype) == Pair{1, 0});
    CHECK(slopes(hypot, 0, -tiny, dtype) == Pair{0, -1});
    CHECK(slopes(atan2, 0, tiny, dtype).first == Approx(1 / tiny));
    CHECK(slopes(atan2, tiny, 0, dtype).second == Approx(-1 / tiny));
  }
}

TEST_CASE("second derivatives of hypot with an infinite operand are 0", "[ops]") {
  const double inf = std::numeric_limits<double>::infinity();
  for (const DType dtype : {float32, float64})
    for (const auto& [x, y] : {std::pair{inf, 3.0}, {-2.0, inf}, {inf, -inf}, {inf, 0.0}}) {
      Tensor a = tensor(x, dtype).requires_grad_(), b = tensor(y, dtype).requires_grad_();
      for (const Tensor& first : grad(hypot(a, b), {a, b}, {.create_graph = true}))
        for (const Tensor& second : grad(first, {a, b}, {.create_graph = true}))
          CHECK(second.item() == 0);
    }
}

TEST_CASE("a branch that where does not take leaks nothing, to second order", "[ops]") {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<double> bad = {
      0, -1, 1, -3, 5, 1e30, -1e30, infinity, -infinity, std::numeric_limits<double>::quiet_NaN()};
  std::vector<std::pair<std::string, Tensor1>> functions;
  for (const Point& p : points()) functions.emplace_back(p.name, p.f);
  const std::vector<std::pair<std::string, Tensor1>> others = {
      {"square", square},
      {"exp", exp},
      {"exp2", exp2},
      {"expm1", expm1},
      {"sin", sin},
      {"cos", cos},
      {"tan", tan},
      {"atan", atan},
      {"sinh", sinh},
      {"cosh", cosh},
      {"tanh", tanh},
      {"asinh", asinh},
      {"erf", erf},
      {"erfc", erfc},
      {"sigmoid", sigmoid},
      {"logsigmoid", logsigmoid},
      {"gelu", [](const Tensor& x) { return gelu(x); }},
      {"gelu by tanh", [](const Tensor& x) { return gelu(x, GeluApproximate::tanh); }},
      {"silu", silu},
      {"mish", mish},
      {"tanhshrink", tanhshrink},
      {"x ln x", [](const Tensor& x) { return x * log(x); }},
      {"x / x", [](const Tensor& x) { return x / x; }},
      {"x^x", [](const Tensor& x) { return pow(x, x); }},
      {"hypot", [](const Tensor& x) { return hypot(x, x); }},
      {"atan2", [](const Tensor& x) { return atan2(x, x); }},
      {"addcdiv", [](const Tensor& x) { return addcdiv(x, x, x); }},
      {"addcmul", [](const Tensor& x) { return addcmul(x, x, x); }},
      {"lerp", [](const Tensor& x) { return lerp(x, x, x); }},
      {"maximum", [](const Tensor& x) { return maximum(x, x); }},
  };
  functions.insert(functions.end(), others.begin(), others.end());
  for (const DType dtype : {float32, float64})
    for (const auto& [name, f] : functions) {
      Tensor x = from_vector(bad).to(dtype).requires_grad_();
      const Tensor nowhere = zeros({static_cast<Index>(bad.size())}, boolean);
      const std::vector<double> zero(bad.size(), 0.0);
      const Tensor masked = grad(sum(where(nowhere, f(x), 0)), {x}, {.create_graph = true})[0];
      INFO(name << " in " << name_of(dtype) << ": gradient " << to_string(masked));
      CHECK(masked.to_vector<double>() == zero);
      // The mask may lie before the first derivative, before the second, or before both.
      const Tensor all = grad(sum(f(x)), {x}, {.create_graph = true})[0];
      for (const Tensor& g : {masked, where(nowhere, all, 0), where(nowhere, masked, 0)}) {
        if (!g.requires_grad()) continue;
        const Tensor h = grad(sum(g), {x}, {.retain_graph = true, .allow_unused = true})[0];
        INFO("second derivative " << to_string(h));
        CHECK(h.to_vector<double>() == zero);
      }
    }
}
