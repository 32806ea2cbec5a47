#pragma once

#include <vector>

#include "gradus/tensor.hpp"

namespace gradus {

/// The norm of all gradients taken as one vector, (sum |g|^p)^(1/p), or max |g| for infinity;
/// accumulated in double. Parameters without a gradient are left out; without any it is 0.
double grad_norm(const std::vector<Tensor>& params, double norm_type = 2);

/// The factor that limits a norm to max_norm: min(1, max_norm / (norm + 1e-6)). With
/// `opt.step({.grad_scale = clip_coefficient(grad_norm(params), 1.0)})` clipping needs no pass of
/// its own.
double clip_coefficient(double norm, double max_norm);

/// Scales all gradients by clip_coefficient(norm, max_norm) and returns the norm from before. A
/// norm that is not finite throws if asked to; otherwise the gradients become what the formula
/// gives, 0 and NaN.
double clip_grad_norm(const std::vector<Tensor>& params, double max_norm, double norm_type = 2,
                      bool error_if_nonfinite = false);

/// Limits every entry of every gradient to [-clip_value, clip_value]. Changes the gradient's
/// direction; clip_grad_norm does not.
void clip_grad_value(const std::vector<Tensor>& params, double clip_value);

}  // namespace gradus
