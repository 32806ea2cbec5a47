#include "optim/lbfgs/wolfe.hpp"

#include <cmath>
#include <utility>

#include "support/catch.hpp"

using gradus::optim::detail::LinePoint;
using gradus::optim::detail::strong_wolfe;

namespace {
/// The value and the slope of a function of one number.
using Curve = std::pair<double, double> (*)(double t);

std::pair<double, double> parabola(double t) { return {(t - 3) * (t - 3), 2 * (t - 3)}; }
std::pair<double, double> long_tail(double t) {
  const double d = t * t + 2;
  return {-t / d, (t * t - 2) / (d * d)};
}
std::pair<double, double> quintic(double t) {
  const double x = t + 0.004;
  return {std::pow(x, 5) - 2 * std::pow(x, 4), 5 * std::pow(x, 4) - 8 * std::pow(x, 3)};
}
std::pair<double, double> waves(double t) {
  return {0.05 * (t - 4) * (t - 4) + std::cos(3 * t) / 4, 0.1 * (t - 4) - 0.75 * std::sin(3 * t)};
}
std::pair<double, double> bounded(double t) {
  return {t < 2 ? -t - 0.1 * std::log(2 - t) : std::nan(""), -1 + 0.1 / (2 - t)};
}
}  // namespace

TEST_CASE("the line search ends where both Wolfe conditions hold, from any first step") {
  const Curve functions[] = {parabola, long_tail, quintic, waves, bounded};
  for (std::size_t i = 0; i < 5; ++i)
    for (double first = 1e-3; first < 2e3; first *= 3) {
      int evaluations = 0;
      const auto evaluate = [&](double t) {
        ++evaluations;
        const auto [value, slope] = functions[i](t);
        return LinePoint{t, value, slope, {slope}};
      };
      const LinePoint origin = evaluate(0);
      const LinePoint found = strong_wolfe(evaluate, origin, first, 1, 1e-9, 25);
      CAPTURE(i, first, found.t, evaluations);
      CHECK(found.t > 0);
      CHECK(found.value <= origin.value + 1e-4 * found.t * origin.slope);
      CHECK(std::abs(found.slope) <= 0.9 * std::abs(origin.slope));
      CHECK(evaluations <= 26);
    }
}
