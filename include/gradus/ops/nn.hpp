#pragma once

#include "gradus/tensor.hpp"

namespace gradus {

class Generator;

/// x weight^T + bias for weight (out, in), bias (out) or undefined, and any leading axes of x:
/// (…, in) -> (…, out). Gradients: g weight, g^T x and g summed over the leading axes.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});

/// exp(x) / sum(exp(x)) along one axis, computed with the maximum removed. Gradient:
/// out (g - sum(g out)).
Tensor softmax(const Tensor& x, Index axis = -1);
/// x - log(sum(exp(x))) along one axis. Gradient: g - exp(out) sum(g).
Tensor log_softmax(const Tensor& x, Index axis = -1);

/// In training, each element is 0 with probability p and x / (1 - p) otherwise; x itself in
/// evaluation. The mask comes from `generator` (default: this thread's). Gradient: g under the same
/// mask.
Tensor dropout(const Tensor& x, double p = 0.5, bool training = true,
               Generator* generator = nullptr);

}  // namespace gradus
