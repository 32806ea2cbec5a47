#include "gradus/ops/reduce.hpp"

#include <algorithm>
#include <limits>

#include "autograd/capture.hpp"
#include "kernels/copy.hpp"
#include "ops/reduction.hpp"

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

// Neighbouring axes at once, one run after another from the last, whose result takes the shape
// `to`.
Tensor reduce_to(kernels::Reduce op, const Tensor& x, const Axes& axes, const Shape& to) {
  const DType dtype = x.dtype();
  if (axes.empty()) {
    Tensor out = empty(to, dtype);
    kernels::reduce(op, dtype, data(x), data(out), 1, 1, 1);
    return out;
  }
  Tensor value = x;
  Shape left = x.shape();  // reduced axes become 1
  for (int last = axes.size() - 1; last >= 0;) {
    int first = last;
    while (first > 0 && axes[first - 1] == axes[first] - 1) --first;
    Index outer = 1, axis = 1, inner = 1;
    for (int i = 0; i < left.size(); ++i)
      (i < axes[first] ? outer : i <= axes[last] ? axis : inner) *= left[i];
    for (int i = first; i <= last; ++i) left[static_cast<int>(axes[i])] = 1;
    Tensor out = empty(first == 0 ? to : left, dtype);
    kernels::reduce(op, dtype, data(value), data(out), outer, axis, inner);
    value = std::move(out);
    last = first - 1;
    if (op == kernels::Reduce::sum_squares || op == kernels::Reduce::sum_abs)
      op = kernels::Reduce::sum;
  }
  return value;
}

Tensor reduce(kernels::Reduce op, const Tensor& x, const Axes& axes, bool keepdim) {
  return reduce_to(op, x, axes, reduced_shape(x.shape(), axes, keepdim));
}

Index reduced_count(const Shape& shape, const Axes& axes) {
  Index count = 1;
  for (const Index axis : axes) count *= shape[static_cast<int>(axis)];
  return count;
}

Tensor sum_over(const Tensor& x, const Axes& axes, const Shape& to);

/// g, the result of a reduction of `shape` over `axes`, repeated along these.
Tensor expand_reduced(const Tensor& g, const Axes& axes, const Shape& shape) {
  if (g.numel() == numel(shape)) return reshape(g, shape);
  Tensor out = empty(shape, g.dtype());
  Index strides[max_rank], step = 1;
  for (int i = shape.size() - 1, next = axes.size() - 1; i >= 0; --i) {
    const bool reduced = next >= 0 && axes[next] == i;
    next -= reduced;
    strides[i] = reduced ? 0 : step;
    if (!reduced) step *= shape[i];
  }
  if (out.numel() > 0)
    kernels::copy_strided(g.dtype(), data(g), strides, shape.data(), shape.size(), data(out));
  return record("expand", std::move(out), {g},
                [axes, from = g.shape()](const Vjp& k) { return sum_over(k.grad, axes, from); });
}

/// x summed over axes that are sorted, in the shape `to`.
Tensor sum_over(const Tensor& x, const Axes& axes, const Shape& to) {
  return record(
      "sum", reduce_to(kernels::Reduce::sum, x, axes, to), {x},
      [axes, from = x.shape()](const Vjp& k) { return expand_reduced(k.grad, axes, from); });
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
  return sum_over(x, axes, shape);
}

}  // namespace detail

Tensor sum(const Tensor& x, const Axes& axes, bool keepdim) {
  const Tensor a = detail::to_arithmetic(x);
  const Shape shape = a.shape();
  const Axes over = normalize_axes(axes, shape.size(), "sum");
  return detail::sum_over(a, over, detail::reduced_shape(shape, over, keepdim));
}

Tensor mean(const Tensor& x, const Axes& axes, bool keepdim) {
  detail::require_floating(x, "mean");
  const Shape shape = x.shape();
  const Axes over = normalize_axes(axes, shape.size(), "mean");
  return record("mean", detail::reduce(kernels::Reduce::mean, x, over, keepdim), {x},
                [over, shape](const Vjp& k) {
                  const auto count = static_cast<double>(detail::reduced_count(shape, over));
                  return detail::expand_reduced(k.grad / count, over, shape);
                });
}

namespace {

double variance_divisor(const Shape& shape, const Axes& over, double correction) {
  return std::max(0.0, static_cast<double>(detail::reduced_count(shape, over)) - correction);
}

/// The variance, recording nothing.
Tensor variance(const Tensor& x, const Axes& over, double correction, bool keepdim) {
  const Tensor average = detail::reduce(kernels::Reduce::mean, x, over, true);
  const Tensor centered = detail::zip("var", kernels::Binary::sub, x, average);
  const double divisor = variance_divisor(x.shape(), over, correction);
  return detail::reduce(kernels::Reduce::sum_squares, centered, over, keepdim) / divisor;
}

/// g with the axes that were reduced as length 1.
Tensor kept(const Tensor& g, const Axes& over, const Tensor& x) {
  return reshape(g, detail::reduced_shape(x.shape(), over, true));
}

}  // namespace

Tensor var(const Tensor& x, const Axes& axes, double correction, bool keepdim) {
  detail::require_floating(x, "var");
  const Axes over = normalize_axes(axes, x.dim(), "var");
  return record("var", variance(x, over, correction, keepdim), {x},
                [over, correction](const Vjp& k) {
                  const Tensor& in = k.in(0);
                  const double divisor = variance_divisor(in.shape(), over, correction);
                  const Tensor slope = (in - mean(in, over, true)) * (2 / divisor);
                  return detail::safe_mul(kept(k.grad, over, in), slope);
                });
}

Tensor stddev(const Tensor& x, const Axes& axes, double correction, bool keepdim) {
  detail::require_floating(x, "stddev");
  const Axes over = normalize_axes(axes, x.dim(), "stddev");
  const Tensor squared = variance(x, over, correction, keepdim);
  return record("stddev", detail::map(kernels::Unary::sqrt, squared), {x},
                [over, correction](const Vjp& k) {
                  const Tensor& in = k.in(0);
                  const double divisor = variance_divisor(in.shape(), over, correction);
                  const Tensor scale = detail::safe_div(k.grad, k.out());
                  const Tensor slope = (in - mean(in, over, true)) / divisor;
                  return detail::safe_mul(kept(scale, over, in), slope);
                });
}

namespace detail {

Tensor exp_difference(const Tensor& x, const Tensor& lse) {
  // Where lse is -inf, so is x: x less the lowest finite number stays -inf.
  const double lowest = x.dtype() == float32 ? std::numeric_limits<float>::lowest()
                                             : std::numeric_limits<double>::lowest();
  const Tensor finite = map(kernels::Unary::clamp_min, lse, lowest);
  const Tensor difference = zip("exp", kernels::Binary::sub, x, finite);
  return record("exp_difference", map(kernels::Unary::exp, difference), {x, lse},
                [](const Vjp& k) -> Grads<2> {
                  const Tensor slope = safe_mul(k.grad, k.out());
                  return {slope, k.wants(1) ? -slope : Tensor()};
                });
}

}  // namespace detail

Tensor logsumexp(const Tensor& x, const Axes& axes, bool keepdim) {
  const Tensor a = detail::to_floating(x);
  const Axes over = normalize_axes(axes, a.dim(), "logsumexp");
  return record("logsumexp", detail::reduce(kernels::Reduce::logsumexp, a, over, keepdim), {a},
                [over](const Vjp& k) {
                  const Tensor& in = k.in(0);
                  return detail::safe_mul(kept(k.grad, over, in),
                                          detail::exp_difference(in, kept(k.out(), over, in)));
                });
}

namespace {

/// The product along the middle axis of (outer, axis, inner).
Tensor prod_middle(const Tensor& x) {
  const Shape shape = x.shape();
  Tensor out = empty({shape[0], 1, shape[2]}, x.dtype());
  kernels::reduce(kernels::Reduce::prod, x.dtype(), data(x), data(out), shape[0], shape[1],
                  shape[2]);
  return record("prod", std::move(out), {x}, [](const Vjp& k) {
    // The product of the others, exact also where x has zeros: of those before and those behind.
    const Tensor before = detail::shifted(detail::cumprod(k.in(0), 1, false), 1, false, 1);
    const Tensor behind = detail::shifted(detail::cumprod(k.in(0), 1, true), 1, true, 1);
    return detail::safe_mul(k.grad, before * behind);
  });
}

}  // namespace

Tensor prod(const Tensor& x, const Axes& axes, bool keepdim) {
  const Axes over = normalize_axes(axes, x.dim(), "prod");
  Tensor value = detail::to_arithmetic(x);
  const Shape shape = x.shape();
  Shape left = shape;
  for (int end = over.size(), first = end; end > 0; end = first) {  // neighbouring axes at once
    for (first = end - 1; first > 0 && over[first - 1] == over[first] - 1;) --first;
    Index outer = 1, axis = 1, inner = 1;
    for (int i = 0; i < left.size(); ++i)
      (i < over[first] ? outer : i <= over[end - 1] ? axis : inner) *= left[i];
    value = prod_middle(reshape(value, {outer, axis, inner}));
    for (int i = first; i < end; ++i) left[static_cast<int>(over[i])] = 1;
  }
  return reshape(value, detail::reduced_shape(shape, over, keepdim));
}

namespace {

Tensor truth(kernels::Reduce op, const Tensor& x, const Axes& axes, bool keepdim,
             const char* name) {
  const NoGrad guard;
  detail::note_read({x});
  const Axes over = normalize_axes(axes, x.dim(), name);
  return detail::reduce(op, x.to(boolean), over, keepdim);
}

}  // namespace

Tensor any(const Tensor& x, const Axes& axes, bool keepdim) {
  return truth(kernels::Reduce::any, x, axes, keepdim, "any");
}

Tensor all(const Tensor& x, const Axes& axes, bool keepdim) {
  return truth(kernels::Reduce::all, x, axes, keepdim, "all");
}

Tensor count_nonzero(const Tensor& x, const Axes& axes) {
  const NoGrad guard;
  normalize_axes(axes, x.dim(), "count_nonzero");
  return sum(x.to(boolean), axes);
}

}  // namespace gradus
