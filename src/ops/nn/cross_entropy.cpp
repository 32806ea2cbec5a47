#include "base/messages.hpp"
#include "kernels/reduce/reduce.hpp"
#include "kernels/rows/rows.hpp"
#include "ops/common.hpp"
#include "ops/nn/loss.hpp"

namespace gradus {

using detail::data;
using detail::memory_of;

namespace {

/// Trivially copyable, so that a rule may hold it.
struct Terms {
  double label_smoothing;
  Index ignore_index;
  Reduction reduction;
};

int class_axis(const Tensor& x) { return x.dim() == 1 ? 0 : 1; }

/// The shape of the losses: the input's without the classes.
Shape loss_shape(const Tensor& x) {
  Shape shape = x.shape();
  shape.erase(class_axis(x));
  return shape;
}

/// Logits with the classes last, as rows: (N, C, d…) -> (N d…, C). Differentiable.
Tensor class_rows(const Tensor& x) {
  const Shape shape = x.shape();
  Tensor y = x;
  if (x.dim() > 2) {
    Axes order{0};
    for (int i = 2; i < x.dim(); ++i) order.push_back(i);
    order.push_back(1);
    y = permute(x, order);
  }
  Index rows = 1;
  for (const Index length : loss_shape(x)) rows *= length;
  return reshape(y, {rows, shape[class_axis(x)]});
}

void check_classes(const Tensor& x, const Tensor& weight, const char* operation) {
  detail::require_floating(x, operation);
  if (x.dim() < 1)
    fail(operation, "logits of shape () were given; (C), (N, C) or (N, C, d...) is required");
  const Index classes = x.size(class_axis(x));
  if (classes == 0)
    fail(operation, "logits of shape ", x.shape(), " were given; at least one class is required");
  if (!weight.defined()) return;
  detail::require_dtype(weight, x.dtype(), operation, "a class weight");
  if (!(weight.shape() == Shape{classes}))
    fail(operation, "class weights of shape ", weight.shape(), " were given for ", classes,
         " classes; one weight per class is required");
}

const Index* labels_of(const Tensor& target) { return static_cast<const Index*>(data(target)); }

/// Throws unless every label is a class or ignored.
void check_labels(const Tensor& x, const Tensor& target, Index ignore_index,
                  const char* operation) {
  if (target.dtype() != int64)
    fail(operation, "a target of ", detail::describe(target),
         " was given; class indices are int64 (convert them with to(int64)), "
         "probabilities have the logits' shape ",
         x.shape());
  if (!(target.shape() == loss_shape(x)))
    fail(operation, "logits of shape ", x.shape(), " and class indices of shape ", target.shape(),
         " were given; class indices of shape ", loss_shape(x), " are required; reshape them");
  const Index classes = x.size(class_axis(x));
  kernels::run(
      kernels::CheckLabels{operation, labels_of(target), target.numel(), classes, ignore_index});
}

/// The weighted, smoothed one-hot targets of rows: w_c q_c, 0 for ignored rows.
Tensor soft_targets(const Tensor& x, const Tensor& target, const Tensor& weight, const Terms& t) {
  const Index rows = x.size(0), classes = x.size(1);
  Tensor out = detail::empty({rows, classes}, x.dtype());
  kernels::run(kernels::SoftTargets{x.dtype(), labels_of(target), memory_of(weight), data(out),
                                    rows, classes, t.label_smoothing, t.ignore_index});
  return out;
}

/// -sum_c q_c logp_c per row, 0 where q_c is 0 whatever logp_c.
Tensor expected(const Tensor& q, const Tensor& logp) { return -sum(detail::weigh(q, logp), {1}); }

/// The sum of the weights of the targets that count, in float64.
Tensor divisor_of(const Tensor& target, const Tensor& weight, const Terms& t) {
  const Tensor out = detail::empty({}, float64);
  kernels::run(kernels::SumOfWeights{weight.defined() ? weight.dtype() : float64, labels_of(target),
                                     memory_of(weight), static_cast<double*>(data(out)),
                                     target.numel(), weight.defined() ? weight.numel() : 0,
                                     t.ignore_index});
  return out;
}

/// Rows of losses reduced; mean divides by the float64 scalar `divisor`.
Tensor reduce_rows(const Tensor& losses, Reduction reduction, const Tensor& divisor) {
  if (reduction == Reduction::none) return losses;
  const Tensor total = sum(losses);
  if (reduction == Reduction::sum) return total;
  return total / divisor.to(losses.dtype());
}

/// Cross-entropy of logits (rows, C) and checked labels (rows): the gradient of the logits falls
/// out of the forward pass, and is kept as an input that needs no gradient.
Tensor fused_rows(const Tensor& x, const Tensor& target, const Tensor& weight, Terms t,
                  double batch) {
  const Index rows = x.size(0), classes = x.size(1);
  const bool keep = is_grad_enabled() && x.requires_grad();
  Tensor losses = detail::empty({rows}, x.dtype());
  const Tensor slope = keep ? detail::empty({rows, classes}, x.dtype()) : Tensor();
  const Tensor divisor = detail::empty({}, float64);
  const bool weighs = t.reduction == Reduction::mean;
  kernels::run(kernels::CrossEntropy{x.dtype(), data(x), labels_of(target), memory_of(weight),
                                     data(losses), memory_of(slope),
                                     weighs ? static_cast<double*>(data(divisor)) : nullptr, rows,
                                     classes, t.label_smoothing, t.ignore_index});
  if (!weighs) kernels::run(kernels::Fill{float64, data(divisor), batch, 1});
  Tensor value;
  {
    const NoGrad guard;
    value = reduce_rows(losses, t.reduction, divisor);
  }
  if (!keep) return value;

  const auto raw = [t](const Vjp& k) -> Grads<1> {
    const Tensor& saved = k.in(2);
    Tensor dx = detail::empty_like(saved);
    if (t.reduction != Reduction::none) {
      const auto* const total = static_cast<const double*>(data(k.in(3)));
      kernels::run(kernels::ScaleAll{saved.dtype(), data(saved), data(k.grad),
                                     t.reduction == Reduction::sum ? nullptr : total, data(dx),
                                     saved.numel()});
      return {dx};
    }
    kernels::run(kernels::ScaleRows{saved.dtype(), data(saved), data(k.grad), data(dx),
                                    saved.size(0), saved.size(1)});
    return {dx};
  };
  const auto composite = [t](const std::vector<Tensor>& in) {
    const Tensor q = soft_targets(in[0], in[1], in.size() == 5 ? in[4] : Tensor(), t);
    return reduce_rows(expected(q, log_softmax(in[0], 1)), t.reduction, in[3]);
  };
  if (weight.defined())
    return fused("cross_entropy", std::move(value), {x, target, slope, divisor, weight.detach()},
                 raw, composite);
  return fused("cross_entropy", std::move(value), {x, target, slope, divisor}, raw, composite);
}

Tensor with_probabilities(const Tensor& input, const Tensor& target,
                          const CrossEntropyOptions& options) {
  const Tensor x = class_rows(input);
  const double classes = static_cast<double>(x.size(1));
  Tensor q = class_rows(target.to(x.dtype()));
  if (options.label_smoothing > 0)
    q = q * (1 - options.label_smoothing) + options.label_smoothing / classes;
  if (options.weight.defined()) q = detail::weigh(options.weight, q);
  const Tensor losses = reshape(expected(q, log_softmax(x, 1)), loss_shape(input));
  Tensor w = options.sample_weight;
  if (w.defined()) w = detail::sample_weight(w, losses, "cross_entropy");
  return detail::reduce_weighted(losses, options.reduction, w, "cross_entropy");
}

/// Losses of labels by their sample weights; the mean divides by the sum of the weights, of samples
/// times classes, of the labels that count.
template <class Options>
Tensor reduce_samples(const Tensor& losses, const Tensor& x, const Tensor& labels,
                      const Options& options, const char* operation) {
  const Shape shape = losses.shape();
  const Tensor w = detail::sample_weight(options.sample_weight, losses, operation);
  const Tensor weighted = detail::weigh(w, losses);
  if (options.reduction != Reduction::mean)
    return detail::reduce_loss(weighted, options.reduction, operation);
  const Terms hard{0, options.ignore_index, Reduction::none};
  const Tensor counts = sum(soft_targets(x, labels, options.weight, hard), {1});
  return sum(weighted) / sum(reshape(counts, shape) * w);
}

double batch_of(const Shape& shape, Reduction reduction, const char* operation) {
  if (reduction == Reduction::batchmean && shape.empty())
    fail(operation, "one sample without a first axis was to be reduced by batchmean; use sum");
  return shape.empty() ? 1 : static_cast<double>(shape[0]);
}

}  // namespace

Tensor cross_entropy(const Tensor& input, const Tensor& target,
                     const CrossEntropyOptions& options) {
  check_classes(input, options.weight, "cross_entropy");
  if (!(options.label_smoothing >= 0 && options.label_smoothing <= 1))
    fail("cross_entropy", "label_smoothing = ", options.label_smoothing,
         " was given; 0 to 1 is required");
  if (is_floating_point(target.dtype()) && target.shape() == input.shape())
    return with_probabilities(input, target, options);
  check_labels(input, target, options.ignore_index, "cross_entropy");
  const Shape shape = loss_shape(input);
  const double batch = batch_of(shape, options.reduction, "cross_entropy");
  const bool weighs_samples = options.sample_weight.defined();
  const Terms terms{options.label_smoothing, options.ignore_index,
                    weighs_samples ? Reduction::none : options.reduction};
  const Tensor x = class_rows(input), labels = reshape(target, {x.size(0)});
  const Tensor rows = fused_rows(x, labels, options.weight, terms, batch);
  if (!weighs_samples) return options.reduction == Reduction::none ? reshape(rows, shape) : rows;

  return reduce_samples(reshape(rows, shape), x, labels, options, "cross_entropy");
}

Tensor nll_loss(const Tensor& input, const Tensor& target, const NllOptions& options) {
  check_classes(input, options.weight, "nll_loss");
  check_labels(input, target, options.ignore_index, "nll_loss");
  const Shape shape = loss_shape(input);
  const double batch = batch_of(shape, options.reduction, "nll_loss");
  const Tensor x = class_rows(input), labels = reshape(target, {x.size(0)});
  const Terms terms{0, options.ignore_index, options.reduction};
  const Tensor losses = expected(soft_targets(x, labels, options.weight, terms), x);
  if (options.sample_weight.defined())
    return reduce_samples(reshape(losses, shape), x, labels, options, "nll_loss");
  const bool mean = options.reduction == Reduction::mean;
  const Tensor out = reduce_rows(
      losses, options.reduction,
      mean ? divisor_of(labels, options.weight, terms) : detail::full_scalar(batch, float64));
  return options.reduction == Reduction::none ? reshape(out, shape) : out;
}

}  // namespace gradus
