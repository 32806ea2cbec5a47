#pragma once

#include "gradus/tensor.hpp"

namespace gradus {

/// The matrix product op(a) op(b), where op transposes the last two axes if the flag is set.
/// Vectors are rows on the left and columns on the right, and their axis is dropped; leading axes
/// are batches and broadcast. (…, M, K) x (…, K, N) -> (…, M, N). Gradients: g b^T, a^T g.
Tensor matmul(const Tensor& a, const Tensor& b, bool transpose_a = false, bool transpose_b = false);

}  // namespace gradus
