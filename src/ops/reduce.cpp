#include "gradus/ops/reduce.hpp"

#include "kernels/reduce.hpp"
#include "ops/common.hpp"

namespace gradus {

using detail::data;
using detail::empty;
using detail::node;

namespace detail {

Shape reduced_shape(const Shape& shape, const Axes& axes, bool keepdim) {
  Shape out;
  for (int i = 0, next = 0; i < shape.size(); ++i) {
    const bool reduced = next < axes.size() && axes[next] == i;
    next += reduced;
    if (!reduced)
      out.push_back(shape[i]);
    else if (keepdim)
      out.push_back(1);
  }
  return out;
}

/// `x` reduced over sorted axes: neighbouring axes at once, one run after another from the last.
Tensor reduce(kernels::Reduce op, const Tensor& x, const Axes& axes, bool keepdim) {
  const Shape shape = x.shape();
  if (axes.empty()) {
    const NoGrad guard;
    return x.clone();
  }
  Tensor value = x.detach();
  Shape left = shape;  // reduced axes become 1
  for (int last = axes.size() - 1; last >= 0;) {
    int first = last;
    while (first > 0 && axes[first - 1] == axes[first] - 1) --first;
    Index outer = 1, axis = 1, inner = 1;
    for (int i = 0; i < left.size(); ++i)
      (i < axes[first] ? outer : i <= axes[last] ? axis : inner) *= left[i];
    for (int i = first; i <= last; ++i) left[static_cast<int>(axes[i])] = 1;
    Tensor out = empty(left, x.dtype());
    kernels::reduce(op, x.dtype(), data(value), data(out), outer, axis, inner);
    value = std::move(out);
    last = first - 1;
  }
  return keepdim ? value : alias(value, reduced_shape(shape, axes, false));
}

/// g with the reduced axes as length 1, expanded to `shape`.
Tensor expand_reduced(const Tensor& g, const Axes& axes, const Shape& shape) {
  return expand(reshape(g, reduced_shape(shape, axes, true)), shape);
}

Tensor sum_to(const Tensor& x, const Shape& shape) {
  const Shape from = x.shape();
  if (from == shape) return x;
  const int extra = from.size() - shape.size();
  Axes axes;
  for (int i = 0; i < from.size(); ++i) {
    if (i >= extra && shape[i - extra] == from[i]) continue;
    if (i >= extra && shape[i - extra] != 1)
      fail("backward", "a rule returned a gradient of shape " + to_string(from) +
                           " for an input of shape " + to_string(shape) +
                           "; the gradient must have the input's or the output's shape");
    axes.push_back(i);
  }
  if (extra < 0)
    fail("backward", "a rule returned a gradient of shape " + to_string(from) +
                         " for an input of shape " + to_string(shape) +
                         "; the gradient must have the input's or the output's shape");
  return reshape(sum(x, axes, true), shape);
}

}  // namespace detail

Tensor sum(const Tensor& x, const Axes& axes, bool keepdim) {
  const Tensor a = detail::to_arithmetic(x);
  const Shape shape = a.shape();
  const Axes over = normalize_axes(axes, shape.size(), "sum");
  return record(
      "sum", detail::reduce(kernels::Reduce::sum, a, over, keepdim), {a},
      [over, shape](const Vjp& k) { return detail::expand_reduced(k.grad, over, shape); });
}

Tensor mean(const Tensor& x, const Axes& axes, bool keepdim) {
  detail::require_floating(x, "mean");
  const Shape shape = x.shape();
  const Axes over = normalize_axes(axes, shape.size(), "mean");
  return record("mean", detail::reduce(kernels::Reduce::mean, x, over, keepdim), {x},
                [over, shape](const Vjp& k) {
                  const double count =
                      static_cast<double>(numel(shape)) / static_cast<double>(k.grad.numel());
                  return detail::expand_reduced(k.grad / count, over, shape);
                });
}

}  // namespace gradus
