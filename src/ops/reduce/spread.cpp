#include <algorithm>
#include <limits>

#include "gradus/ops/reduce.hpp"
#include "kernels/rows/rows.hpp"
#include "ops/reduce/reduction.hpp"

namespace gradus {

using detail::centred;
using detail::data;
using detail::empty;
using detail::kept;

namespace {

double variance_divisor(const Shape& shape, const Axes& over, double correction) {
  return std::max(0.0, static_cast<double>(detail::reduced_count(shape, over)) - correction);
}

/// The axes of `shape` with those of `over` last.
Axes with_last(const Axes& over, int rank) {
  Axes order;
  for (int i = 0, next = 0; i < rank; ++i) {
    const bool later = next < over.size() && over[next] == i;
    next += later;
    if (!later) order.push_back(i);
  }
  for (const Index axis : over) order.push_back(axis);
  return order;
}

/// x with the axes `over` side by side: as it is, or with them last. Records nothing.
Tensor with_one_run(const Tensor& x, const Axes& over) {
  const NoGrad guard;
  return detail::run_of(x.shape(), over).is_one ? x : permute(x, with_last(over, x.dim()));
}
detail::Run run_within(const Tensor& x, const Axes& over) {
  detail::Run run = detail::run_of(x.shape(), over);
  if (run.is_one) return run;
  const Index count = detail::reduced_count(x.shape(), over);
  return {{numel(detail::reduced_shape(x.shape(), over, false)), count, 1}, false};
}

/// The inverse of with_one_run, for a tensor of its shape.
Tensor as_before(const Tensor& moved, const Axes& over, bool is_one) {
  if (is_one) return moved;
  const NoGrad guard;
  const Axes order = with_last(over, moved.dim());
  Axes back = order;
  for (int i = 0; i < order.size(); ++i) back[static_cast<int>(order[i])] = i;
  return permute(moved, back);
}

/// The variance or, where `root`, the deviation, which is computed in the range of x where the
/// squares are not.
Tensor spread(const char* name, const Tensor& x, const Axes& axes, double correction, bool keepdim,
              bool root) {
  detail::require_floating(x, name);
  const Axes over = normalize_axes(axes, x.dim(), name);
  const detail::Run run = run_within(x, over);
  Tensor out = empty(detail::reduced_shape(x.shape(), over, keepdim), x.dtype());
  const Tensor means = empty({2, out.numel()}, x.dtype()), from = with_one_run(x, over);
  kernels::run(kernels::Spread{x.dtype(), data(from), data(means), data(out), run,
                               variance_divisor(x.shape(), over, correction), root});
  return record(name, std::move(out), {x, means}, [over, correction, root](const Vjp& k) {
    const Tensor& in = k.in(0);
    const double divisor = variance_divisor(in.shape(), over, correction);
    const double factor = (root ? 1 : 2) / divisor;
    if (k.create_graph()) {
      const Tensor distance = centred(in, over);
      return detail::safe_mul(
          kept(detail::scaled(k.grad, factor), over, in),
          root ? detail::quotient(distance, kept(k.out(), over, in)) : distance);
    }
    const detail::Run part = run_within(in, over);
    const Tensor at = with_one_run(in, over), dx = detail::empty_like(at);
    kernels::run(kernels::SpreadBackward{in.dtype(), data(k.grad), data(at), data(k.in(1)),
                                         root ? data(k.out()) : nullptr, factor, data(dx), part});
    return as_before(dx, over, part.is_one);
  });
}

}  // namespace

Tensor var(const Tensor& x, const Axes& axes, double correction, ReduceOptions options) {
  return spread("var", x, axes, correction, options.keepdim, false);
}

// PyTorch's deviation of equal values in float32 is not always 0, and it squares without looking at
// the range.
Tensor stddev(const Tensor& x, const Axes& axes, double correction, ReduceOptions options) {
  return spread("stddev", x, axes, correction, options.keepdim, true);
}

}  // namespace gradus
