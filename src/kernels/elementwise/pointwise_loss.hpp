// Losses that add up one term per element, and their gradients in one pass.
#pragma once
#include <cstdint>

#include "gradus/dtype.hpp"

namespace gradus::kernels {

using Index = std::int64_t;

enum class PointwiseLoss {
  squared,     ///< (x - y)^2
  bce_logits,  ///< y log(1 + e^-x) + (1 - y) log(1 + e^x)
};

/// *out = scale sum_i f(x[i], y[i]).
void pointwise_loss(PointwiseLoss f, DType t, const void* x, const void* y, void* out, Index n,
                    double scale);

/// dx[i] = *g scale df/dx(x[i], y[i]), and 0 where *g is 0.
void pointwise_loss_backward(PointwiseLoss f, DType t, const void* x, const void* y, const void* g,
                             void* dx, Index n, double scale);

}  // namespace gradus::kernels
