#pragma once

#include "ops/common.hpp"

// What operations with tensors of indices share.
namespace gradus::detail {

/// Throws for a scalar.
inline void require_axis(const Tensor& x, const char* operation) {
  if (x.dim() == 0) fail(operation, "a scalar has no axis to index; reshape it to (1,) first");
}

/// Throws unless `index` is int64 with every value in 0 .. length - 1 (-length .. with `negative`).
void check_indices(const Tensor& index, Index length, int axis, bool negative,
                   const char* operation);

/// out[o, j, i] = x[o, index[o, j, i], i] along `axis`; all other lengths of x and index are equal,
/// and the indices are known to be right. Gradient: scatter_along.
Tensor gather_along(const Tensor& x, int axis, const Tensor& index);

/// The adjoint of gather_along: zeros with `length` places along `axis`, to which g is added.
Tensor scatter_along(const Tensor& g, int axis, const Tensor& index, Index length);

/// The slices of x along `axis` at the places in a vector, known to be right. Gradient: add_along.
Tensor select_along(const Tensor& x, int axis, const Tensor& index);

/// The adjoint of select_along: zeros with `length` places along `axis`, to which g is added.
Tensor add_along(const Tensor& g, int axis, const Tensor& index, Index length);

inline const Index* indices_of(const Tensor& index) {
  return static_cast<const Index*>(data(index));
}

}  // namespace gradus::detail
