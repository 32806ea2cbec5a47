// Layers so small that calls and passes over memory cost more than their arithmetic: each pass in
// one call.
#pragma once
#include "kernels/products/gemm.hpp"

namespace gradus::kernels {

/// Whether a layer x (m, k) w (n, k)^T counts as small.
bool is_small_linear(DType t, Index m, Index n, Index k) noexcept;

/// As linear_act().
void small_linear(Activation act, Index m, Index n, Index k, const float* x, const float* w,
                  const float* bias, float* out, float* pre) noexcept;

/// Where the gradients of a layer go; null where none is wanted.
struct LinearGradients {
  void *x, *weight, *bias;
  bool into_weight, into_bias;  // added to what is there
};

/// The gradients of small_linear() for the cotangent g (m, n) and what act's gradient needs: out
/// (m, n) for relu, tanh and sigmoid, pre for gelu and silu, nothing for none.
void small_linear_backward(Activation act, Index m, Index n, Index k, const void* g,
                           const void* saved, const void* x, const void* w, LinearGradients to);

}  // namespace gradus::kernels
