#pragma once

#include "gradus/ops/loss.hpp"

// What the losses share.
namespace gradus::detail {

/// `loss` by its reduction.
Tensor reduce_loss(const Tensor& loss, Reduction reduction, const char* operation);

/// `weight` in a shape that broadcasts to `shape`: (N) or `shape` itself; throws otherwise.
Tensor sample_weights(const Tensor& weight, const Shape& shape, const char* operation);

/// `loss * weight` by its reduction, the mean divided by the sum of the weights; `loss` by its
/// reduction if `weight` is undefined.
Tensor reduce_weighted(const Tensor& loss, Reduction reduction, const Tensor& weight,
                       const char* operation);

/// Throws unless both have the same shape and a floating-point dtype in common.
void require_same_shape(const Tensor& input, const Tensor& target, const char* operation);

}  // namespace gradus::detail
