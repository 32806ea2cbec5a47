#include <algorithm>
#include <cmath>

#include "base/memory_error.hpp"
#include "gradus/autograd.hpp"
#include "gradus/ops.hpp"
#include "train/loop/evaluation.hpp"
#include "train/watch/diagnosis.hpp"

namespace gradus::train::detail {

namespace {

constexpr Index most_targets = 2048;  // a sample of them is enough

/// Targets evenly spaced over the data set, so that sorted ones are met in proportion.
Tensor some_targets(const data::TensorDataset& dataset) {
  return dataset.gather(spread(dataset.size(), most_targets)).at(1);
}

/// Outputs that a model might give for every sample: the logarithms of the classes' shares, also
/// with label smoothing, equal ones (where classes are weighed), and for a single output the logit.
std::vector<Tensor> constant_logits(const Tensor& labels, Index classes) {
  std::vector<double> counts(static_cast<std::size_t>(classes));
  double total = 0;
  for (const Index label : labels.to_vector<Index>())
    if (label >= 0 && label < classes) ++counts[static_cast<std::size_t>(label)], ++total;
  std::vector<Tensor> out;
  for (const double smoothing : {0.0, 0.05, 0.1, 0.2}) {
    if (classes == 1) {
      const double ones = mean(ne(labels, 0.0).to(float64)).item();
      const double p = std::clamp((1 - smoothing) * ones + smoothing / 2, 1e-6, 1 - 1e-6);
      out.push_back(full({1}, std::log(p / (1 - p)), float64));
      continue;
    }
    std::vector<double> logits;
    for (const double count : counts)
      logits.push_back(std::log(std::max(
          1e-6, (1 - smoothing) * count / total + smoothing / static_cast<double>(classes))));
    out.push_back(from_vector(logits));
  }
  out.push_back(zeros({classes}, float64));
  return out;
}

/// The mean, and its logit where targets are probabilities.
std::vector<Tensor> constant_values(const Tensor& target) {
  const Tensor values = target.to(float64), center = mean(values, {0});
  std::vector<Tensor> out = {center};
  if (min(values).item() >= 0 && max(values).item() <= 1) {
    const Tensor p = clamp(center, 1e-6, 1 - 1e-6);
    out.push_back(log(p / (1.0 - p)));
  }
  return out;
}

/// Without the loss function: the entropy of the classes or the mean variance.
double usual_loss(const Tensor& target, const Tensor& constant) {
  if (target.dtype() != int64) return mean(var(target.to(float64), {0}, 0)).item();
  return -sum(exp(constant) * constant).item();
}

}  // namespace

double best_constant_loss(const Context& run) {
  if (run.loader.dataset().tensors().size() < 2 || !run.output.defined()) return NAN;
  const NoGrad guard;
  const Tensor target = some_targets(run.loader.dataset());
  const bool labels = target.dtype() == int64;
  const Shape shape = run.output.shape();
  if (target.numel() == 0 || shape.size() != 2 || (labels && target.dim() != 1)) return NAN;
  if (!labels && (!is_floating_point(target.dtype()) || target.dim() != 2)) return NAN;
  const auto constants = labels ? constant_logits(target, shape[1]) : constant_values(target);
  if (!run.loss_of) return labels && shape[1] == 1 ? NAN : usual_loss(target, constants[0]);
  double best = NAN;
  for (const Tensor& constant : constants)
    gradus::detail::failure_of([&] {  // or the loss is of another kind of output
      const Tensor output = expand(constant.to(run.output.dtype()), {target.size(0), shape[1]});
      const double loss = (*run.loss_of)(output.clone(), target).item();
      if (std::isfinite(loss) && !(loss >= best)) best = loss;
    });
  return best;
}

}  // namespace gradus::train::detail
