#include "gradus/ops/sort.hpp"

#include "base/messages.hpp"
#include "kernels/reduce/sort.hpp"
#include "ops/move/indexing.hpp"
#include "ops/reduce/reduction.hpp"

namespace gradus {

using detail::data;

namespace {

/// Places of the first `count` values along `axis` in order.
Tensor order(const Tensor& x, int axis, Index count, bool descending) {
  detail::note_read({x});
  Shape shape = x.shape();
  const detail::Lengths s = detail::split(shape, axis);
  shape[axis] = count;
  Tensor out = detail::empty(shape, int64);
  kernels::run(kernels::SortPositions{x.dtype(), data(x), static_cast<Index*>(data(out)), s, count,
                                      descending});
  return out;
}

/// Places of the value of one rank along `axis`, which keeps length 1.
Tensor ranked(const Tensor& x, int axis, Index rank, bool nan_wins) {
  Shape shape = x.shape();
  const detail::Lengths s = detail::split(shape, axis);
  shape[axis] = 1;
  Tensor out = detail::empty(shape, int64);
  kernels::run(kernels::SelectPosition{x.dtype(), data(x), static_cast<Index*>(data(out)), s, rank,
                                       nan_wins});
  return out;
}

/// f(x, axis) for x with at least one axis; the result of a scalar is a scalar again.
template <class F>
ValuesIndices along(const char* name, const Tensor& x, Index axis, F f) {
  const int a = normalize_axis(axis, x.dim(), name);
  if (x.dim()) return f(x, a);
  const ValuesIndices out = f(reshape(x, {1}), 0);
  return {reshape(out.values, {}), reshape(out.indices, {})};
}

ValuesIndices taken(const Tensor& x, int axis, const Tensor& at) {
  return {detail::gather_along(x, axis, at), at};
}

ValuesIndices taken(const Tensor& x, int axis, const Tensor& at, bool keepdim) {
  const ValuesIndices out = taken(x, axis, at);
  if (keepdim) return out;
  return {squeeze(out.values, axis), squeeze(out.indices, axis)};
}

void require_count(const char* name, Index k, Index low, Index length) {
  if (k < low || k > length)
    fail(name, "k = ", k, " was given for an axis of length ", length, "; ", low,
         " to the length are allowed");
}

}  // namespace

ValuesIndices sort(const Tensor& x, Index axis, SortOptions options) {
  return along("sort", x, axis, [=](const Tensor& in, int a) {
    return taken(in, a, order(in, a, in.size(a), options.descending));
  });
}

Tensor argsort(const Tensor& x, Index axis, SortOptions options) {
  const NoGrad guard;
  return along("argsort", x, axis,
               [=](const Tensor& in, int a) {
                 return ValuesIndices{in, order(in, a, in.size(a), options.descending)};
               })
      .indices;
}

ValuesIndices topk(const Tensor& x, Index k, Index axis, TopkOptions options) {
  return along("topk", x, axis, [=](const Tensor& in, int a) {
    require_count("topk", k, 0, in.size(a));
    return taken(in, a, order(in, a, k, options.largest));
  });
}

ValuesIndices kthvalue(const Tensor& x, Index k, Index axis, ReduceOptions options) {
  return along("kthvalue", x, axis, [=](const Tensor& in, int a) {
    require_count("kthvalue", k, 1, in.size(a));
    return taken(in, a, ranked(in, a, k - 1, false), options.keepdim || x.dim() == 0);
  });
}

Tensor median(const Tensor& x) {
  const Axes over = normalize_axes({}, x.dim(), "median");
  detail::require_nonempty(x, over, "median");
  const Tensor flat = detail::alias(x, {x.numel()});
  const Tensor at = ranked(flat, 0, (x.numel() - 1) / 2, true);
  Tensor value = detail::alias(detail::gather_along(flat, 0, at), {});
  return record("median", std::move(value), {x}, [over](const Vjp& k) {
    return k.grad * detail::tie_shares(k.in(0), k.out(), over);
  });
}

ValuesIndices median(const Tensor& x, Index axis, ReduceOptions options) {
  return along("median", x, axis, [=](const Tensor& in, int a) {
    detail::require_nonempty(in, {a}, "median");
    return taken(in, a, ranked(in, a, (in.size(a) - 1) / 2, true), options.keepdim || x.dim() == 0);
  });
}

}  // namespace gradus
