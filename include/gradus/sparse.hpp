#pragma once

#include "gradus/tensor.hpp"

namespace gradus {

/// Tells the optimizers that are made later that few rows (slices along the first axis) of a leaf's
/// gradient differ from 0, as after lookups in a table: a row whose gradient is 0 throughout is
/// then left alone, and its moments with it. The gradient itself stays dense.
void set_sparse_grad(const Tensor& leaf, bool value = true);
/// Whether set_sparse_grad was called for this tensor.
bool sparse_grad(const Tensor& x);

}  // namespace gradus
