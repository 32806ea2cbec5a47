#pragma once

#include <functional>
#include <vector>

namespace gradus::optim::detail {

/// A function along a line, at distance t: its value, its slope, and the whole gradient.
struct LinePoint {
  double t;
  double value;
  double slope;
  std::vector<double> grad;
};

/// A t > 0 that satisfies the strong Wolfe conditions (decrease 1e-4, curvature 0.9), or the best
/// of those tried in `max_evaluations` (1 or more), beginning at `t`; `origin` is the point at 0.
/// `reach` is the largest entry of the direction: intervals in which no parameter moves by more
/// than `tolerance` are not searched.
LinePoint strong_wolfe(const std::function<LinePoint(double t)>& evaluate, const LinePoint& origin,
                       double t, double reach, double tolerance, int max_evaluations);

}  // namespace gradus::optim::detail
