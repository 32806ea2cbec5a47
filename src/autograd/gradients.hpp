#pragma once

#include "gradus/tensor.hpp"

// What the engine asks of the operations, which answer it: it knows none of them. All is recorded
// where recording is on, so that gradients can be differentiated.
namespace gradus::detail {

/// a + b
Tensor sum_of(const Tensor& a, const Tensor& b);

/// A gradient in the dtype of its input, and summed to its shape where that was broadcast.
Tensor fitted(const Tensor& gradient, const Tensor& input);

}  // namespace gradus::detail
