#include <algorithm>
#include <cmath>

#include "base/messages.hpp"
#include "gradus/nn/init.hpp"
#include "gradus/ops.hpp"
#include "train/recipe/linter.hpp"
#include "train/watch/limits.hpp"

namespace gradus::train::detail {

namespace {

bool bounded(const Call& call) {
  return call.activation == "sigmoid" || call.activation == "hardsigmoid";
}

std::pair<double, double> fans(const Tensor& weight) {
  double kernel = 1;
  for (int axis = 2; axis < weight.dim(); ++axis) kernel *= static_cast<double>(weight.size(axis));
  return {static_cast<double>(weight.size(1)) * kernel,
          static_cast<double>(weight.size(0)) * kernel};
}

double deviation(const Tensor& weight) { return stddev(weight.detach().to(float64), {}, 0).item(); }

/// The factor by which a linear layer and the activation after it change the size of a gradient.
double attenuation(const Call& linear, const Call& activation) {
  return norm(linear.weight.detach()).item() /
         std::sqrt(static_cast<double>(linear.weight.size(0))) * activation.mean_slope;
}

/// How the size of a layer's weights compares with what the activation wants: below 1 if too small.
double init_ratio(const Call& linear, const std::string& activation) {
  const double gain = nn::init::calculate_gain(activation);
  const auto [fan_in, fan_out] = fans(linear.weight);
  // Between what keeps the signal and what keeps the gradient, either is right.
  const double low = gain * std::sqrt(1 / std::max(fan_in, fan_out));
  const double high = gain * std::sqrt(1 / std::min(fan_in, fan_out));
  const double present = deviation(linear.weight);
  return present < low ? present / low : present > high ? present / high : 1;
}

}  // namespace

void lint_output(Linter& l) {
  const std::string& loss = l.options.loss;
  if (loss.empty() || l.trace.last < 0) return;
  const Call& last = l.call(l.trace.last);
  const bool logits = loss == "cross_entropy" || loss == "bce_with_logits" || loss == "focal";
  const bool softmax = last.activation == "softmax" || last.activation == "log_softmax";
  const std::string what = compose("The output ", last.name, " is a ", last.module);
  if (logits && (softmax || bounded(last) || last.activation == "logsigmoid"))
    l.report(softmax && loss == "cross_entropy"         ? "softmax_before_cross_entropy"
             : bounded(last) && loss != "cross_entropy" ? "sigmoid_before_bce_with_logits"
                                                        : "output_not_logits",
             last.name,
             what + ", but " + loss + " takes logits and applies " +
                 (loss == "cross_entropy" ? "log_softmax" : "the sigmoid") +
                 " itself, so gradients are far too small; leave out " + last.name + ".",
             last.activation != "log_softmax");
  else if (logits && (last.activation == "relu" || last.activation == "relu6"))
    l.report("output_not_logits", last.name,
             what + ", but " + loss + " takes logits of either sign; leave out " + last.name + ".");
  if (loss == "nll" && last.activation != "log_softmax")
    l.report("output_not_logarithms", last.name,
             what +
                 ", but nll takes logarithms of probabilities; end with LogSoftmax, or take "
                 "cross_entropy.");
  if (loss == "bce" && !bounded(last) && !softmax)
    l.report("output_not_probabilities", last.name,
             what + ", but bce takes probabilities; take bce_with_logits.");
  if ((loss == "mse" || loss == "l1") && (bounded(last) || softmax)) {
    const bool saturated = last.saturated >= limits::saturated;
    l.report("squared_error_on_sigmoid", last.name,
             what +
                 " under a squared error, whose gradient has the sigmoid's derivative as a factor" +
                 (saturated ? ", and " + rounded(100 * last.saturated) +
                                  " % of the outputs are already where it is nearly 0"
                            : std::string()) +
                 "; take a loss from logits (cross_entropy, bce_with_logits), and start with "
                 "smaller weights and biases 0.",
             saturated);
  }
  if (loss == "cross_entropy" && last.weight.defined() && last.weight.size(0) == 1)
    l.report("single_output", last.name,
             what +
                 " with a single output, for which cross_entropy is always 0; take one output a "
                 "class, or bce_with_logits.");
}

void lint_linear(Linter& l) {
  std::vector<bool> told(l.trace.calls.size());
  for (int i = 0; i < static_cast<int>(l.trace.calls.size()); ++i) {
    if (l.call(i).role != Role::linear) continue;
    const int before = l.trace.before(i);
    if (before < 0 || l.call(before).role != Role::linear) continue;
    told[static_cast<std::size_t>(i)] = true;
    if (told[static_cast<std::size_t>(before)]) continue;  // said at the chain's beginning
    l.report("linear_after_linear", l.call(before).name,
             l.call(before).name + " and " + l.call(i).name +
                 " follow each other without an activation, so that together they are one linear "
                 "function; "
                 "put an activation (relu, gelu) between them.");
  }
}

void lint_norm(Linter& l) {
  for (int i = 0; i < static_cast<int>(l.trace.calls.size()); ++i) {
    if (l.call(i).role != Role::batch_norm) continue;
    const std::string& name = l.call(i).name;
    const int direct = l.call(i).after;
    if (direct >= 0 && l.call(direct).role == Role::linear && l.call(direct).bias.defined())
      l.report("bias_before_batch_norm", l.call(direct).name,
               "The bias of " + l.call(direct).name + " has no effect, since " + name +
                   " subtracts the mean; build the layer with bias = false.",
               false);
    if (direct >= 0 && l.call(direct).role == Role::dropout)
      l.report("dropout_before_batch_norm", name,
               "Dropout " + l.call(direct).name + " before " + name +
                   " makes the variance in training another than in evaluation; put it after the "
                   "last normalization.",
               false);
  }
  if (!l.options.loader) return;
  const auto norm = std::find_if(l.trace.calls.begin(), l.trace.calls.end(),
                                 [](const Call& call) { return call.role == Role::batch_norm; });
  if (norm == l.trace.calls.end()) return;
  const data::LoaderOptions& o = l.options.loader->options();
  const Index samples = l.options.loader->dataset().size();
  const bool ones = o.batch_size == 1;
  const bool last = samples % o.batch_size == 1 && !o.drop_last && !o.merge_last_of_one;
  if (ones || last)
    l.report(
        "batch_of_one", norm->name,
        (ones ? std::string("All batches hold 1 sample") : "The last batch holds 1 sample") +
            ", of which " + norm->name + " can take no variance; " +
            (ones ? "take larger batches, or layer norm." : "set merge_last_of_one or drop_last."));
}

void lint_sigmoids(Linter& l) {
  // The longest chain that ends at each call: linear, sigmoid, linear, sigmoid, …
  struct Chain {
    int count = 0, first = -1;
    double factor = 1;
  };
  std::vector<Chain> chains(l.trace.calls.size());
  Chain longest;
  for (int i = 0; i < static_cast<int>(l.trace.calls.size()); ++i) {
    if (!bounded(l.call(i))) continue;
    const int linear = l.trace.before(i);
    if (linear < 0 || l.call(linear).role != Role::linear) continue;
    const int before = l.trace.before(linear);
    Chain chain;
    if (before >= 0) chain = chains[static_cast<std::size_t>(before)];
    if (chain.count++ == 0) chain.first = i;
    chain.factor *= attenuation(l.call(linear), l.call(i));
    chains[static_cast<std::size_t>(i)] = chain;
    if (chain.count > longest.count) longest = chain;
  }
  if (longest.count < limits::sigmoid_stack || longest.factor > limits::vanishing) return;
  l.report("deep_sigmoids", l.call(longest.first).name,
           text_of(longest.count) + " sigmoid layers follow each other from " +
               l.call(longest.first).name +
               " on: weights times derivatives multiply the gradient by about " +
               rounded(longest.factor) +
               " on its way back, so that the first layers do not learn; use relu or gelu, "
               "normalization or residual connections.");
}

void lint_units(Linter& l) {
  if (!l.input.defined() || l.trace.rows < limits::lint_samples_units) return;
  for (int i = 0; i < static_cast<int>(l.trace.calls.size()); ++i) {
    const Call& call = l.call(i);
    const int before = l.trace.before(i);
    std::string why = "start with He's initial values and biases 0, and scale the inputs.";
    if (before >= 0 && l.call(before).bias.defined())
      why = compose("the biases of ", l.call(before).name, " have a mean of ",
                    rounded(mean(l.call(before).bias.detach()).item()), ": ", why);
    if (call.dead >= limits::dead) {
      l.report("dead_units", call.name,
               rounded(100 * call.dead) + " % of the units of " + call.name +
                   (call.activation == "relu6" ? " are 0 or 6" : " are 0") + " for all of " +
                   text_of(l.trace.rows) + " samples and get no gradient; " + why);
      return;  // the layers after it suffer from the same
    }
    if (call.saturated >= limits::saturated && i != l.trace.last) {
      l.report("saturated_units", call.name,
               rounded(100 * call.saturated) + " % of the outputs of " + call.name +
                   " are where the derivative is nearly 0, before training; " + why);
      return;
    }
  }
}

void lint_weights(Linter& l) {
  double product = 1;
  for (int i = 0; i < static_cast<int>(l.trace.calls.size()); ++i) {
    const Call& call = l.call(i);
    const int at = l.trace.before(i);
    if (call.role != Role::activation || at < 0 || l.call(at).role != Role::linear) continue;
    const Call& linear = l.call(at);
    if (linear.weight.numel() < limits::init_weights) continue;
    if (deviation(linear.weight) == 0) {
      l.report("equal_weights", linear.name,
               "All weights of " + linear.name +
                   " are equal, so that its units stay copies of each other; start with random "
                   "weights (nn::init).");
      return;
    }
    const double ratio = init_ratio(linear, call.activation);
    product *= ratio;
    if (ratio * limits::init_factor >= 1 && ratio <= limits::init_factor) continue;
    l.report("initial_weights", linear.name,
             "The weights of " + linear.name + " are " + rounded(ratio) +
                 " times as large as suits the " + call.activation +
                 " after it; use nn::init::for_activation_.");
    return;
  }
  if (product * limits::init_product < 1 || product > limits::init_product)
    l.report("initial_weights", "",
             "The initial weights do not suit the activations: over all layers the signal's size "
             "is multiplied by about " +
                 rounded(product) + "; use nn::init::for_activation_.");
}

}  // namespace gradus::train::detail
