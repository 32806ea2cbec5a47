#include "ops/nn/loss.hpp"

#include <cmath>
#include <numbers>

#include "base/messages.hpp"
#include "kernels/elementwise/check.hpp"
#include "kernels/elementwise/pointwise_loss.hpp"
#include "ops/common.hpp"
#include "ops/products/linalg.hpp"

namespace gradus {

namespace detail {

namespace {

/// (N, 1, …, 1) for losses (N, …).
Shape sample_column(const Shape& shape) {
  Shape column{shape[0]};
  while (column.size() < shape.size()) column.push_back(1);
  return column;
}

}  // namespace

Tensor reduce_loss(const Tensor& loss, Reduction reduction, const char* operation) {
  switch (reduction) {
    case Reduction::none:
      return loss;
    case Reduction::mean:
      return mean(loss);
    case Reduction::sum:
      return sum(loss);
    case Reduction::batchmean:
      break;
  }
  if (loss.dim() == 0)
    fail(operation,
         "losses of shape () were to be reduced by batchmean; a first axis is required; "
         "use sum");
  return sum(loss) / static_cast<double>(loss.size(0));
}

Tensor weigh(const Tensor& factor, const Tensor& term) {
  return record("weigh", zip("weigh", kernels::Binary::safe_mul, factor, term), {factor, term},
                [](const Vjp& k) -> Grads<2> {
                  const Tensor &f = k.in(0), &t = k.in(1);
                  Tensor masked;  // where even a slope would be that of nothing
                  if (k.wants(0) || k.create_graph())
                    masked = logical_and(eq(f, 0.0), logical_not(isfinite(t)));
                  Grads<2> grads;
                  if (k.wants(0)) grads[0] = safe_mul(k.grad, where(masked, 0.0, t));
                  if (k.wants(1)) grads[1] = zero_mul(k.grad, f);
                  if (k.wants(1) && k.create_graph()) grads[1] = where(masked, 0.0, grads[1]);
                  return grads;
                });
}

Tensor loss_weight(const Tensor& weight, const Tensor& losses, const char* operation,
                   const char* what) {
  if (!weight.defined()) return weight;
  require_floating(weight, operation);
  const Shape shape = losses.shape();
  if (broadcasts_to(weight.shape(), shape)) return weight.to(losses.dtype());
  std::string text =
      compose("a ", what, " of shape ", weight.shape(), " was given for losses of shape ", shape,
              "; a shape that broadcasts to the losses', aligned at the last axis, is "
              "required");
  if (!shape.empty() && weight.shape() == Shape{shape[0]})
    text += "; for one number per sample reshape it to " + to_string(sample_column(shape));
  fail(operation, text);
}

Tensor sample_weight(const Tensor& weight, const Tensor& losses, const char* operation) {
  require_floating(weight, operation);
  const Shape shape = losses.shape();
  const Tensor w = weight.to(losses.dtype());
  if (w.shape() == shape) return w;
  if (shape.empty() || !(w.shape() == Shape{shape[0]}))
    fail(operation, "a sample_weight of shape ", weight.shape(), " was given for losses of shape ",
         shape, "; one weight per sample (the first axis) or per loss is required");
  return reshape(w, sample_column(shape));
}

Tensor reduce_weighted(const Tensor& loss, Reduction reduction, const Tensor& weight,
                       const char* operation) {
  if (!weight.defined()) return reduce_loss(loss, reduction, operation);
  const Tensor weighted = weigh(weight, loss);
  if (reduction != Reduction::mean) return reduce_loss(weighted, reduction, operation);
  return sum(weighted) / sum(expand(weight, loss.shape()));
}

void require_same_shape(const Tensor& input, const Tensor& target, const char* operation) {
  require_floating(input, operation);
  if (!(input.shape() == target.shape()))
    fail(operation, "input of shape ", input.shape(), " and target of shape ", target.shape(),
         " were given; the shapes must be equal, since nothing broadcasts in a "
         "loss; reshape one of them");
}

}  // namespace detail

using detail::data;
using detail::loss_weight;
using detail::reduce_loss;
using detail::reduce_weighted;
using detail::require_same_shape;
using detail::weigh;

namespace {

/// The target in the input's dtype.
Tensor like(const Tensor& target, const Tensor& input) { return target.to(input.dtype()); }

/// Reduces with the weights of the options.
template <class Options>
Tensor reduced(const Tensor& loss, const Options& options, const char* operation) {
  const Tensor weight = loss_weight(options.weight, loss, operation);
  return reduce_weighted(loss, options.reduction, weight, operation);
}

/// Reduces with weights that only scale the losses.
Tensor reduce_scaled(const Tensor& loss, Reduction reduction, const Tensor& weight,
                     const char* operation) {
  return reduce_loss(weight.defined() ? weigh(weight, loss) : loss, reduction, operation);
}

/// x, but `fill` where an element counts for nothing and so may be anything.
Tensor counted(const Tensor& x, const Tensor& weight, double fill) {
  const NoGrad guard;
  return weight.defined() ? where(ne(weight, 0.0), x, fill) : x.detach();
}

/// d^2 / 2 up to the bound, then the line that continues it; d >= 0.
Tensor huber(const Tensor& d, double bound) {
  const Tensor part = clamp_max(d, bound);
  return part * (d - 0.5 * part);
}

/// What a fused loss takes beside input and target; a rule may hold it.
struct Scaled {
  kernels::LossOp loss;
  Reduction reduction;
  double scale;
};

/// The mean or sum of a loss without weights over inputs like the target, which needs no gradient,
/// in one pass each way; undefined if the loss is another one. `composite(input, target)` is the
/// same loss by element.
template <class Composite>
Tensor fused_loss(const char* name, kernels::LossOp loss, const Tensor& x, const Tensor& y,
                  Reduction reduction, Composite composite) {
  const Index n = x.numel();
  const bool fits = (reduction == Reduction::mean || reduction == Reduction::sum) && n > 0 &&
                    x.dtype() == y.dtype() && !(is_grad_enabled() && y.requires_grad());
  if (!fits) return {};
  const Scaled s{loss, reduction, reduction == Reduction::mean ? 1 / static_cast<double>(n) : 1};
  Tensor value = detail::empty({}, x.dtype());
  kernels::run(kernels::PointwiseLoss{loss, x.dtype(), data(x), data(y), data(value), n, s.scale});
  return fused(
      name, std::move(value), {x, y},
      [s](const Vjp& k) -> Grads<1> {
        const Tensor& in = k.in(0);
        Tensor dx = detail::empty_like(in);
        kernels::run(kernels::PointwiseLossBackward{s.loss, in.dtype(), data(in), data(k.in(1)),
                                                    data(k.grad), data(dx), in.numel(), s.scale});
        return {dx};
      },
      [s, composite](const std::vector<Tensor>& in) {
        return reduce_loss(composite(in[0], in[1]), s.reduction, "loss");
      });
}

/// Throws unless low <= x <= high wherever the weight is not 0.
void require_range(const Tensor& x, double low, double high, const Tensor& weight,
                   const char* operation, const char* what) {
  const Tensor values = counted(x, weight, low);
  kernels::run(kernels::Check{kernels::CheckOp::range, values.dtype(), operation, what,
                              data(values), values.numel(), low, high});
}

/// Throws unless every target is -1 or 1 wherever the weight is not 0.
void require_signs(const Tensor& target, const Tensor& weight, const char* operation) {
  const Tensor values = counted(target, weight, 1);
  kernels::run(kernels::Check{kernels::CheckOp::signs, values.dtype(), operation, "target",
                              data(values), values.numel()});
}

}  // namespace

// ------------------------------------------------------------------ distances

Tensor mse_loss(const Tensor& input, const Tensor& target, const LossOptions& options) {
  require_same_shape(input, target, "mse_loss");
  const Tensor y = like(target, input);
  const auto squares = [](const Tensor& a, const Tensor& b) { return square(a - b); };
  if (!options.weight.defined())
    if (Tensor loss =
            fused_loss("mse_loss", kernels::LossOp::squared, input, y, options.reduction, squares);
        loss.defined())
      return loss;
  return reduced(squares(input, y), options, "mse_loss");
}

Tensor l1_loss(const Tensor& input, const Tensor& target, const LossOptions& options) {
  require_same_shape(input, target, "l1_loss");
  return reduced(abs(input - like(target, input)), options, "l1_loss");
}

Tensor smooth_l1_loss(const Tensor& input, const Tensor& target, const SmoothL1Options& options) {
  require_same_shape(input, target, "smooth_l1_loss");
  if (!(options.beta >= 0))
    fail("smooth_l1_loss", "beta = ", options.beta, " was given; 0 or more is required");
  const Tensor d = abs(input - like(target, input));
  const Tensor loss = options.beta == 0 ? d : huber(d, options.beta) / options.beta;
  return reduced(loss, options, "smooth_l1_loss");
}

Tensor huber_loss(const Tensor& input, const Tensor& target, const HuberOptions& options) {
  require_same_shape(input, target, "huber_loss");
  if (!(options.delta > 0))
    fail("huber_loss", "delta = ", options.delta, " was given; more than 0 is required");
  const Tensor loss = huber(abs(input - like(target, input)), options.delta);
  return reduced(loss, options, "huber_loss");
}

// ------------------------------------------------------------------ two classes

Tensor binary_cross_entropy(const Tensor& input, const Tensor& target, const BceOptions& options) {
  const char* const name = "binary_cross_entropy";
  require_same_shape(input, target, name);
  const Tensor w = loss_weight(options.weight, input, name);
  require_range(input, 0, 1, w, name, "the probability");
  require_range(target, 0, 1, w, name, "target");
  const Tensor z = like(target, input);
  const Tensor loss =
      -(weigh(z, clamp_min(log(input), -100)) + weigh(1 - z, clamp_min(log1p(-input), -100)));
  return reduce_scaled(loss, options.reduction, w, name);
}

Tensor binary_cross_entropy_with_logits(const Tensor& input, const Tensor& target,
                                        const BceWithLogitsOptions& options) {
  const char* const name = "binary_cross_entropy_with_logits";
  require_same_shape(input, target, name);
  const Tensor z = like(target, input);
  // Both terms are negative, so that nothing cancels for logits of any size.
  const auto terms = [](const Tensor& x, const Tensor& y) {
    return -(weigh(y, logsigmoid(x)) + weigh(1 - y, logsigmoid(-x)));
  };
  if (!options.pos_weight.defined() && !options.weight.defined())
    if (Tensor loss =
            fused_loss(name, kernels::LossOp::bce_logits, input, z, options.reduction, terms);
        loss.defined())
      return loss;
  const Tensor w = loss_weight(options.weight, input, name);
  const Tensor p = loss_weight(options.pos_weight, input, name, "pos_weight");
  const Tensor positive = p.defined() ? weigh(p, z) : z;
  const Tensor loss = -(weigh(positive, logsigmoid(input)) + weigh(1 - z, logsigmoid(-input)));
  return reduce_scaled(loss, options.reduction, w, name);
}

Tensor focal_loss(const Tensor& input, const Tensor& target, const FocalOptions& options) {
  require_same_shape(input, target, "focal_loss");
  if (!(options.gamma >= 0) || !(options.alpha <= 1))
    fail("focal_loss", "alpha = ", options.alpha, " and gamma = ", options.gamma,
         " were given; alpha <= 1 and gamma >= 0 are required");
  const Tensor w = loss_weight(options.weight, input, "focal_loss");
  require_range(target, 0, 1, w, "focal_loss", "target");
  const Tensor z = like(target, input);
  const Tensor loss = -(weigh(z, logsigmoid(input)) + weigh(1 - z, logsigmoid(-input)));
  const Tensor missing = weigh(z, sigmoid(-input)) + weigh(1 - z, sigmoid(input));
  Tensor focused = loss * pow(missing, options.gamma);
  if (options.alpha >= 0)
    focused = weigh(z * (2 * options.alpha - 1) + (1 - options.alpha), focused);
  return reduce_weighted(focused, options.reduction, w, "focal_loss");
}

Tensor hinge_loss(const Tensor& input, const Tensor& target, const HingeOptions& options) {
  require_same_shape(input, target, "hinge_loss");
  const Tensor w = loss_weight(options.weight, input, "hinge_loss");
  require_signs(target, w, "hinge_loss");
  Tensor loss = relu(options.margin - like(target, input) * input);
  if (options.squared) loss = square(loss);
  return reduce_weighted(loss, options.reduction, w, "hinge_loss");
}

// ------------------------------------------------------------------ distributions

Tensor kl_div(const Tensor& input, const Tensor& target, const KlDivOptions& options) {
  require_same_shape(input, target, "kl_div");
  const Tensor t = like(target, input);
  // PyTorch 1.13 gives NaN for a target of 0 (a logarithm of -inf) that meets an input of -inf.
  if (options.log_target) return reduced(weigh(exp(t), t - input), options, "kl_div");
  return reduced(weigh(t, log(where(t <= 0, 1.0, t)) - input), options, "kl_div");
}

Tensor gaussian_nll_loss(const Tensor& input, const Tensor& target, const Tensor& var,
                         const GaussianNllOptions& options) {
  require_same_shape(input, target, "gaussian_nll_loss");
  Shape column = input.shape();
  if (!column.empty()) column[column.size() - 1] = 1;
  if (!(var.shape() == input.shape()) && !(var.shape() == column))
    fail("gaussian_nll_loss", "var of shape ", var.shape(), " was given for input of shape ",
         input.shape(), "; the input's shape, or a last axis of length 1, is required");
  if (!(options.eps > 0))
    fail("gaussian_nll_loss", "eps = ", options.eps, " was given; more than 0 is required");
  const Tensor w = loss_weight(options.weight, input, "gaussian_nll_loss");
  require_range(var, 0, HUGE_VAL, w, "gaussian_nll_loss", "the variance");
  const Tensor lift = clamp_min(var.detach(), options.eps) - var.detach();
  const Tensor v = like(var, input) + like(lift, input);
  Tensor loss = 0.5 * (log(v) + square(input - like(target, input)) / v);
  if (options.full) loss = loss + 0.5 * std::log(2 * std::numbers::pi);
  return reduce_weighted(loss, options.reduction, w, "gaussian_nll_loss");
}

Tensor poisson_nll_loss(const Tensor& input, const Tensor& target,
                        const PoissonNllOptions& options) {
  require_same_shape(input, target, "poisson_nll_loss");
  const Tensor t = like(target, input);
  Tensor loss =
      options.log_input ? exp(input) - weigh(t, input) : input - weigh(t, log(input + options.eps));
  if (options.full) {
    const Tensor large = where(t <= 1, 1.0, t);
    const Tensor stirling = large * log(large) - large + 0.5 * log(2 * std::numbers::pi * large);
    loss = loss + where(t <= 1, 0.0, stirling);
  }
  return reduced(loss, options, "poisson_nll_loss");
}

// ------------------------------------------------------------------ embeddings

Tensor cosine_embedding_loss(const Tensor& x1, const Tensor& x2, const Tensor& target,
                             const CosineEmbeddingOptions& options) {
  const char* const name = "cosine_embedding_loss";
  require_same_shape(x1, x2, name);
  Shape samples = x1.shape();
  if (!samples.empty()) samples.erase(samples.size() - 1);
  if (x1.dim() < 1 || x1.dim() > 2 || !(target.shape() == samples))
    fail(name, "x1 and x2 of shape ", x1.shape(), " and target of shape ", target.shape(),
         " were given; (N, D) and (N), or (D) and a scalar, are required");
  const Tensor w = loss_weight(options.weight, like(target, x1), name);
  require_signs(target, w, name);
  // sqrt(|x|^2 + 1e-12), as in PyTorch
  const auto direction = [](const Tensor& x) {
    return x / hypot(norm(x, 2, {-1}, {.keepdim = true}), detail::full_scalar(1e-6, x.dtype()));
  };
  const Tensor cosine = sum(direction(x1) * direction(x2), {-1});
  const Tensor loss = where(target > 0, 1 - cosine, relu(cosine - options.margin));
  return reduce_weighted(loss, options.reduction, w, name);
}

Tensor triplet_margin_loss(const Tensor& anchor, const Tensor& positive, const Tensor& negative,
                           const TripletMarginOptions& options) {
  const char* const name = "triplet_margin_loss";
  require_same_shape(anchor, positive, name);
  require_same_shape(anchor, negative, name);
  if (anchor.dim() < 1 || anchor.dim() > 2)
    fail(name, "tensors of shape ", anchor.shape(), " were given; (N, D) or (D) is required");
  if (!(options.p >= 1)) fail(name, "p = ", options.p, " was given; 1 or more is required");
  const auto distance = [&](const Tensor& a, const Tensor& b) {
    const Tensor d = a - b + options.eps;
    return norm(d, options.p, {-1});
  };
  Tensor away = distance(anchor, negative);
  if (options.swap) away = minimum(away, distance(positive, negative));
  const Tensor loss = relu(distance(anchor, positive) - away + options.margin);
  return reduced(loss, options, name);
}

}  // namespace gradus
