#pragma once

#include "gradus/tensor.hpp"

namespace gradus {

// Indices are int64 and are checked; they count from 0.

/// The slices of x along `axis` at the places in `index`, a vector: an embedding is
/// index_select(weight, 0, ids). (…, N, …), (K) -> (…, K, …). Gradient: index_add of g.
Tensor index_select(const Tensor& x, Index axis, const Tensor& index);
/// out[i][j] = x[index[i][j]][j] for axis 0, and likewise for others; the other lengths of index
/// are at most those of x. The shape is index's. Gradient: scatter_add of g.
Tensor gather(const Tensor& x, Index axis, const Tensor& index);
/// The matrix of rows with a 1 at x and 0 elsewhere, int64. (…) -> (…, num_classes); -1 means the
/// largest value and 1.
Tensor one_hot(const Tensor& x, Index num_classes = -1);

}  // namespace gradus
