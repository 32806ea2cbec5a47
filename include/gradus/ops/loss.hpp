#pragma once

#include <cstdint>

#include "gradus/tensor.hpp"

namespace gradus {

// Losses of inputs and targets of one shape, with PyTorch's options. Formulas are per element. A
// target, share or weight of 0 takes its term out of value and gradients, even inf or NaN.

/// What becomes of the losses of the elements: all of them, their mean, their sum, or their sum
/// divided by the length of the first axis.
enum class Reduction : std::uint8_t { none, mean, sum, batchmean };

struct LossOptions {
  Reduction reduction = Reduction::mean;
  /// Weights that broadcast to the losses, aligned at the last axis as everywhere: of all elements,
  /// of columns (C), of samples (N, 1). The mean divides by their sum.
  Tensor weight = {};
};

/// (input - target)^2. Gradient: 2 g (input - target), divided by all elements under mean.
Tensor mse_loss(const Tensor& input, const Tensor& target, const LossOptions& options = {});
/// |input - target|. Gradient: g sign(input - target), 0 at 0.
Tensor l1_loss(const Tensor& input, const Tensor& target, const LossOptions& options = {});

struct SmoothL1Options {
  Reduction reduction = Reduction::mean;
  double beta = 1;  ///< where the square meets the line; 0 gives l1_loss
  Tensor weight = {};
};
/// d^2 / (2 beta) for d = |input - target| < beta, else d - beta / 2.
Tensor smooth_l1_loss(const Tensor& input, const Tensor& target,
                      const SmoothL1Options& options = {});

struct HuberOptions {
  Reduction reduction = Reduction::mean;
  double delta = 1;  ///< where the square meets the line, > 0
  Tensor weight = {};
};
/// d^2 / 2 for d = |input - target| <= delta, else delta (d - delta / 2) (Huber 1964).
Tensor huber_loss(const Tensor& input, const Tensor& target, const HuberOptions& options = {});

struct BceOptions {
  /// As in LossOptions, but the mean divides by the number of elements.
  Tensor weight = {};
  Reduction reduction = Reduction::mean;
};
/// -(target ln input + (1 - target) ln(1 - input)) for probabilities in [0, 1]; logarithms are at
/// least -100. Gradient 0 where a logarithm is cut off. Prefer logits.
Tensor binary_cross_entropy(const Tensor& input, const Tensor& target,
                            const BceOptions& options = {});

struct BceWithLogitsOptions {
  /// As in LossOptions, but the mean divides by the number of elements.
  Tensor weight = {};
  Reduction reduction = Reduction::mean;
  Tensor pos_weight = {};  ///< factor of the positive term; broadcasts to the logits
};
/// -(p target ln s + (1 - target) ln(1 - s)), s = sigmoid(input), p = pos_weight; finite for any
/// finite logits. Gradient: g (s - target) for p = 1.
Tensor binary_cross_entropy_with_logits(const Tensor& input, const Tensor& target,
                                        const BceWithLogitsOptions& options = {});
/// binary_cross_entropy_with_logits.
inline Tensor bce_with_logits(const Tensor& input, const Tensor& target,
                              const BceWithLogitsOptions& options = {}) {
  return binary_cross_entropy_with_logits(input, target, options);
}

struct CrossEntropyOptions {
  Tensor weight = {};         ///< of the classes, (C)
  Index ignore_index = -100;  ///< targets with this label count for nothing
  Reduction reduction = Reduction::mean;
  double label_smoothing = 0;  ///< this share of every target is spread evenly over the classes
  /// Weights of the samples (N), or of all losses.
  Tensor sample_weight = {};
};
/// -ln softmax(input)[target] for logits (N, C), (N, C, d…) or (C) and int64 class indices without
/// the axis C; or -sum_c target_c ln softmax(input)_c for probabilities of the logits' shape. The
/// mean divides by the weights of the targets that are not ignored (for probabilities by N d…, or
/// by the sample weights).
/// Gradient: g (softmax(input) - target).
Tensor cross_entropy(const Tensor& input, const Tensor& target,
                     const CrossEntropyOptions& options = {});

struct NllOptions {
  Tensor weight = {};  ///< of the classes, (C)
  Index ignore_index = -100;
  Reduction reduction = Reduction::mean;
  Tensor sample_weight = {};  ///< of the samples (N), or of all losses
};
/// -input[target] for log-probabilities (N, C), (N, C, d…) or (C) and int64 class indices. The
/// mean divides by the weights of the targets that are not ignored.
Tensor nll_loss(const Tensor& input, const Tensor& target, const NllOptions& options = {});

struct KlDivOptions {
  Reduction reduction = Reduction::mean;  ///< batchmean is the divergence per sample
  bool log_target = false;                ///< the target, too, is given as logarithms
  Tensor weight = {};                     ///< as in LossOptions
};
/// target (ln target - input) for log-probabilities `input`; 0 where target is 0.
Tensor kl_div(const Tensor& input, const Tensor& target, const KlDivOptions& options = {});

struct HingeOptions {
  Reduction reduction = Reduction::mean;
  double margin = 1;
  bool squared = false;
  Tensor weight = {};
};
/// max(0, margin - target input) for targets -1 and 1; squared if asked for.
Tensor hinge_loss(const Tensor& input, const Tensor& target, const HingeOptions& options = {});

struct GaussianNllOptions {
  bool full = false;  ///< add ln(2 pi) / 2
  double eps = 1e-6;  ///< the smallest variance; the gradient ignores this bound
  Reduction reduction = Reduction::mean;
  Tensor weight = {};  ///< as in LossOptions
};
/// (ln var + (input - target)^2 / var) / 2, var of input's shape or with a last axis of length 1.
Tensor gaussian_nll_loss(const Tensor& input, const Tensor& target, const Tensor& var,
                         const GaussianNllOptions& options = {});

struct PoissonNllOptions {
  bool log_input = true;  ///< input is the logarithm of the rate
  bool full = false;      ///< add Stirling's formula for ln target!, where target > 1
  double eps = 1e-8;      ///< added to the rate inside the logarithm
  Reduction reduction = Reduction::mean;
  Tensor weight = {};  ///< as in LossOptions
};
/// exp(input) - target input, or input - target ln(input + eps) for rates.
Tensor poisson_nll_loss(const Tensor& input, const Tensor& target,
                        const PoissonNllOptions& options = {});

struct CosineEmbeddingOptions {
  double margin = 0;
  Reduction reduction = Reduction::mean;
  Tensor weight = {};  ///< as in LossOptions
};
/// 1 - cos(x1, x2) for targets 1, max(0, cos(x1, x2) - margin) for targets -1; x1, x2 (N, D) and
/// targets (N), or (D) and a scalar.
Tensor cosine_embedding_loss(const Tensor& x1, const Tensor& x2, const Tensor& target,
                             const CosineEmbeddingOptions& options = {});

struct TripletMarginOptions {
  double margin = 1;
  double p = 2;       ///< of the norm, >= 1
  double eps = 1e-6;  ///< added to the differences
  bool swap = false;  ///< use the smaller of d(anchor, negative) and d(positive, negative)
  Reduction reduction = Reduction::mean;
  Tensor weight = {};  ///< as in LossOptions
};
/// max(0, d(anchor, positive) - d(anchor, negative) + margin) with d the p-norm of the difference;
/// (N, D) or (D) each.
Tensor triplet_margin_loss(const Tensor& anchor, const Tensor& positive, const Tensor& negative,
                           const TripletMarginOptions& options = {});

struct FocalOptions {
  double alpha = 0.25;  ///< weight of the positive class, 1 - alpha of the other; negative: none
  double gamma = 2;     ///< how strongly easy examples are discounted, >= 0
  Reduction reduction = Reduction::mean;
  Tensor weight = {};  ///< as in LossOptions
};
/// (1 - p)^gamma (-ln p), p the probability that sigmoid(input) gives the target 0 or 1 (Lin et
/// al. 2017).
Tensor focal_loss(const Tensor& input, const Tensor& target, const FocalOptions& options = {});

}  // namespace gradus
