#pragma once

#include "gradus/ops/conv.hpp"
#include "kernels/products/conv.hpp"
#include "ops/common.hpp"

// What convolution and pooling check alike. One-dimensional operations are two-dimensional ones of
// height 1.
namespace gradus::detail {

struct WindowOptions {
  Size2 kernel, stride, padding, dilation;
};

/// Which operation is asked for, and over how many axes.
struct WindowedOperation {
  const char* name;
  int axes;
  /// "(3,)" or "(3, 2)".
  std::string text(Size2 size) const;
};

/// x of floating-point values as (N, C, H, W): with the axes that are missing; throws if its rank
/// fits neither a batch nor a single example.
Tensor as_planes(const WindowedOperation& op, const Tensor& x);
/// out (N, C, H', W') without the axes that x lacked.
Tensor without_added_axes(const WindowedOperation& op, const Tensor& out, const Tensor& x);

/// The windows over the last two axes of x; throws if an option is out of range or a window does
/// not fit.
kernels::Plane plane_of(const WindowedOperation& op, const Tensor& planes,
                        const WindowOptions& options);

}  // namespace gradus::detail
