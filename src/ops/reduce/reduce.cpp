#include "gradus/ops/reduce.hpp"

#include <algorithm>
#include <limits>

#include "base/messages.hpp"
#include "kernels/move/copy.hpp"
#include "kernels/rows/rows.hpp"
#include "ops/reduce/reduction.hpp"

namespace gradus {

using detail::data;
using detail::empty;
using detail::kept;

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
Tensor reduce_to(kernels::ReduceOp op, const Tensor& x, const Axes& axes, const Shape& to) {
  const DType dtype = x.dtype();
  if (axes.empty()) {
    Tensor out = empty(to, dtype);
    kernels::run(kernels::Reduce{op, dtype, data(x), data(out), {1, 1, 1}});
    return out;
  }
  Tensor value = x;
  for_runs(x.shape(), axes, [&](const Lengths& of, const Shape& left) {
    const bool is_last = left[static_cast<int>(axes[0])] == 1;
    Tensor out = empty(is_last ? to : left, dtype);
    kernels::run(kernels::Reduce{op, dtype, data(value), data(out), of});
    value = std::move(out);
    if (op == kernels::ReduceOp::sum_squares || op == kernels::ReduceOp::sum_abs)
      op = kernels::ReduceOp::sum;
  });
  return value;
}

Tensor reduce(kernels::ReduceOp op, const Tensor& x, const Axes& axes, bool keepdim) {
  return reduce_to(op, x, axes, reduced_shape(x.shape(), axes, keepdim));
}

Index reduced_count(const Shape& shape, const Axes& axes) {
  Index count = 1;
  for (const Index axis : axes) count *= shape[static_cast<int>(axis)];
  return count;
}

Run run_of(const Shape& shape, const Axes& axes) {
  const Index first = axes.empty() ? 0 : axes[0], last = first + axes.size() - 1;
  return {split(shape, first, last), axes.empty() || axes.back() == last};
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
    kernels::run_strided<kernels::CopyStrided>(g.dtype(), data(g), data(out), shape.size(),
                                               shape.data(), strides);
  return record("expand", std::move(out), {g},
                [axes, from = g.shape()](const Vjp& k) { return sum_over(k.grad, axes, from); });
}

/// x summed over axes that are sorted, in the shape `to`.
Tensor sum_over(const Tensor& x, const Axes& axes, const Shape& to) {
  return record(
      "sum", reduce_to(kernels::ReduceOp::sum, x, axes, to), {x},
      [axes, from = x.shape()](const Vjp& k) { return expand_reduced(k.grad, axes, from); });
}

Tensor fitted(const Tensor& gradient, const Tensor& input) {
  const Tensor x = gradient.to(input.dtype());
  const Shape from = x.shape(), shape = input.shape();
  if (from == shape) return x;
  const int extra = from.size() - shape.size();
  bool fits = extra >= 0;
  Axes axes;
  for (int i = 0; i < from.size(); ++i) {
    if (i >= extra && shape[i - extra] == from[i]) continue;
    fits &= i < extra || shape[i - extra] == 1;
    axes.push_back(i);
  }
  if (!fits)
    fail("backward", "a rule returned a gradient of shape ", from, " for an input of shape ", shape,
         "; the gradient must have the input's or the output's shape");
  return sum_over(x, axes, shape);
}

}  // namespace detail

Tensor sum(const Tensor& x, const Axes& axes, ReduceOptions options) {
  const Tensor a = detail::to_arithmetic(x);
  const Shape shape = a.shape();
  const Axes over = normalize_axes(axes, shape.size(), "sum");
  return detail::sum_over(a, over, detail::reduced_shape(shape, over, options.keepdim));
}

Tensor mean(const Tensor& x, const Axes& axes, ReduceOptions options) {
  detail::require_floating(x, "mean");
  const Shape shape = x.shape();
  const Axes over = normalize_axes(axes, shape.size(), "mean");
  return record("mean", detail::reduce(kernels::ReduceOp::mean, x, over, options.keepdim), {x},
                [over, shape](const Vjp& k) {
                  const auto count = static_cast<double>(detail::reduced_count(shape, over));
                  return detail::expand_reduced(k.grad / count, over, shape);
                });
}

namespace detail {

Tensor exp_below(const Tensor& a, const Tensor& b) {
  Tensor value = zip("exp_below", kernels::Binary::below, a, b);
  kernels::run(
      kernels::Map{kernels::Unary::exp, value.dtype(), data(value), data(value), value.numel()});
  return record("exp_below", std::move(value), {a, b}, [](const Vjp& k) -> Grads<2> {
    const Tensor slope = safe_mul(k.grad, k.out());
    return {slope, k.wants(1) ? -slope : Tensor()};
  });
}

}  // namespace detail

namespace {

/// logsumexp over neighbouring axes.
Tensor log_sum_exp(const Tensor& x, const Axes& over, bool keepdim) {
  const detail::Run run = detail::run_of(x.shape(), over);
  Tensor out = empty(detail::reduced_shape(x.shape(), over, keepdim), x.dtype());
  const Tensor shares = detail::empty_like(out);
  kernels::run(kernels::LogSumExp{x.dtype(), data(x), data(out), data(shares), run});
  return record("logsumexp", std::move(out), {x, shares}, [over](const Vjp& k) {
    const Tensor& in = k.in(0);
    return detail::safe_mul(kept(detail::safe_mul(k.grad, k.in(1)), over, in),
                            detail::exp_below(in, kept(k.out(), over, in)));
  });
}

}  // namespace

Tensor logsumexp(const Tensor& x, const Axes& axes, ReduceOptions options) {
  Tensor value = detail::to_floating(x);
  const Axes over = normalize_axes(axes, value.dim(), "logsumexp");
  // Axes that are not neighbours: one run after another from the last.
  for (int end = over.size(), first = end; first > 0; end = first) {
    Axes run;
    for (first = end - 1; first > 0 && over[first - 1] == over[first] - 1;) --first;
    for (int i = first; i < end; ++i) run.push_back(over[i]);
    if (run.size() == over.size()) return log_sum_exp(value, over, options.keepdim);
    value = log_sum_exp(value, run, true);
  }
  if (over.empty()) return log_sum_exp(value, over, options.keepdim);
  return reshape(value, detail::reduced_shape(x.shape(), over, options.keepdim));
}

namespace {

/// The product along the middle axis of (outer, axis, inner).
Tensor prod_middle(const Tensor& x) {
  const Shape shape = x.shape();
  Tensor out = empty({shape[0], 1, shape[2]}, x.dtype());
  kernels::run(kernels::Reduce{kernels::ReduceOp::prod, x.dtype(), data(x), data(out),
                               detail::split(shape, 1)});
  return record("prod", std::move(out), {x}, [](const Vjp& k) {
    // The product of the others, exact also where x has zeros: of those before and those behind.
    const Tensor before = detail::shifted(detail::cumprod(k.in(0), 1, false), 1, false, 1);
    const Tensor behind = detail::shifted(detail::cumprod(k.in(0), 1, true), 1, true, 1);
    return detail::safe_mul(k.grad, before * behind);
  });
}

}  // namespace

Tensor prod(const Tensor& x, const Axes& axes, ReduceOptions options) {
  const Axes over = normalize_axes(axes, x.dim(), "prod");
  Tensor value = detail::to_arithmetic(x);
  const Shape shape = x.shape();
  detail::for_runs(shape, over, [&](const detail::Lengths& of, const Shape&) {
    value = prod_middle(reshape(value, {of.outer, of.axis, of.inner}));
  });
  return reshape(value, detail::reduced_shape(shape, over, options.keepdim));
}

namespace {

Tensor truth(kernels::ReduceOp op, const Tensor& x, const Axes& axes, bool keepdim,
             const char* name) {
  const NoGrad guard;
  detail::note_read({x});
  const Axes over = normalize_axes(axes, x.dim(), name);
  return detail::reduce(op, x.to(boolean), over, keepdim);
}

}  // namespace

Tensor any(const Tensor& x, const Axes& axes, ReduceOptions options) {
  return truth(kernels::ReduceOp::any, x, axes, options.keepdim, "any");
}

Tensor all(const Tensor& x, const Axes& axes, ReduceOptions options) {
  return truth(kernels::ReduceOp::all, x, axes, options.keepdim, "all");
}

Tensor count_nonzero(const Tensor& x, const Axes& axes) {
  const NoGrad guard;
  normalize_axes(axes, x.dim(), "count_nonzero");
  return sum(x.to(boolean), axes);
}

}  // namespace gradus
