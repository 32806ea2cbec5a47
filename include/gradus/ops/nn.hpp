#pragma once

#include <optional>

#include "gradus/tensor.hpp"

namespace gradus {

class Generator;

/// x weight^T + bias for weight (out, in), bias (out) or undefined, and any leading axes of x:
/// (…, in) -> (…, out). Gradients: g weight, g^T x and g summed over the leading axes.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});

/// exp(x) / sum(exp(x)) along one axis, computed with the maximum removed. Gradient:
/// out (g - sum(g out)).
Tensor softmax(const Tensor& x, Index axis = -1);
/// x - log(sum(exp(x))) along one axis. Gradient: g - exp(out) sum(g).
Tensor log_softmax(const Tensor& x, Index axis = -1);

struct DropoutOptions {
  bool training = true;
  Generator* generator = nullptr;  ///< default this thread's
};

/// In training, each element is 0 with probability p and x / (1 - p) otherwise; x itself in
/// evaluation. Gradient: g under the same mask.
Tensor dropout(const Tensor& x, double p = 0.5, DropoutOptions options = {});

/// The rows of weight (V, D) that an int64 index of any shape names: (…) -> (…, D). The row
/// `padding_idx` (negative counts from the end) gets no gradient. Gradient: g, summed into its
/// rows.
Tensor embedding(const Tensor& weight, const Tensor& index, std::optional<Index> padding_idx = {});

/// x / max(|x|, eps) with the p-norm along one axis. Gradient: finite, also where x is 0.
Tensor normalize(const Tensor& x, double p = 2, Index axis = 1, double eps = 1e-12);

/// (x - mean) / sqrt(var + eps) weight + bias over the last axes, whose lengths are
/// normalized_shape; var is biased; weight and bias (normalized_shape) may be undefined (Ba et al.
/// 2016).
Tensor layer_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight = {},
                  const Tensor& bias = {}, double eps = 1e-5);

/// x / sqrt(mean(x^2) + eps) weight over the last axes, whose lengths are normalized_shape; eps is
/// by default the dtype's machine epsilon; weight may be undefined (Zhang and Sennrich 2019).
Tensor rms_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight = {},
                std::optional<double> eps = {});

/// layer_norm of each sample over groups of channels: x (N, C, …), weight and bias (C) or undefined
/// (Wu and He 2018).
Tensor group_norm(const Tensor& x, Index num_groups, const Tensor& weight = {},
                  const Tensor& bias = {}, double eps = 1e-5);

struct BatchNormOptions {
  bool training = false;
  double momentum = 0.1;  ///< share of the batch's statistics in the new running ones
  double eps = 1e-5;
};

/// (x - mean) / sqrt(var + eps) weight + bias per channel of x (N, C, …). In training, or without
/// running statistics, mean and biased variance are those of the batch, and the running ones move
/// by `momentum` towards them (towards the unbiased variance); else they are the running ones
/// (Ioffe and Szegedy 2015). Throws in training for a single value per channel.
Tensor batch_norm(const Tensor& x, const Tensor& running_mean, const Tensor& running_var,
                  const Tensor& weight = {}, const Tensor& bias = {},
                  const BatchNormOptions& options = {});

struct AttentionOptions {
  /// Broadcasts to (…, L, S): bool, true where a query may look; or numbers added to the scores.
  Tensor mask = {};
  bool is_causal = false;            ///< query i looks at keys 0 to i; not together with a mask
  double dropout_p = 0;              ///< of the weights; the caller sets it in training only
  std::optional<double> scale = {};  ///< of the scores, default 1 / sqrt(E)
  Generator* generator = nullptr;    ///< of the dropout
};
/// softmax(scale q k^T) v for q (…, L, E), k (…, S, E), v (…, S, Ev) -> (…, L, Ev). A query that
/// may look nowhere gives 0; keys and values at which it may not look (false, -inf, later ones) do
/// not count for it, whatever they hold.
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options = {});

}  // namespace gradus
