#pragma once

#include "gradus/tensor.hpp"

namespace gradus {

/// What linear_act applies to its product.
enum class LinearActivation { relu, tanh, sigmoid, gelu, silu };

/// activation(linear(x, weight, bias)) as one operation, with the same bits: the activation runs
/// over a piece of the product while it is in cache. nn::Sequential uses it where a Linear is
/// followed by one of these activations and neither has a forward hook.
Tensor linear_act(const Tensor& x, const Tensor& weight, const Tensor& bias,
                  LinearActivation activation);

}  // namespace gradus
