#include "ops/move/strided.hpp"

#include <algorithm>
#include <cstring>

#include "base/messages.hpp"
#include "gradus/ops/shape.hpp"
#include "kernels/move/copy.hpp"

namespace gradus {

using detail::data;
using detail::StridedMap;
using detail::strides_of;

namespace detail {

Tensor read_strided(const char* name, const Tensor& x, const StridedMap& map) {
  const DType dtype = x.dtype();
  Tensor out = empty(map.part, dtype);
  if (out.numel())
    kernels::run_strided<kernels::CopyStrided>(dtype, kernels::In(data(x)).plus(map.offset, dtype),
                                               data(out), map.rank, map.dims, map.strides);
  return record(name, std::move(out), {x},
                [name, map](const Vjp& k) { return write_strided(name, k.grad, map); });
}

Tensor write_strided(const char* name, const Tensor& x, const StridedMap& map, double fill) {
  const DType dtype = x.dtype();
  Tensor out = full(map.whole, fill, dtype);
  if (x.numel())
    (map.overlaps
         ? kernels::run_strided<kernels::AddInto>
         : kernels::run_strided<kernels::CopyInto>)(dtype, data(x),
                                                    kernels::Out(data(out)).plus(map.offset, dtype),
                                                    map.rank, map.dims, map.strides);
  return record(name, std::move(out), {x},
                [name, map](const Vjp& k) { return read_strided(name, k.grad, map); });
}

}  // namespace detail

Tensor flip(const Tensor& x, const Axes& axes) {
  const Shape shape = x.shape();
  if (axes.empty() || shape.empty()) return x;
  const Axes flipped = normalize_axes(axes, shape.size(), "flip");
  StridedMap map{shape, shape};
  Shape strides = strides_of(shape);
  for (const Index axis : flipped) {
    const int a = static_cast<int>(axis);
    map.offset += (shape[a] - 1) * strides[a];
    strides[a] = -strides[a];
  }
  for (int i = 0; i < shape.size(); ++i) map.push(shape[i], strides[i]);
  return detail::read_strided("flip", x, map);
}

Tensor repeat(const Tensor& x, const Shape& repeats) {
  Shape from = x.shape();
  if (repeats.size() < from.size())
    fail("repeat", "repeats ", repeats, " were given for a tensor of shape ", from,
         "; one number per axis or more is required; or use tile");
  for (const Index count : repeats)
    if (count < 0) fail("repeat", "repeats ", repeats, " were given; 0 or more are required");
  while (from.size() < repeats.size()) from.insert(0, 1);
  StridedMap map{x.shape(), from};
  map.overlaps = true;
  const Shape strides = strides_of(from);
  for (int i = 0; i < from.size(); ++i) {
    map.part[i] *= repeats[i];
    map.push(repeats[i], 0);
    map.push(from[i], strides[i]);
  }
  return detail::read_strided("repeat", x, map);
}

Tensor tile(const Tensor& x, const Shape& repeats) {
  Shape all = repeats;
  while (all.size() < x.dim()) all.insert(0, 1);
  return repeat(x, all);
}

Tensor roll(const Tensor& x, const Axes& shifts, const Axes& axes) {
  if (axes.empty() && shifts.size() == 1 && x.dim() != 1)
    return reshape(roll(reshape(x, {-1}), shifts, {0}), x.shape());
  if (shifts.size() != std::max(axes.size(), 1) || (axes.empty() && x.dim() != 1))
    fail("roll", "shifts ", shifts, " were given for axes ", axes,
         "; one shift per axis, or a single one without axes, is required");
  Tensor out = x;
  for (int i = 0; i < shifts.size(); ++i) {
    const int a = normalize_axis(axes.empty() ? 0 : axes[i], x.dim(), "roll");
    const Index length = x.dim() ? x.size(a) : 1;
    if (length < 2) continue;
    const Index moved = (shifts[i] % length + length) % length;
    if (moved)
      out = concat({slice(out, a, length - moved, length), slice(out, a, 0, length - moved)}, a);
  }
  return out;
}

Tensor unfold(const Tensor& x, Index axis, Index size, Index step) {
  const Shape shape = x.shape();
  const int a = normalize_axis(axis, shape.size(), "unfold");
  const Index length = shape.empty() ? 1 : shape[a];
  if (size < 0 || size > length || step < 1)
    fail("unfold", "windows of ", size, " places, ", step, " apart, were asked for along axis ", a,
         " of length ", length,
         "; a size of at most the length and a step of 1 or more are required");
  StridedMap map{shape, shape};
  const Shape strides = strides_of(shape);
  map.overlaps = step < size;
  for (int i = 0; i < shape.size(); ++i) {
    if (i == a) map.part[i] = (length - size) / step + 1;
    map.push(map.part[i], i == a ? strides[i] * step : strides[i]);
  }
  map.part.push_back(size);
  map.push(size, shape.empty() ? 1 : strides[a]);
  return detail::as_copied(detail::read_strided("unfold", x, map));
}

namespace {

/// The part of a tensor of `shape` that lies on a diagonal of two axes.
StridedMap diagonal_map(const Shape& shape, Index offset, int a, int b) {
  StridedMap map{shape, {}};
  const Shape strides = strides_of(shape);
  for (int i = 0; i < shape.size(); ++i) {
    if (i == a || i == b) continue;
    map.part.push_back(shape[i]);
    map.push(shape[i], strides[i]);
  }
  const Index row = std::max<Index>(0, -offset), column = std::max<Index>(0, offset);
  const Index length = std::max<Index>(0, std::min(shape[a] - row, shape[b] - column));
  if (length) map.offset = row * strides[a] + column * strides[b];
  map.part.push_back(length);
  map.push(length, strides[a] + strides[b]);
  return map;
}

}  // namespace

Tensor diagonal(const Tensor& x, Index offset, Index axis0, Index axis1) {
  const Shape shape = x.shape();
  const int a = normalize_axis(axis0, shape.size(), "diagonal");
  const int b = normalize_axis(axis1, shape.size(), "diagonal");
  if (a == b || shape.size() < 2)
    fail("diagonal", "axes ", axis0, " and ", axis1, " were given for a tensor of shape ", shape,
         "; two different axes are required");
  return detail::as_copied(detail::read_strided("diagonal", x, diagonal_map(shape, offset, a, b)));
}

Tensor diag(const Tensor& x, Index diagonal) {
  if (x.dim() == 2) return gradus::diagonal(x, diagonal);
  if (x.dim() != 1)
    fail("diag", "a tensor of shape ", x.shape(),
         " was given; a vector or a matrix is required; use diagonal for batches");
  const Index side = x.numel() + std::abs(diagonal);
  return detail::write_strided("diag", x, diagonal_map({side, side}, diagonal, 0, 1));
}

namespace {

/// x with the columns [first(row), last(row)) of each matrix kept, 0 elsewhere.
template <bool upper>
Tensor triangle(const char* name, const Tensor& x, Index diagonal) {
  const Shape shape = x.shape();
  const int rank = shape.size();
  if (rank < 2)
    fail(name, "a tensor of shape ", shape, " was given; at least two axes are required");
  const Index rows = shape[rank - 2], cols = shape[rank - 1];
  Tensor out = detail::empty(shape, x.dtype());
  const Index matrices = x.numel() > 0 ? x.numel() / (rows * cols) : 0;
  kernels::run(
      kernels::Triangle{x.dtype(), upper, data(x), data(out), matrices, rows, cols, diagonal});
  return record(name, std::move(out), {x},
                [name, diagonal](const Vjp& k) { return triangle<upper>(name, k.grad, diagonal); });
}

}  // namespace

Tensor triu(const Tensor& x, Index diagonal) { return triangle<true>("triu", x, diagonal); }

Tensor tril(const Tensor& x, Index diagonal) { return triangle<false>("tril", x, diagonal); }

}  // namespace gradus
