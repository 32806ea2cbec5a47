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

/// conv1d: (N, in, L) -> (N, out, L'). Parameters weight (out, in / groups, kernel) and bias (out),
/// both uniform in ±1/sqrt(in kernel / groups) at first.
class Conv1d : public Module {
 public:
  Conv1d(Index in_channels, Index out_channels, Index kernel, const Conv1dOptions& options = {});
  std::string describe() const override;

  const Tensor weight;
  const Tensor bias;  ///< undefined without bias

 protected:
  Tensor forward(const Tensor& x) const override;

 private:
  gradus::Conv1dOptions options_;
};

/// conv2d: (N, in, H, W) -> (N, out, H', W'). Parameters weight (out, in / groups, K, M) for a
/// kernel of (K, M) and bias (out), both uniform in ±1/sqrt(in K M / groups) at first.
class Conv2d : public Module {
 public:
  Conv2d(Index in_channels, Index out_channels, Size2 kernel, const Conv2dOptions& options = {});
  std::string describe() const override;

  const Tensor weight;
  const Tensor bias;  ///< undefined without bias

 protected:
  Tensor forward(const Tensor& x) const override;

 private:
  gradus::Conv2dOptions options_;
};

/// max_pool1d: (N, C, L) -> (N, C, L').
class MaxPool1d : public Module {
 public:
  explicit MaxPool1d(Index kernel, const MaxPool1dOptions& options = {});
  std::string describe() const override;

 protected:
  Tensor forward(const Tensor& x) const override;

 private:
  Index kernel_;
  MaxPool1dOptions options_;
};

/// max_pool2d: (N, C, H, W) -> (N, C, H', W').
class MaxPool2d : public Module {
 public:
  explicit MaxPool2d(Size2 kernel, const MaxPool2dOptions& options = {});
  std::string describe() const override;

 protected:
  Tensor forward(const Tensor& x) const override;

 private:
  Size2 kernel_;
  MaxPool2dOptions options_;
};

/// avg_pool1d: (N, C, L) -> (N, C, L').
class AvgPool1d : public Module {
 public:
  explicit AvgPool1d(Index kernel, const AvgPool1dOptions& options = {});
  std::string describe() const override;

 protected:
  Tensor forward(const Tensor& x) const override;

 private:
  Index kernel_;
  AvgPool1dOptions options_;
};

/// avg_pool2d: (N, C, H, W) -> (N, C, H', W').
class AvgPool2d : public Module {
 public:
  explicit AvgPool2d(Size2 kernel, const AvgPool2dOptions& options = {});
  std::string describe() const override;

 protected:
  Tensor forward(const Tensor& x) const override;

 private:
  Size2 kernel_;
  AvgPool2dOptions options_;
};

}  // namespace gradus::nn
