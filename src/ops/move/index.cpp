#include "gradus/ops/index.hpp"

#include <algorithm>

#include "base/messages.hpp"
#include "kernels/move/copy.hpp"
#include "ops/move/indexing.hpp"

namespace gradus {

using detail::data;

namespace detail {

void check_indices(const Tensor& index, Index length, int axis, bool negative,
                   const char* operation) {
  require_dtype(index, int64, operation, "an index");
  const Shape shape = index.shape();
  kernels::CheckIndices call{
      operation, indices_of(index), shape.size(), {}, negative ? -length : 0, length, axis};
  std::copy(shape.begin(), shape.end(), call.dims);
  note_read({index});
  kernels::run(call);
}

Tensor gather_along(const Tensor& x, int axis, const Tensor& index) {
  const Shape shape = x.shape();
  const Lengths s = split(shape, axis);
  Tensor out = empty(index.shape(), x.dtype());
  kernels::run(
      kernels::Gather{x.dtype(), data(x), indices_of(index), index.shape()[axis], data(out), s});
  return record("gather", std::move(out), {x, index},
                [axis, length = shape[axis]](const Vjp& k) -> Grads<2> {
                  return {scatter_along(k.grad, axis, k.in(1), length), Tensor()};
                });
}

Tensor scatter_along(const Tensor& g, int axis, const Tensor& index, Index length) {
  Shape shape = g.shape();
  shape[axis] = length;
  const Lengths s = split(shape, axis);
  Tensor out = zeros(shape, g.dtype());
  kernels::run(kernels::ScatterAdd{g.dtype(), data(g), indices_of(index), index.shape()[axis],
                                   data(out), s});
  return record("scatter", std::move(out), {g, index}, [axis](const Vjp& k) -> Grads<2> {
    return {gather_along(k.grad, axis, k.in(1)), Tensor()};
  });
}

Tensor add_along(const Tensor& g, int axis, const Tensor& index, Index length) {
  Shape shape = g.shape();
  shape[axis] = length;
  const Lengths s = split(shape, axis);
  Tensor out = zeros(shape, g.dtype());
  kernels::run(
      kernels::IndexAdd{g.dtype(), data(g), indices_of(index), index.numel(), data(out), s});
  return record("index_add", std::move(out), {g, index}, [axis](const Vjp& k) -> Grads<2> {
    return {select_along(k.grad, axis, k.in(1)), Tensor()};
  });
}

Tensor select_along(const Tensor& x, int axis, const Tensor& index) {
  Shape shape = x.shape();
  const Lengths s = split(shape, axis);
  shape[axis] = index.numel();
  Tensor out = empty(shape, x.dtype());
  kernels::run(
      kernels::IndexSelect{x.dtype(), data(x), indices_of(index), index.numel(), data(out), s});
  return record(
      "index_select", std::move(out), {x, index}, [axis, n = s.axis](const Vjp& k) -> Grads<2> {
        if (Tensor total = detail::accumulator(k, 0); total.defined()) {
          // Straight into the sum that is already there: rows that were not read cost
          // nothing.
          kernels::run(kernels::IndexAdd{total.dtype(), data(k.grad), indices_of(k.in(1)),
                                         k.in(1).numel(), data(total), split(total.shape(), axis)});
          return {};
        }
        return {add_along(k.grad, axis, k.in(1), n), Tensor()};
      });
}

}  // namespace detail

Tensor index_select(const Tensor& x, Index axis, const Tensor& index) {
  detail::require_axis(x, "index_select");
  const int a = normalize_axis(axis, x.dim(), "index_select");
  if (index.dim() > 1)
    fail("index_select", "an index of shape ", index.shape(),
         " was given; a vector is required; flatten it and reshape the result");
  detail::check_indices(index, x.size(a), a, false, "index_select");
  return detail::select_along(x, a, index);
}

Tensor gather(const Tensor& x, Index axis, const Tensor& index) {
  detail::require_axis(x, "gather");
  const int a = normalize_axis(axis, x.dim(), "gather");
  const Shape from = x.shape(), to = index.shape();
  bool fits = from.size() == to.size();
  for (int i = 0; fits && i < from.size(); ++i) fits = i == a || to[i] <= from[i];
  if (!fits)
    fail("gather", "an index of shape ", to, " was given for a tensor of shape ", from,
         "; both need the same number of axes, and except axis ", a,
         " the index must not be longer");
  detail::check_indices(index, from[a], a, false, "gather");
  Tensor part = x;
  for (int i = 0; i < from.size(); ++i)
    if (i != a && to[i] < from[i]) part = slice(part, i, 0, to[i]);
  return detail::gather_along(part, a, index);
}

Tensor one_hot(const Tensor& x, Index num_classes) {
  detail::require_dtype(x, int64, "one_hot", "a tensor");
  const Index count = x.numel();
  if (num_classes < -1 || (num_classes < 1 && count == 0))
    fail("one_hot", "num_classes = ", num_classes, " was given for ", count,
         " labels; 1 or more, or -1 for the largest label "
         "and 1, is required");
  const Index* at = detail::indices_of(x);
  if (num_classes < 0) {
    detail::host_reads(x, "one_hot");
    num_classes = std::max<Index>(0, *std::max_element(at, at + count)) + 1;
  }
  detail::check_indices(x, num_classes, kernels::CheckIndices::classes, false, "one_hot");
  Shape shape = x.shape();
  shape.push_back(num_classes);
  Tensor out = detail::empty(shape, int64);
  kernels::run(kernels::OneHot{at, static_cast<Index*>(data(out)), count, num_classes});
  return out;
}

}  // namespace gradus
