#include "gradus/train/task.hpp"

#include "base/messages.hpp"
#include "gradus/ops.hpp"

namespace gradus::train {
namespace {

/// Labels (n) as rows of 0 and 1, or of -1 and 1, in the shape of the outputs.
Tensor encode(const Tensor& output, const Tensor& labels, double low = 0) {
  const Index outputs = output.size(1);
  const Tensor y = labels.dim() == 1 ? labels : labels.reshape({labels.size(0)});
  if (outputs == 1) {
    const Tensor ones = y.to(output.dtype()).reshape({y.size(0), 1});
    return low == 0 ? ones : ones * 2.0 - 1.0;
  }
  const Tensor hot = one_hot(y.to(int64), outputs).to(output.dtype());
  return low == 0 ? hot : hot * 2.0 - 1.0;
}

/// The first half of the outputs, and exp of the second: means and variances.
Tensor means_of(const Tensor& output) { return slice(output, 1, 0, output.size(1) / 2); }

using Make = std::function<Loss(const ObjectiveOptions& options)>;

struct Entry {
  const char* name;
  bool labels, quantities;  // the tasks that it fits
  bool one_logit;           // binary tasks have one output
  Make make;
};

/// For a loss that takes no options.
Make plain(const Loss& loss) {
  return [loss](const ObjectiveOptions&) { return loss; };
}

Loss make_bce(const ObjectiveOptions& o) {
  return [smoothing = o.label_smoothing, weights = o.class_weights](const Tensor& output,
                                                                    const Tensor& labels) {
    Tensor y = encode(output, labels);
    BceWithLogitsOptions options;
    if (weights.defined() && output.size(1) == 1)
      options.weight =
          index_select(weights.to(output.dtype()), 0, labels).reshape({labels.size(0), 1});
    if (smoothing > 0) y = y * (1 - smoothing) + smoothing / 2;
    return binary_cross_entropy_with_logits(output, y, options);
  };
}

Loss make_cross_entropy(const ObjectiveOptions& o) {
  return [smoothing = o.label_smoothing, weights = o.class_weights](const Tensor& output,
                                                                    const Tensor& y) {
    CrossEntropyOptions options{.label_smoothing = smoothing};
    if (weights.defined()) options.weight = weights.to(output.dtype());
    return cross_entropy(output, y, options);
  };
}

Loss make_mse(const ObjectiveOptions& o) {
  return [labels = o.task != Task::regression](const Tensor& output, const Tensor& y) {
    return mse_loss(output, labels ? encode(output, y) : y);
  };
}

Tensor gaussian(const Tensor& output, const Tensor& y) {
  const Index half = output.size(1) / 2;
  return gaussian_nll_loss(means_of(output), y, exp(slice(output, 1, half, 2 * half)));
}

const std::vector<Entry>& entries() {
  using T = const Tensor&;
  static const std::vector<Entry> list = {
      {"bce", true, false, true, make_bce},
      {"bce_probabilities", true, false, false,
       plain([](T out, T y) { return binary_cross_entropy(out, encode(out, y)); })},
      {"cross_entropy", true, false, false, make_cross_entropy},
      {"focal", true, false, true,
       plain([](T out, T y) { return focal_loss(out, encode(out, y)); })},
      {"gaussian_nll", false, true, false, plain(gaussian)},
      {"hinge", true, false, true,
       plain([](T out, T y) { return hinge_loss(out, encode(out, y, -1)); })},
      {"huber", false, true, false, plain([](T out, T y) { return huber_loss(out, y); })},
      {"l1", false, true, false, plain([](T out, T y) { return l1_loss(out, y); })},
      {"mse", true, true, false, make_mse},
      {"nll", true, false, false, plain([](T out, T y) { return nll_loss(out, y); })},
      {"poisson", false, true, false, plain([](T out, T y) { return poisson_nll_loss(out, y); })},
      {"smooth_l1", false, true, false, plain([](T out, T y) { return smooth_l1_loss(out, y); })},
  };
  return list;
}

bool fits(const Entry& entry, Task task) {
  return task == Task::regression ? entry.quantities : entry.labels;
}

/// Losses of probabilities need outputs that are some: of any others they are NaN or endless.
void check_output(const std::string& loss, const std::string& output) {
  const char* required = nullptr;
  if (loss == "bce_probabilities" && output != "sigmoid" && output != "softmax")
    required = "sigmoid, or the loss bce, which takes logits,";
  if (loss == "nll" && output != "log_softmax")
    required = "log_softmax, or the loss cross_entropy, which takes logits,";
  if (required)
    fail("make_objective", "the loss \"", loss, "\" was given with the output \"", output, "\"; ",
         required, " is required");
}

}  // namespace

const char* name_of(Task task) {
  return task == Task::binary       ? "binary classification"
         : task == Task::multiclass ? "classification"
                                    : "regression";
}

std::vector<std::string> loss_names() {
  std::vector<std::string> names;
  for (const Entry& entry : entries()) names.emplace_back(entry.name);
  return names;
}

Objective make_objective(const ObjectiveOptions& options) {
  if (options.targets < (options.task == Task::regression ? 1 : 2))
    fail("make_objective", options.targets, " were given as targets of a ", name_of(options.task),
         "; two classes, or one quantity, or more are required");
  std::string wanted = options.loss;
  if (wanted == "auto")
    wanted = options.task == Task::regression                           ? "mse"
             : options.task == Task::binary && options.output == "none" ? "bce"
                                                                        : "cross_entropy";
  if (wanted == "bce" && options.output == "sigmoid") wanted = "bce_probabilities";
  std::string all;
  for (const Entry& entry : entries()) {
    if (!fits(entry, options.task)) continue;
    all += (all.empty() ? "" : ", ") + std::string(entry.name);
    if (wanted != entry.name) continue;
    check_output(wanted, options.output);
    Objective objective{options};
    objective.loss = wanted;
    objective.outputs = options.task == Task::binary && entry.one_logit && options.output == "none"
                            ? 1
                            : options.targets;
    if (wanted == "gaussian_nll") objective.outputs *= 2;
    objective.function = entry.make(options);
    return objective;
  }
  fail("make_objective", "the loss \"", wanted, "\" was given for ", name_of(options.task),
       "; one of ", all, " is required");
}

Tensor Objective::compared(const Tensor& y) const {
  if (task == Task::regression) return y.to(float64);
  const double s = label_smoothing;
  Tensor t = encode(zeros({y.size(0), outputs}, float64), y, loss == "hinge" ? -1 : 0);
  if (loss == "bce") return t * (1 - s) + s / 2;
  if (loss != "cross_entropy") return t;
  t = t * (1 - s) + s / static_cast<double>(outputs);
  if (!class_weights.defined()) return t;
  const Tensor weights = class_weights.to(float64);
  return t * weights / index_select(weights, 0, y).reshape({y.size(0), 1});
}

Tensor Objective::predict(const Tensor& out) const {
  if (task == Task::regression) {
    if (loss == "poisson") return exp(out);
    return loss == "gaussian_nll" ? means_of(out) : out;
  }
  const bool is_probability = output == "sigmoid" || output == "softmax" || loss == "mse";
  if (out.size(1) == 1) {
    const Tensor p = is_probability ? out : loss == "hinge" ? sigmoid(2.0 * out) : sigmoid(out);
    return concat({1.0 - p, p}, 1);
  }
  if (is_probability) return out;
  if (loss == "nll") return exp(out);
  return softmax(out, 1);
}

}  // namespace gradus::train
