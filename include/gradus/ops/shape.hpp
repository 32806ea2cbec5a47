#pragma once

#include <string>
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

/// A tensor cut along one axis into pieces of `size`; the last may be shorter.
std::vector<Tensor> split(const Tensor& x, Index size, Index axis = 0);
/// A tensor cut along one axis into pieces of the given lengths, which add up to its own.
std::vector<Tensor> split(const Tensor& x, const std::vector<Index>& sizes, Index axis = 0);
/// A tensor cut along one axis into at most `chunks` pieces of one length; the last may be shorter.
std::vector<Tensor> chunk(const Tensor& x, Index chunks, Index axis = 0);
/// The slices along one axis, which is dropped.
std::vector<Tensor> unbind(const Tensor& x, Index axis = 0);

/// Axes moved to other places, in the given order; the others keep theirs.
Tensor movedim(const Tensor& x, const Axes& source, const Axes& destination);
/// The tensor laid side by side repeats[i] times along each axis; more repeats than axes add
/// leading ones. Gradient: summed.
Tensor repeat(const Tensor& x, const Shape& repeats);
/// As `repeat`, but with 1 for leading axes that are not named.
Tensor tile(const Tensor& x, const Shape& repeats);
/// The tensor with the order along `axes` reversed.
Tensor flip(const Tensor& x, const Axes& axes);
/// The tensor with its values moved on by `shifts` along `axes`, from the end to the start; without
/// axes in row-major order.
Tensor roll(const Tensor& x, const Axes& shifts, const Axes& axes = {});
/// More (or, for negative amounts, fewer) places on both sides: {before, after} of the last axis,
/// then of the last but one, … Modes: "constant" (`value`), "reflect" (without the edge),
/// "replicate" (the edge), "circular". Gradient: of the places that were copied, summed.
Tensor pad(const Tensor& x, const std::vector<Index>& amounts, const std::string& mode = "constant",
           double value = 0);
/// The windows of `size` places, `step` apart, along one axis, as a new last axis. (…, N, …) ->
/// (…, (N - size) / step + 1, …, size). Gradient: summed where windows overlap.
Tensor unfold(const Tensor& x, Index axis, Index size, Index step);

/// The matrices without what is below the `diagonal`-th diagonal (0 the main one, 1 above it).
Tensor triu(const Tensor& x, Index diagonal = 0);
/// The matrices without what is above the `diagonal`-th diagonal.
Tensor tril(const Tensor& x, Index diagonal = 0);
/// The diagonals of the matrices in two axes, as a new last axis in their place.
Tensor diagonal(const Tensor& x, Index offset = 0, Index axis0 = 0, Index axis1 = 1);
/// The square matrix with a vector on its `diagonal`-th diagonal, or this diagonal of a matrix.
Tensor diag(const Tensor& x, Index diagonal = 0);
/// The coordinates of a grid: vectors of lengths M, N, … -> tensors (M, N, …); with indexing "xy"
/// the first two axes are exchanged.
std::vector<Tensor> meshgrid(const std::vector<Tensor>& tensors,
                             const std::string& indexing = "ij");

}  // namespace gradus
