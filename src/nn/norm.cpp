#include "gradus/nn/norm.hpp"

#include "base/messages.hpp"
#include "gradus/autograd.hpp"
#include "gradus/ops.hpp"

namespace gradus::nn {

namespace {

const Shape& checked(const Shape& shape, const char* module) {
  bool positive = !shape.empty();
  for (const Index length : shape) positive = positive && length > 0;
  if (!positive)
    fail(module, "the shape ", shape, " was given; one or more lengths of 1 or more are required");
  return shape;
}

}  // namespace

// ------------------------------------------------------------------ over the last axes

LayerNorm::LayerNorm(const Shape& normalized_shape, const LayerNormOptions& options)
    : shape_(checked(normalized_shape, "LayerNorm")),
      eps_(options.eps),
      weight(options.affine ? parameter("weight", ones(shape_, options.dtype)) : Tensor()),
      bias(options.affine && options.bias ? parameter("bias", zeros(shape_, options.dtype))
                                          : Tensor()) {}

std::string LayerNorm::describe() const { return compose("LayerNorm(", shape_, ")"); }

Tensor LayerNorm::forward(const Tensor& x) const {
  return layer_norm(x, shape_, weight, bias, eps_);
}

RMSNorm::RMSNorm(const Shape& normalized_shape, const RMSNormOptions& options)
    : shape_(checked(normalized_shape, "RMSNorm")),
      eps_(options.eps),
      weight(options.affine ? parameter("weight", ones(shape_, options.dtype)) : Tensor()) {}

std::string RMSNorm::describe() const { return compose("RMSNorm(", shape_, ")"); }

Tensor RMSNorm::forward(const Tensor& x) const { return rms_norm(x, shape_, weight, eps_); }

// ------------------------------------------------------------------ of channels

GroupNorm::GroupNorm(Index num_groups, Index num_channels, const GroupNormOptions& options)
    : groups_(num_groups),
      channels_(checked(num_channels, "GroupNorm")[0]),
      eps_(options.eps),
      weight(options.affine ? parameter("weight", ones({channels_}, options.dtype)) : Tensor()),
      bias(options.affine ? parameter("bias", zeros({channels_}, options.dtype)) : Tensor()) {
  if (num_groups < 1 || num_channels % num_groups != 0)
    fail("GroupNorm", num_groups, " groups were given for ", num_channels,
         " channels; a number that divides the channels is required");
}

std::string GroupNorm::describe() const {
  return compose("GroupNorm(", groups_, ", ", channels_, ")");
}

Tensor GroupNorm::forward(const Tensor& x) const {
  return group_norm(x, groups_, weight, bias, eps_);
}

BatchNorm::BatchNorm(const char* name, int min_rank, int max_rank, Index num_features,
                     const BatchNormOptions& options)
    : name_(name),
      min_rank_(min_rank),
      max_rank_(max_rank),
      features_(checked(num_features, name)[0]),
      eps_(options.eps),
      momentum_(options.momentum),
      weight(options.affine ? parameter("weight", ones({features_}, options.dtype)) : Tensor()),
      bias(options.affine ? parameter("bias", zeros({features_}, options.dtype)) : Tensor()),
      running_mean(options.track_running_stats
                       ? buffer("running_mean", zeros({features_}, options.dtype))
                       : Tensor()),
      running_var(options.track_running_stats
                      ? buffer("running_var", ones({features_}, options.dtype))
                      : Tensor()),
      num_batches_tracked(options.track_running_stats
                              ? buffer("num_batches_tracked", zeros({}, int64))
                              : Tensor()) {
  gradus::detail::require(momentum_ >= 0 && momentum_ <= 1, name, "momentum", momentum_, "0 to 1");
}

std::string BatchNorm::describe() const { return compose(name_, "(", features_, ")"); }

Tensor BatchNorm::forward(const Tensor& x) const {
  if (x.dim() < min_rank_ || x.dim() > max_rank_ || x.size(1) != features_)
    fail(name_, "x of shape ", x.shape(), " was given; ", features_, " channels in the second of ",
         min_rank_, (max_rank_ > min_rank_ ? " or " + text_of(max_rank_) : ""),
         " axes are required");
  if (is_training() && num_batches_tracked.defined()) {
    const Tensor y = batch_norm(x, running_mean, running_var, weight, bias,
                                {.training = true, .momentum = momentum_, .eps = eps_});
    Tensor count = num_batches_tracked;
    count.copy_(count + 1);
    return y;
  }
  return batch_norm(x, running_mean, running_var, weight, bias,
                    {.training = is_training(), .momentum = momentum_, .eps = eps_});
}

}  // namespace gradus::nn
