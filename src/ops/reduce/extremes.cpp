#include "base/messages.hpp"
#include "gradus/ops/reduce.hpp"
#include "ops/move/indexing.hpp"
#include "ops/reduce/reduction.hpp"

namespace gradus {

using detail::data;
using kernels::ArgReduceOp;
using kernels::ReduceOp;

namespace detail {

void require_nonempty(const Tensor& x, const Axes& axes, const char* operation) {
  const Shape shape = x.shape();
  for (const Index axis : axes)
    if (shape[static_cast<int>(axis)] == 0)
      fail(operation, "a tensor of shape ", shape, " was given, of which axis ", axis,
           " is empty; one or more elements to choose from are required; check how "
           "the tensor was made, or reduce other axes");
}

Tensor tie_shares(const Tensor& x, const Tensor& out, const Axes& axes) {
  const NoGrad guard;
  const Shape shape = x.shape();
  const auto same = [type = x.dtype()](const void* a, const void* b) {  // NaN wins where it occurs
    return kernels::Compare{kernels::CompareOp::same, type, a, b, nullptr, {}};
  };
  const Tensor value = alias(out, reduced_shape(shape, axes, true));
  const Tensor ties = over_broadcast(shape, boolean, same, x, value).to(x.dtype());
  return safe_div(ties, reduce(ReduceOp::sum, ties, axes, true));
}

}  // namespace detail

namespace {

/// max or min over axes, with a gradient that ties share.
Tensor extreme(const char* name, ReduceOp op, const Tensor& x, const Axes& axes, bool keepdim) {
  const Axes over = normalize_axes(axes, x.dim(), name);
  detail::require_nonempty(x, over, name);
  detail::note_read({x});
  if (x.dtype() == boolean)
    return detail::reduce(op == ReduceOp::max ? ReduceOp::any : ReduceOp::all, x, over, keepdim);
  return record(name, detail::reduce(op, x, over, keepdim), {x}, [over](const Vjp& k) {
    const Tensor& in = k.in(0);
    const Shape kept = detail::reduced_shape(in.shape(), over, true);
    return reshape(k.grad, kept) * detail::tie_shares(in, k.out(), over);
  });
}

/// Positions of the extreme value along one axis, which keeps length 1.
Tensor positions(const char* name, ArgReduceOp op, const Tensor& x, Index axis) {
  const int a = normalize_axis(axis, x.dim(), name);
  detail::require_nonempty(x, {a}, name);
  detail::note_read({x});
  const NoGrad guard;
  const Tensor values = detail::to_arithmetic(x);
  Shape shape = x.shape();
  const detail::Lengths of = detail::split(shape, a);
  shape[a] = 1;
  Tensor out = detail::empty(shape, int64);
  kernels::run(
      kernels::ArgReduce{op, values.dtype(), data(values), static_cast<Index*>(data(out)), of});
  return out;
}

ValuesIndices extreme_along(const char* name, ArgReduceOp op, const Tensor& x, Index axis,
                            bool keepdim) {
  if (x.dim() == 0) {
    normalize_axis(axis, 0, name);
    return {reshape(x, {}), zeros({}, int64)};
  }
  const Tensor at = positions(name, op, x, axis);
  const Tensor values = detail::gather_along(x, normalize_axis(axis, x.dim(), name), at);
  if (keepdim) return {values, at};
  return {squeeze(values, axis), squeeze(at, axis)};
}

Tensor arg_extreme(const char* name, ArgReduceOp op, const Tensor& x, std::optional<Index> axis,
                   bool keepdim) {
  if (x.dim() == 0) {
    normalize_axis(axis.value_or(0), 0, name);
    return zeros({}, int64);
  }
  if (axis) {
    const Tensor at = positions(name, op, x, *axis);
    return keepdim ? at : squeeze(at, *axis);
  }
  detail::require_nonempty(x, normalize_axes({}, x.dim(), name), name);
  const Tensor at = positions(name, op, detail::alias(x, {x.numel()}), 0);
  Shape shape;
  for (int i = 0; keepdim && i < x.dim(); ++i) shape.push_back(1);
  return reshape(at, shape);
}

}  // namespace

Tensor amax(const Tensor& x, const Axes& axes, ReduceOptions options) {
  return extreme("amax", ReduceOp::max, x, axes, options.keepdim);
}

Tensor amin(const Tensor& x, const Axes& axes, ReduceOptions options) {
  return extreme("amin", ReduceOp::min, x, axes, options.keepdim);
}

Tensor max(const Tensor& x) { return extreme("max", ReduceOp::max, x, {}, false); }

Tensor min(const Tensor& x) { return extreme("min", ReduceOp::min, x, {}, false); }

ValuesIndices max(const Tensor& x, Index axis, ReduceOptions options) {
  return extreme_along("max", ArgReduceOp::argmax, x, axis, options.keepdim);
}

ValuesIndices min(const Tensor& x, Index axis, ReduceOptions options) {
  return extreme_along("min", ArgReduceOp::argmin, x, axis, options.keepdim);
}

Tensor argmax(const Tensor& x, std::optional<Index> axis, ReduceOptions options) {
  return arg_extreme("argmax", ArgReduceOp::argmax, x, axis, options.keepdim);
}

Tensor argmin(const Tensor& x, std::optional<Index> axis, ReduceOptions options) {
  return arg_extreme("argmin", ArgReduceOp::argmin, x, axis, options.keepdim);
}

}  // namespace gradus
