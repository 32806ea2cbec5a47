#include <algorithm>
#include <cmath>
#include <map>

#include "base/class_of.hpp"
#include "base/messages.hpp"
#include "gradus/nn/linear.hpp"
#include "gradus/ops.hpp"
#include "gradus/random.hpp"
#include "gradus/train/check.hpp"
#include "train/loop/evaluation.hpp"
#include "train/recipe/linter.hpp"
#include "train/watch/limits.hpp"

namespace gradus::train {

namespace {

using namespace detail;

/// Root mean square of each feature of (samples, features).
std::vector<double> feature_sizes(const Tensor& x) {
  return (norm(x.to(float64), 2, {0}) / std::sqrt(static_cast<double>(x.size(0))))
      .to_vector<double>();
}

struct Range {
  const char* optimizer;
  double low, high;
};
/// Rates at which an optimizer is used, generously.
constexpr Range usual_rates[] = {
    {"SGD", 5e-4, 3},       {"Adam", 1e-5, 0.1},  {"AdamW", 1e-5, 0.1},   {"Adamax", 1e-5, 0.2},
    {"NAdam", 1e-5, 0.1},   {"RAdam", 1e-5, 0.1}, {"RMSprop", 1e-6, 0.1}, {"Adagrad", 1e-4, 1},
    {"Adadelta", 1e-2, 10}, {"Lion", 1e-6, 1e-2}, {"Muon", 1e-4, 0.3},    {"LBFGS", 1e-2, 2},
};

/// Steps of the optimizer.
Index steps_of_epoch(const LintOptions& o) {
  const Index batches = std::max<Index>(1, o.accumulate);
  return (o.loader->size() + batches - 1) / batches;
}

/// The largest rate in the run.
double peak_rate(const LintOptions& o) {
  const double base = o.optimizer->initial_lr();
  // A scheduler that is not known here may have set the rate of a warm-up already.
  if (!o.scheduler) return std::max(base, o.optimizer->lr());
  Index units = std::max<Index>(o.scheduler->schedule().length(), o.epochs);
  if (o.scheduler->unit() == optim::Unit::step && o.loader && o.epochs > 0)
    units = o.epochs * steps_of_epoch(o);
  double peak = 0;
  for (Index i = 0; i <= 1000; ++i)
    peak = std::max(peak, o.scheduler->schedule().lr(base, units * i / 1000));
  return peak;
}

void lint_inputs(Linter& l) {
  if (!l.input.defined() || !is_floating_point(l.input.dtype()) || l.input.numel() == 0) return;
  if (!all(isfinite(l.input)).item<bool>()) {
    l.report("non_finite", "",
             "The inputs hold values that are not finite; remove or replace them before training.");
    return;
  }
  const bool normalized = !l.trace.calls.empty() &&
                          (l.call(0).role == Role::norm || l.call(0).role == Role::batch_norm);
  if (l.input.dim() != 2 || normalized) return;
  const std::vector<double> sizes = feature_sizes(l.input);
  std::vector<double> sorted;
  for (const double size : sizes)
    if (size > 0) sorted.push_back(size);
  if (sorted.empty()) return;
  std::sort(sorted.begin(), sorted.end());
  const double median = sorted[sorted.size() / 2], largest = sorted.back();
  const auto at = std::max_element(sizes.begin(), sizes.end()) - sizes.begin();
  const std::string remedy = "; scale every feature to mean 0 and deviation 1 (StandardScaler).";
  if (largest > limits::feature_large && largest > limits::feature_ratio * median)
    l.report("inputs_not_scaled", "",
             "The inputs are not scaled: feature " + text_of(at) + " has a size of " +
                 rounded(largest) + ", the median feature " + rounded(median) +
                 ", so one feature drowns the others" + remedy);
  else if (median > limits::feature_large)
    l.report("inputs_not_scaled", "",
             "The inputs are not scaled: the median feature has a size of " + rounded(median) +
                 ", and initial weights expect about 1" + remedy);
  else if (largest < limits::feature_small)
    l.report("inputs_not_scaled", "",
             "The inputs are not scaled: no feature has a size above " + rounded(largest) +
                 ", and initial weights expect about 1" + remedy);
}

void lint_order(Linter& l) {
  if (!l.options.loader || l.options.loader->options().sampler != "sequential") return;
  const data::TensorDataset& data = l.options.loader->dataset();
  if (l.options.loader->size() < 2 || data.tensors().size() < 2) return;
  const Tensor& y = data.y();
  if (y.dtype() != int64 || y.dim() != 1) {
    l.report("no_shuffling", "",
             "The samples come in the same order in every epoch; shuffle them "
             "(LoaderOptions::shuffle) unless the order matters.",
             false);
    return;
  }
  const std::vector<Index> labels = y.to_vector<Index>();
  std::map<Index, double> counts;
  double equal = 0;
  const auto n = static_cast<double>(labels.size());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    ++counts[labels[i]];
    if (i > 0) equal += labels[i] == labels[i - 1];
  }
  double chance = 0;
  for (const auto& [label, count] : counts) chance += count / n * (count / n);
  const bool sorted = chance < 1 && (equal / (n - 1) - chance) / (1 - chance) > limits::sorted;
  l.report("no_shuffling", "",
           sorted ? "The samples are sorted by class and not shuffled, so that most batches hold a "
                    "single class; shuffle them (LoaderOptions::shuffle)."
                  : "The samples come in the same order in every epoch; shuffle them "
                    "(LoaderOptions::shuffle).",
           sorted);
}

void lint_learning_rate(Linter& l) {
  if (!l.options.optimizer) return;
  const std::string name = l.options.optimizer->name();
  double low = 0, high = INFINITY;
  for (const Range& range : usual_rates)
    if (name == range.optimizer) low = range.low, high = range.high;
  const double lr = peak_rate(l.options);
  const std::string usual = compose("; with ", name, ", ", rounded(low), " to ", rounded(high),
                                    " is usual: let the learning rate finder choose, or try ",
                                    rounded(std::sqrt(low * high)), ".");
  if (lr > high)
    l.report("learning_rate_high", "", "The learning rate " + rounded(lr) + " is too high" + usual);
  if (lr < low)
    l.report("learning_rate_low", "", "The learning rate " + rounded(lr) + " is too low" + usual);
}

void lint_schedule(Linter& l) {
  if (!l.options.scheduler || l.options.epochs < 1) return;
  Index units = l.options.epochs;
  if (l.options.scheduler->unit() == optim::Unit::step) {
    if (!l.options.loader) return;
    units *= steps_of_epoch(l.options);
  }
  const std::string text = l.options.scheduler->check_length(units);
  if (!text.empty()) l.report("schedule_length", "", "The schedule " + text + ".");
}

void lint_parameters(Linter& l) {
  if (!l.options.optimizer) return;
  const std::vector<Tensor> known = l.options.optimizer->parameters();
  const auto missing = [](const std::vector<Tensor>& list, const Tensor& wanted) {
    return std::none_of(list.begin(), list.end(), [&](const Tensor& t) { return t.is(wanted); });
  };
  std::vector<std::string> names;
  for (const auto& [name, p] : l.model.named_parameters())
    if (p.requires_grad() && missing(known, p)) names.push_back(name);
  if (!names.empty())
    l.report("not_optimized", "",
             "The optimizer does not know " + text_of(names.size()) +
                 " of the model's parameters (" + join(names, 4) +
                 "), so they stay as they are; build the optimizer from model.parameters(), or "
                 "freeze them with requires_grad_(false).");
}

void lint_mode(Linter& l) {
  if (l.options.mode == LintOptions::Mode::fit) return;
  const bool wanted = l.options.mode == LintOptions::Mode::train;
  if (l.model.is_training() == wanted) return;
  for (const Call& call : l.trace.calls)
    if (call.role == Role::dropout || call.role == Role::batch_norm) {
      l.report("wrong_mode", call.name,
               wanted
                   ? "The model is in evaluation mode, in which " + call.name + ", a " +
                         call.module + ", does not work as in training; call train() first."
                   : "The model is in training mode, in which " + call.name + ", a " + call.module +
                         ", makes its output depend on chance or on the other samples; call eval() "
                         "first.");
      return;
    }
}

/// The samples to look at: as given, or spread over the loader's data, or made up.
Tensor choose_input(const LintOptions& options) {
  if (options.input.defined()) return options.input;
  if (options.loader && !options.loader->dataset().empty()) {
    const data::TensorDataset& data = options.loader->dataset();
    return data.gather(spread(data.size(), limits::lint_samples)).at(0);
  }
  return {};
}

Tensor make_up_input(nn::Module& model) {
  for (const nn::NamedModule& entry : model.named_modules())
    if (entry.module->children().empty()) {
      const auto* first = as<const nn::Linear>(*entry.module);
      if (!first) return {};
      Generator generator(0);
      return randn({256, first->in_features()}, first->weight.dtype(), &generator);
    }
  return {};
}

}  // namespace

std::vector<Finding> lint(nn::Module& model, const LintOptions& options) {
  Linter l{model, options, choose_input(options), {}, {}};
  const Tensor input = l.input.defined() ? l.input : make_up_input(model);
  if (input.defined()) l.trace = detail::trace(model, input);
  lint_inputs(l);
  lint_order(l);
  lint_learning_rate(l);
  lint_schedule(l);
  lint_parameters(l);
  lint_mode(l);
  lint_linear(l);
  lint_sigmoids(l);
  lint_output(l);
  lint_units(l);
  lint_norm(l);
  if (!options.trained) detail::lint_weights(l);
  if (!l.trace.error.empty())
    l.report("not_traced", "",
             "The model could not be called with a batch, so its layers were not judged: " +
                 l.trace.error,
             false);
  // What needs action comes first; the order within is from cause to effect.
  std::stable_sort(l.findings.begin(), l.findings.end(),
                   [](const Finding& a, const Finding& b) { return a.alarm > b.alarm; });
  return std::move(l.findings);
}

}  // namespace gradus::train
