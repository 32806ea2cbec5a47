#pragma once

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

}  // namespace gradus
