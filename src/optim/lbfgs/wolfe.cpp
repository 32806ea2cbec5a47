#include "optim/lbfgs/wolfe.hpp"

#include <algorithm>
#include <cmath>

namespace gradus::optim::detail {
namespace {

constexpr double decrease = 1e-4, curvature = 0.9;

/// The minimum of the cubic through two points and their slopes within [low, high], or the middle
/// where there is none.
double cubic_minimum(const LinePoint& a, const LinePoint& b, double low, double high) {
  const LinePoint& left = a.t <= b.t ? a : b;
  const LinePoint& right = a.t <= b.t ? b : a;
  const double d1 = left.slope + right.slope - 3 * (left.value - right.value) / (left.t - right.t);
  const double square = d1 * d1 - left.slope * right.slope;
  const double d2 = std::sqrt(square);  // NaN where there is no minimum
  const double t =
      right.t - (right.t - left.t) * (right.slope + d2 - d1) / (right.slope - left.slope + 2 * d2);
  return std::isfinite(t) ? std::clamp(t, low, high) : (low + high) / 2;
}

struct Search {
  const std::function<LinePoint(double)>& evaluate;
  const LinePoint& origin;
  double reach, tolerance;
  int left;  // evaluations

  // Also true for NaN.
  bool too_high(const LinePoint& p) const {
    return !(p.value <= origin.value + decrease * p.t * origin.slope);
  }
  bool flat(const LinePoint& p) const { return std::abs(p.slope) <= -curvature * origin.slope; }
  LinePoint at(double t) {
    --left;
    return evaluate(t);
  }

  /// Narrows an interval around a good point; `low` has the lower value.
  LinePoint zoom(LinePoint low, LinePoint high) {
    bool near_the_end = false;
    while (left > 0 && std::abs(high.t - low.t) * reach > tolerance) {
      const double from = std::min(low.t, high.t), to = std::max(low.t, high.t);
      double t = cubic_minimum(low, high, from, to);
      // Twice in a row within a tenth of an end: step inside.
      const double margin = (to - from) / 10;
      if (std::min(to - t, t - from) < margin) {
        if (near_the_end || t >= to || t <= from) {
          t = std::abs(t - to) < std::abs(t - from) ? to - margin : from + margin;
          near_the_end = false;
        } else {
          near_the_end = true;
        }
      } else {
        near_the_end = false;
      }
      LinePoint p = at(t);
      if (too_high(p) || p.value >= low.value) {
        high = std::move(p);
        continue;
      }
      if (flat(p)) return p;
      if (p.slope * (high.t - low.t) >= 0) high = std::move(low);
      low = std::move(p);
    }
    return low;
  }

  LinePoint run(double t) {
    LinePoint before = origin;
    LinePoint now = at(t);
    for (bool first = true;; first = false) {
      if (too_high(now) || (!first && now.value >= before.value))
        return zoom(std::move(before), std::move(now));
      if (flat(now)) return now;
      if (now.slope >= 0) return zoom(std::move(now), std::move(before));
      if (left <= 0) return now;
      const double next = cubic_minimum(before, now, now.t + 0.01 * (now.t - before.t), 10 * now.t);
      before = std::move(now);
      now = at(next);
    }
  }
};

}  // namespace

LinePoint strong_wolfe(const std::function<LinePoint(double t)>& evaluate, const LinePoint& origin,
                       double t, double reach, double tolerance, int max_evaluations) {
  return Search{evaluate, origin, reach, tolerance, max_evaluations}.run(t);
}

}  // namespace gradus::optim::detail
