#pragma once

#include <optional>

#include "gradus/nn/module.hpp"

namespace gradus::nn {

struct LayerNormOptions {
  double eps = 1e-5;
  bool affine = true;  ///< has a weight
  bool bias = true;    ///< and a bias
  DType dtype = float32;
};

/// layer_norm over the last axes, with weight (first 1) and bias (first 0) of normalized_shape.
class LayerNorm : public Module {
 public:
  explicit LayerNorm(const Shape& normalized_shape, const LayerNormOptions& options = {});
  std::string describe() const override;

 protected:
  Tensor forward(const Tensor& x) const override;

 private:
  Shape shape_;
  double eps_;

 public:
  const Tensor weight, bias;  ///< undefined without
};

struct RMSNormOptions {
  std::optional<double> eps = {};  ///< default the dtype's machine epsilon
  bool affine = true;
  DType dtype = float32;
};

/// rms_norm over the last axes, with a weight (first 1) of normalized_shape.
class RMSNorm : public Module {
 public:
  explicit RMSNorm(const Shape& normalized_shape, const RMSNormOptions& options = {});
  std::string describe() const override;

 protected:
  Tensor forward(const Tensor& x) const override;

 private:
  Shape shape_;
  std::optional<double> eps_;

 public:
  const Tensor weight;  ///< undefined without affine
};

struct GroupNormOptions {
  double eps = 1e-5;
  bool affine = true;
  DType dtype = float32;
};

/// group_norm with weight (first 1) and bias (first 0) per channel.
class GroupNorm : public Module {
 public:
  GroupNorm(Index num_groups, Index num_channels, const GroupNormOptions& options = {});
  std::string describe() const override;

 protected:
  Tensor forward(const Tensor& x) const override;

 private:
  Index groups_, channels_;
  double eps_;

 public:
  const Tensor weight, bias;  ///< undefined without affine
};

struct BatchNormOptions {
  double eps = 1e-5;
  double momentum = 0.1;  ///< of the running statistics: the weight of the new value
  bool affine = true;
  bool track_running_stats = true;
  DType dtype = float32;
};

/// batch_norm with weight (first 1) and bias (first 0) per channel, and buffers running_mean (first
/// 0), running_var (first 1, unbiased) and num_batches_tracked. A batch with one value per channel
/// is refused in training.
class BatchNorm : public Module {
 public:
  std::string describe() const override;

 protected:
  BatchNorm(const char* name, int min_rank, int max_rank, Index num_features,
            const BatchNormOptions& options);
  Tensor forward(const Tensor& x) const override;

 private:
  const char* name_;
  int min_rank_, max_rank_;
  Index features_;
  double eps_, momentum_;

 public:
  const Tensor weight, bias;                                    ///< undefined without affine
  const Tensor running_mean, running_var, num_batches_tracked;  ///< undefined unless tracked
};

/// BatchNorm of (N, C) or (N, C, L).
struct BatchNorm1d : BatchNorm {
  explicit BatchNorm1d(Index num_features, const BatchNormOptions& options = {})
      : BatchNorm("BatchNorm1d", 2, 3, num_features, options) {}
};

/// BatchNorm of (N, C, H, W).
struct BatchNorm2d : BatchNorm {
  explicit BatchNorm2d(Index num_features, const BatchNormOptions& options = {})
      : BatchNorm("BatchNorm2d", 4, 4, num_features, options) {}
};

}  // namespace gradus::nn
