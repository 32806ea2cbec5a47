#pragma once

#include "gradus/tensor.hpp"

namespace gradus {

/// The sum over `axes` (default all), which stay with length 1 if `keepdim`. bool is summed as
/// int64. Gradient: g, expanded.
Tensor sum(const Tensor& x, const Axes& axes = {}, bool keepdim = false);
/// The mean over `axes` (default all) of floating-point values. Gradient: g / count, expanded.
Tensor mean(const Tensor& x, const Axes& axes = {}, bool keepdim = false);

}  // namespace gradus
