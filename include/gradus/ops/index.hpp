#pragma once

#include <vector>

#include "gradus/tensor.hpp"

namespace gradus {

// Indices are int64 and are checked; they count from 0.

/// The slices of x along `axis` at the places in `index`, a vector: an embedding is
/// index_select(weight, 0, ids). (…, N, …), (K) -> (…, K, …). Gradient: index_add of g.
Tensor index_select(const Tensor& x, Index axis, const Tensor& index);
/// out[i][j] = x[index[i][j]][j] for axis 0, and likewise for others; the other lengths of index
/// are at most those of x. The shape is index's. Gradient: scatter_add of g.
Tensor gather(const Tensor& x, Index axis, const Tensor& index);
/// As `gather`, with all lengths except that of `axis` broadcast.
Tensor take_along_dim(const Tensor& x, const Tensor& index, Index axis);
/// x with source[…, j, …] added at index[j] along `axis`. Gradients: g, and index_select of g.
Tensor index_add(const Tensor& x, Index axis, const Tensor& index, const Tensor& source);
/// x with source[i][j] added at [index[i][j]][j] for axis 0, and likewise for others. Gradients: g,
/// and gather of g.
Tensor scatter_add(const Tensor& x, Index axis, const Tensor& index, const Tensor& source);
struct IndexPutOptions {
  bool accumulate = false;  ///< add instead of write
};

/// x with `values` (broadcast) written, or added with `accumulate`, at [indices[0], indices[1], …],
/// which broadcast and may be negative; the last of several writes to one place wins. Gradients: g
/// where x stayed, and g at the places written.
Tensor index_put(const Tensor& x, const std::vector<Tensor>& indices, const Tensor& values,
                 IndexPutOptions options = {});
/// The elements where `mask` (bool, broadcast with x) holds, as a vector. Gradient: g at these
/// places.
Tensor masked_select(const Tensor& x, const Tensor& mask);
/// The positions of the elements that are not 0, one per row, in row-major order: (count, axes).
Tensor nonzero(const Tensor& x);
/// The matrix of rows with a 1 at x and 0 elsewhere, int64. (…) -> (…, num_classes); -1 means the
/// largest value and 1.
Tensor one_hot(const Tensor& x, Index num_classes = -1);

}  // namespace gradus
