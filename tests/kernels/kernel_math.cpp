// Accuracy of the elementwise functions in float32 and float64 against long double.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/elementwise/elementwise.hpp"
#include "support/catch.hpp"

using namespace gradus;
using namespace gradus::kernels;

namespace {

using Real = long double;

// Distance in units of the last place of the float nearest to `want`.
double ulps(float got, Real want) {
  const auto nearest = static_cast<float>(want);
  if (std::isnan(want)) return std::isnan(got) ? 0 : 1e9;
  if (std::isinf(nearest)) return got == nearest ? 0 : 1e9;
  int exponent = 0;
  std::frexp(std::max(std::abs(nearest), std::numeric_limits<float>::min()), &exponent);
  return static_cast<double>(std::abs(static_cast<Real>(got) - want) /
                             std::ldexp(Real(1), exponent - 24));
}

struct Accuracy {
  const char* name;
  Unary op;
  Real (*f)(Real);
  double low, high, bound;
};

Real sigmoid(Real x) { return 1 / (1 + std::exp(-x)); }
Real logsigmoid(Real x) { return x < 0 ? x - std::log1p(std::exp(x)) : -std::log1p(std::exp(-x)); }
Real softplus(Real x) { return -logsigmoid(-x); }
Real cdf(Real x) { return std::erfc(-x / std::sqrt(Real(2))) / 2; }
Real inner(Real x) { return std::sqrt(2 / std::acos(Real(-1))) * (x + Real(0.044715) * x * x * x); }

#define CASE(name, low, high, bound)                                                  \
  {                                                                                   \
#name, Unary::name, [](Real x) -> Real { return std::name(x); }, low, high, bound \
  }

const Accuracy in_ulps[] = {
    CASE(exp, -87, 88.7, 2),
    CASE(exp2, -125, 127.9, 2),
    CASE(expm1, -20, 88.7, 2),
    CASE(expm1, -0.01, 0.01, 2),
    CASE(log, 0.01, 3, 2),
    CASE(log, 1e-30, 1e30, 2),
    CASE(log1p, -0.99, 10, 3),
    CASE(log1p, -1e-3, 1e-3, 3),
    CASE(log2, 0.5, 2, 3),
    CASE(log10, 0.5, 2, 3),
    CASE(sqrt, 0, 1e9, 0.51),
    CASE(sin, -10, 10, 3),
    CASE(sin, -1e5, 1e5, 3),
    CASE(cos, -10, 10, 3),
    CASE(tan, -10, 10, 4),
    CASE(asin, -1, 1, 4),
    CASE(acos, -1, 1, 4),
    CASE(atan, -50, 50, 4),
    CASE(sinh, -80, 80, 4),
    CASE(cosh, -80, 80, 4),
    CASE(tanh, -12, 12, 4),
    CASE(tanh, -0.1, 0.1, 4),
    CASE(asinh, -10, 10, 4),
    CASE(acosh, 1, 10, 4),
    CASE(atanh, -0.999, 0.999, 4),
    CASE(erf, -5, 5, 4),
    CASE(erfc, -3, 9, 8),
    {"sigmoid", Unary::sigmoid, sigmoid, -86, 20, 4},
    {"logsigmoid", Unary::logsigmoid, logsigmoid, -80, 80, 4},
    {"silu", Unary::silu, [](Real x) { return x * sigmoid(x); }, -80, 80, 4},
    {"mish", Unary::mish, [](Real x) { return x * std::tanh(softplus(x)); }, -80, 80, 6},
};

// Bounded by 2e-7 of the larger of 1 and the value: what cancels is the tail of a distribution.
const Accuracy in_absolute[] = {
    CASE(erf, -6, 6, 2e-7),
    {"gelu", Unary::gelu, [](Real x) { return x * cdf(x); }, -9, 9, 2e-7},
    {"gelu_tanh", Unary::gelu_tanh, [](Real x) { return x / 2 * (1 + std::tanh(inner(x))); }, -9, 9,
     2e-7},
};

template <class T>
std::vector<T> grid(const Accuracy& c, int n) {
  std::vector<T> x(static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i) {
    const double t = (i + 0.5) / n;
    const bool geometric = c.high > 1e8 && c.low > 0;
    x[static_cast<std::size_t>(i)] =
        static_cast<T>(geometric ? std::exp(std::log(c.low) * (1 - t) + std::log(c.high) * t)
                                 : c.low + (c.high - c.low) * t);
  }
  return x;
}

// The largest error(result, exact) over the case's interval.
template <class T, class Error>
double worst(const Accuracy& c, DType t, int n, Error error) {
  const std::vector<T> x = grid<T>(c, n);
  std::vector<T> y(x.size());
  run(Map{c.op, t, x.data(), y.data(), static_cast<Index>(x.size())});
  double largest = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    largest = std::max(largest, static_cast<double>(error(y[i], c.f(static_cast<Real>(x[i])))));
  }
  return largest;
}

}  // namespace

TEST_CASE("float32 functions are within a few units of the last place") {
  for (const Accuracy& c : in_ulps) {
    INFO(c.name << " on " << c.low << " to " << c.high);
    CHECK(worst<float>(c, float32, 40001, ulps) <= c.bound);
  }
}

TEST_CASE("float32 erf and gelu are within 2e-7") {
  for (const Accuracy& c : in_absolute) {
    INFO(c.name);
    CHECK(worst<float>(c, float32, 40001, [](float y, Real want) {
            return std::abs(static_cast<Real>(y) - want) / std::max(Real(1), std::abs(want));
          }) <= c.bound);
  }
}

TEST_CASE("float64 functions are accurate to 1e-14") {
  for (const Accuracy& c : in_ulps) {
    INFO(c.name << " on " << c.low << " to " << c.high);
    CHECK(worst<double>(c, float64, 2001, [](double y, Real want) {
            return std::abs(static_cast<Real>(y) - want) / std::max(Real(1e-30), std::abs(want));
          }) <= 1e-14);
  }
}

TEST_CASE("functions keep NaN and take infinities to their limits") {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto at = [](Unary op, float x) {
    float y = 0;
    run(Map{op, float32, &x, &y, 1, 1, 20});
    return y;
  };
#define GRADUS_NAME(name, ...) Unary::name,
  for (const Unary op : {GRADUS_UNARY(GRADUS_NAME)}) {
    INFO("operation " << static_cast<int>(op));
    double wide = std::numeric_limits<double>::quiet_NaN();
    run(Map{op, float64, &wide, &wide, 1, 1, 20});
    if (op == Unary::sign || op == Unary::rpow_scalar) {  // 1 to the power of anything is 1
      CHECK(wide == (op == Unary::sign ? 0 : 1));
      CHECK(at(op, nan) == (op == Unary::sign ? 0 : 1));
    } else {
      CHECK(std::isnan(wide));
      CHECK(std::isnan(at(op, nan)));
    }
  }
  struct Limit {
    Unary op;
    float x, want;
  };
  const Limit limits[] = {{Unary::exp, inf, inf},      {Unary::exp, -inf, 0},
                          {Unary::exp, 89, inf},       {Unary::expm1, -inf, -1},
                          {Unary::expm1, inf, inf},    {Unary::log, 0, -inf},
                          {Unary::log, inf, inf},      {Unary::log, -1, nan},
                          {Unary::log1p, -1, -inf},    {Unary::log1p, inf, inf},
                          {Unary::tanh, inf, 1},       {Unary::tanh, -inf, -1},
                          {Unary::erf, inf, 1},        {Unary::erf, -inf, -1},
                          {Unary::erfc, inf, 0},       {Unary::erfc, -inf, 2},
                          {Unary::sigmoid, -inf, 0},   {Unary::sigmoid, inf, 1},
                          {Unary::softplus, inf, inf}, {Unary::softplus, -inf, 0},
                          {Unary::logsigmoid, inf, 0}, {Unary::logsigmoid, -inf, -inf},
                          {Unary::gelu, inf, inf},     {Unary::mish, inf, inf},
                          {Unary::round, 0.5f, 0},     {Unary::round, 1.5f, 2},
                          {Unary::round, -2.5f, -2},   {Unary::sign, -3, -1},
                          {Unary::sqrt, -1, nan},      {Unary::rsqrt, 0, inf}};
  for (const Limit& limit : limits) {
    INFO("operation " << static_cast<int>(limit.op) << " at " << limit.x);
    const float y = at(limit.op, limit.x);
    CHECK((std::isnan(limit.want) ? std::isnan(y) : y == limit.want));
  }
}
