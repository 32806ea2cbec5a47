#pragma once

#include "gradus/nn/module.hpp"
#include "gradus/ops/conv.hpp"

namespace gradus::nn {

struct Conv1dOptions {
  Index stride = 1, padding = 0, dilation = 1, groups = 1;
  bool bias = true;
  DType dtype = float32;
  Generator* generator = nullptr;  ///< of the initial values, default this thread's
};
struct Conv2dOptions {
  Size2 stride = 1, padding = 0, dilation = 1;
  Index groups = 1;
  bool bias = true;
  DType dtype = float32;
  Generator* generator = nullptr;  ///< of the initial values, default this thread's
};

namespace detail {

template <class Kernel, class Options, class CallOptions>
class Conv : public Module {
 public:
  Conv(Index in_channels, Index out_channels, Kernel kernel, const Options& options = {});
  std::string describe() const override;

  const Tensor weight;
  const Tensor bias;  ///< undefined without bias

 protected:
  Tensor forward(const Tensor& x) const override;

 private:
  CallOptions options_;
};

template <class Kernel, class Options>
class Pool : public Module {
 public:
  explicit Pool(Kernel kernel, const Options& options = {});
  std::string describe() const override;

 protected:
  Tensor forward(const Tensor& x) const override;

 private:
  Kernel kernel_;
  Options options_;
};

}  // namespace detail

/// conv1d: (N, in, L) -> (N, out, L'). Parameters weight (out, in / groups, kernel) and bias (out),
/// both uniform in ±1/sqrt(in kernel / groups) at first.
using Conv1d = detail::Conv<Index, Conv1dOptions, gradus::Conv1dOptions>;

/// conv2d: (N, in, H, W) -> (N, out, H', W'). Parameters weight (out, in / groups, K, M) for a
/// kernel of (K, M) and bias (out), both uniform in ±1/sqrt(in K M / groups) at first.
using Conv2d = detail::Conv<Size2, Conv2dOptions, gradus::Conv2dOptions>;

/// max_pool1d: (N, C, L) -> (N, C, L').
using MaxPool1d = detail::Pool<Index, MaxPool1dOptions>;
/// max_pool2d: (N, C, H, W) -> (N, C, H', W').
using MaxPool2d = detail::Pool<Size2, MaxPool2dOptions>;
/// avg_pool1d: (N, C, L) -> (N, C, L').
using AvgPool1d = detail::Pool<Index, AvgPool1dOptions>;
/// avg_pool2d: (N, C, H, W) -> (N, C, H', W').
using AvgPool2d = detail::Pool<Size2, AvgPool2dOptions>;

}  // namespace gradus::nn
