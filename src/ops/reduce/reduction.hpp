#pragma once

#include "kernels/reduce/reduce.hpp"
#include "ops/common.hpp"

// What the reductions share.
namespace gradus::detail {

/// `shape` without its sorted `axes`, or with length 1 there.
Shape reduced_shape(const Shape& shape, const Axes& axes, bool keepdim);

/// g, the gradient of a reduction of x over sorted axes, with these as length 1.
inline Tensor kept(const Tensor& g, const Axes& over, const Tensor& x) {
  return reshape(g, reduced_shape(x.shape(), over, true));
}

/// x less its mean, twice: what rounding left of the mean of close values goes the second time.
inline Tensor centred(const Tensor& x, const Axes& over) {
  const Tensor once = x - mean(x, over, {.keepdim = true});
  return once - mean(once, over, {.keepdim = true});
}

/// `x` reduced over sorted axes; records nothing.
Tensor reduce(kernels::ReduceOp op, const Tensor& x, const Axes& axes, bool keepdim);

/// How many elements of `shape` go into one result of a reduction over `axes`.
Index reduced_count(const Shape& shape, const Axes& axes);

/// (outer, axis, inner) of `shape` around `axes`, where these are neighbours.
struct Run : Lengths {
  bool is_one = true;
};
Run run_of(const Shape& shape, const Axes& axes);

/// f(lengths, left) for each run of neighbouring sorted `axes`, from the last: what lies around and
/// along it, and `shape` with length 1 for what is reduced by then.
template <class F>
void for_runs(const Shape& shape, const Axes& axes, F f) {
  Shape left = shape;
  for (int last = axes.size() - 1, first; last >= 0; last = first - 1) {
    for (first = last; first > 0 && axes[first - 1] == axes[first] - 1;) --first;
    const Lengths of = split(left, axes[first], axes[last]);
    for (int i = first; i <= last; ++i) left[static_cast<int>(axes[i])] = 1;
    f(of, left);
  }
}

/// Throws if a reduction over `axes` meets nothing, where no value can stand for that.
void require_nonempty(const Tensor& x, const Axes& axes, const char* operation);

/// Constants over x: 1 / n where x equals `out` (its reduction over `axes`), 0 elsewhere, with n
/// the number of ties; where `out` is NaN, the NaN in x tie.
Tensor tie_shares(const Tensor& x, const Tensor& out, const Axes& axes);

/// exp(a - b) for a <= b: 1 where both are equal, also at +inf, and 0 where b is -inf.
Tensor exp_below(const Tensor& a, const Tensor& b);

/// cumprod along an axis, from the end when `reverse`.
Tensor cumprod(const Tensor& x, int axis, bool reverse);

/// x moved on by one place along `axis` (back when `reverse`), with `fill` in the place that is
/// free.
Tensor shifted(const Tensor& x, int axis, bool reverse, double fill);

}  // namespace gradus::detail
