#pragma once

#include <vector>

#include "gradus/tensor.hpp"

namespace gradus {

/// The same values in row-major order under another shape, sharing memory; one length may be -1.
Tensor reshape(const Tensor& x, const Shape& shape);
/// Axes of length 1, and new leading axes, repeated to `shape`; -1 keeps a length. Gradient:
/// summed.
Tensor expand(const Tensor& x, const Shape& shape);
/// The axes in another order: out[i_0, …] has axis `axes[k]` of x as its k-th. Gradient: the
/// inverse order.
Tensor permute(const Tensor& x, const Axes& axes);
/// Two axes exchanged; a matrix transposed by default.
Tensor transpose(const Tensor& x, Index axis0 = -2, Index axis1 = -1);
/// The elements start, start + step, … below `end` of one axis; negative positions count from the
/// end, those out of range are clamped, a negative step walks backwards. Gradient: g at these
/// places, 0 elsewhere.
Tensor slice(const Tensor& x, Index axis, Index start, Index end, Index step = 1);
/// One position of an axis, which is dropped.
Tensor select(const Tensor& x, Index axis, Index index);

/// The axes `start` to `end` (inclusive) as one, sharing memory; a scalar becomes (1,).
Tensor flatten(const Tensor& x, Index start = 0, Index end = -1);
/// One axis as several; one length may be -1. The inverse of `flatten`.
Tensor unflatten(const Tensor& x, Index axis, const Shape& lengths);
/// With a new axis of length 1 before `axis` (-1 appends one).
Tensor unsqueeze(const Tensor& x, Index axis);
/// Without the given axes, as far as their length is 1. (To drop every axis of length 1 would make
/// the rank depend on the data, and is not offered.)
Tensor squeeze(const Tensor& x, const Axes& axes);

/// Tensors joined along one axis; all other lengths are equal. Gradient: the parts of g.
Tensor concat(const std::vector<Tensor>& tensors, Index axis = 0);
/// PyTorch's name of `concat`.
inline Tensor cat(const std::vector<Tensor>& tensors, Index axis = 0) {
  return concat(tensors, axis);
}
/// Tensors of one shape joined along a new axis. Gradient: the slices of g.
Tensor stack(const std::vector<Tensor>& tensors, Index axis = 0);

}  // namespace gradus
