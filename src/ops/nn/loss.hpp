#pragma once

#include "gradus/ops/loss.hpp"

// What the losses share.
namespace gradus::detail {

/// `loss` by its reduction.
Tensor reduce_loss(const Tensor& loss, Reduction reduction, const char* operation);

/// factor * term, and 0 where the factor is 0, whatever the term: a target, a share or a weight of
/// 0 takes an infinite or NaN term out of the loss and out of its derivatives of any order. The
/// factor's own derivative there is the term if that is finite, else 0.
Tensor weigh(const Tensor& factor, const Tensor& term);

/// `weight` in the dtype of `losses`; throws unless it broadcasts to their shape, aligned at the
/// last axis. Undefined if there is none.
Tensor loss_weight(const Tensor& weight, const Tensor& losses, const char* operation,
                   const char* what = "weight");

/// `weight`, of the samples (N) or of all losses, in the dtype of `losses` and a shape that
/// broadcasts to theirs; throws otherwise.
Tensor sample_weight(const Tensor& weight, const Tensor& losses, const char* operation);

/// `loss * weight` by its reduction, the mean divided by the sum of the weights; `loss` by its
/// reduction if `weight` is undefined. The weight has the dtype of the losses and broadcasts to
/// their shape.
Tensor reduce_weighted(const Tensor& loss, Reduction reduction, const Tensor& weight,
                       const char* operation);

/// Throws unless both have the same shape and a floating-point dtype in common.
void require_same_shape(const Tensor& input, const Tensor& target, const char* operation);

}  // namespace gradus::detail
