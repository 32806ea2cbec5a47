#pragma once

#include "gradus/tensor.hpp"

namespace gradus {

/// A height and a width; one number stands for both: `.stride = 2`, `.padding = {1, 0}`.
struct Size2 {
  Index height, width;
  Size2(Index both) : height(both), width(both) {}
  Size2(Index height_, Index width_) : height(height_), width(width_) {}
};

struct Conv1dOptions {
  Index stride = 1;    ///< places between windows
  Index padding = 0;   ///< zeros on both sides
  Index dilation = 1;  ///< places between the inputs of a window
  Index groups = 1;    ///< parts of the channels that do not see each other
};
struct Conv2dOptions {
  Size2 stride = 1, padding = 0, dilation = 1;
  Index groups = 1;
};

// An axis of length n becomes (n + 2 padding - dilation (kernel - 1) - 1) / stride + 1, rounded
// down. Inputs may lack the batch axis N. Gradients of any order: each of the three partial
// gradients of <g, conv(x, w)> is an operation whose gradients are the other two.

/// Cross-correlation of x (N, C, L) with weight (O, C / groups, K), plus bias (O) unless undefined:
/// (N, O, L').
Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
              const Conv1dOptions& options = {});
/// Cross-correlation of x (N, C, H, W) with weight (O, C / groups, K, M), plus bias (O) unless
/// undefined: (N, O, H', W').
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
              const Conv2dOptions& options = {});

struct MaxPool1dOptions {
  Index stride = 0;  ///< 0: the kernel's length
  Index padding = 0, dilation = 1;
};
struct MaxPool2dOptions {
  Size2 stride = 0;  ///< 0: the kernel's size
  Size2 padding = 0, dilation = 1;
};
struct AvgPool1dOptions {
  Index stride = 0;  ///< 0: the kernel's length
  Index padding = 0;
  bool count_include_pad = true;  ///< divide by the kernel's size also at the border
};
struct AvgPool2dOptions {
  Size2 stride = 0;  ///< 0: the kernel's size
  Size2 padding = 0;
  bool count_include_pad = true;  ///< divide by the kernel's size also at the border
};

/// The largest value of each window: (N, C, L) -> (N, C, L'); NaN wins, padding never does.
/// Gradient: g at the first place that has it.
Tensor max_pool1d(const Tensor& x, Index kernel, const MaxPool1dOptions& options = {});
/// As max_pool1d: (N, C, H, W) -> (N, C, H', W').
Tensor max_pool2d(const Tensor& x, Size2 kernel, const MaxPool2dOptions& options = {});
/// The mean of each window, padding counted as zeros: (N, C, L) -> (N, C, L'). Gradient: g / K at
/// the window's places.
Tensor avg_pool1d(const Tensor& x, Index kernel, const AvgPool1dOptions& options = {});
/// As avg_pool1d: (N, C, H, W) -> (N, C, H', W').
Tensor avg_pool2d(const Tensor& x, Size2 kernel, const AvgPool2dOptions& options = {});

}  // namespace gradus
