#include "gradus/train/lr_finder.hpp"

#include <algorithm>
#include <cmath>

#include "base/messages.hpp"
#include "gradus/autograd.hpp"
#include "gradus/random.hpp"
#include "train/loop/evaluation.hpp"

namespace gradus::train {

namespace {

/// The smoothed loss has to fall by this share, or the sweep says nothing.
constexpr double least_fall = 0.01;

/// Puts model, optimizer and random numbers back at the end of its life.
Finally restore(nn::Module& model, optim::Optimizer& optimizer,
                std::vector<Generator*> generators) {
  std::vector<std::pair<Tensor, Tensor>> gradients, values;
  for (const auto& list : {model.parameters(), optimizer.parameters()})
    for (const Tensor& p : list) gradients.emplace_back(p, p.grad());
  // The sweep is not to add to gradients that are there.
  for (auto& [p, grad] : gradients) p.set_grad({});
  for (const Tensor& p : optimizer.parameters()) values.emplace_back(p, p.detach().clone());
  std::vector<std::pair<Generator*, Generator>> random;
  generators.push_back(&default_generator());
  for (Generator* g : generators) random.emplace_back(g, *g);
  return Finally([&model, &optimizer, gradients, values, random, weights = model.state_dict(),
                  state = optimizer.state_dict()]() mutable {
    model.load_state_dict(weights);
    {
      const NoGrad guard;
      for (auto& [p, value] : values) p.copy_(value);  // also those outside the model
    }
    optimizer.load_state_dict(state);
    for (auto& [p, grad] : gradients) p.set_grad(grad);
    for (auto& [generator, before] : random) *generator = before;
  });
}

void check(const LrFinderOptions& o, const data::DataLoader& loader) {
  if (!(o.low > 0 && o.low < o.high && std::isfinite(o.high)))
    fail("find_lr", "rates from ", o.low, " to ", o.high,
         " were given; 0 < low < high is required");
  if (o.steps < 10) fail("find_lr", o.steps, " steps were given; 10 or more are required");
  using gradus::detail::require;
  require(o.smoothing >= 0 && o.smoothing < 1, "find_lr", "smoothing", o.smoothing, "0 to below 1");
  require(o.divergence > 1, "find_lr", "divergence", o.divergence, "more than 1");
  if (loader.size() == 0)
    fail("find_lr", "the loader has no batches; at least one is required; is drop_last set?");
}

/// Sets rate `lr` for the first group, and others in proportion.
void set_rates(optim::Optimizer& optimizer, double lr) {
  const double first = optimizer.initial_lr(0);
  for (std::size_t g = 0; g < optimizer.num_groups(); ++g)
    optimizer.set_lr(g, first > 0 ? lr * optimizer.initial_lr(g) / first : lr);
}

/// Where the smoothed loss falls fastest, before its lowest place. The first tenth is left out if
/// it can be: few losses have been averaged there, and their noise is steep.
std::optional<double> steepest_descent(const LrCurve& curve) {
  const auto& y = curve.smoothed;
  const auto lowest = static_cast<std::size_t>(std::min_element(y.begin(), y.end()) - y.begin());
  for (const std::size_t begin : {y.size() / 10 + 1, std::size_t{1}}) {
    double slope = 0;
    std::optional<double> lr;
    for (std::size_t i = begin; i < lowest; ++i)
      if (const double here = y[i + 1] - y[i - 1]; here < slope) {  // lr is evenly spaced
        slope = here;
        lr = curve.lr[i];
      }
    if (lr) return lr;
  }
  return {};
}

/// The longest falling subsequence up to the lowest place, and its point after two thirds, but not
/// later than the lowest place itself.
std::optional<double> valley_of(const LrCurve& curve) {
  const auto& y = curve.smoothed;
  std::vector<std::size_t> length(y.size(), 1), start(y.size());
  std::size_t end = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    start[i] = i;
    for (std::size_t j = 0; j < i; ++j)
      if (y[i] < y[j] && length[i] < length[j] + 1) {
        length[i] = length[j] + 1;
        start[i] = start[j];
      }
    if (length[i] > length[end]) end = i;
  }
  if (length[end] < 3) return {};
  return curve.lr[start[end] + (end - start[end]) * 2 / 3];
}

/// The curve until it diverges.
LrCurve sweep(nn::Module& model,
              const std::function<Tensor(const Tensor& output, const Tensor& target)>& loss_of,
              optim::Optimizer& optimizer, data::DataLoader& loader, const LrFinderOptions& o) {
  LrCurve curve;
  model.train();
  double mean = 0, weight = 0, lowest = INFINITY;
  data::Batch batch;
  loader.start();
  for (Index i = 0; i < o.steps; ++i) {
    if (!loader.next(batch)) {
      loader.start();
      loader.next(batch);
    }
    const double lr =
        o.low * std::pow(o.high / o.low, static_cast<double>(i) / static_cast<double>(o.steps - 1));
    optimizer.zero_grad();
    const Tensor loss = loss_of(model(batch.at(0)), batch.at(1));
    const double value = loss.item();
    if (!std::isfinite(value)) {
      curve.diverged = true;
      break;
    }
    mean = o.smoothing * mean + (1 - o.smoothing) * value;
    weight = o.smoothing * weight + (1 - o.smoothing);
    curve.lr.push_back(lr);
    curve.loss.push_back(value);
    curve.smoothed.push_back(mean / weight);
    if (o.on_step) o.on_step(i + 1, lr, value);
    lowest = std::min(lowest, mean / weight);
    if (o.stop && *o.stop) break;
    if (mean / weight > o.divergence * lowest && lowest > 0) {
      curve.diverged = true;
      break;
    }
    loss.backward();
    set_rates(optimizer, lr);
    optimizer.step();
  }
  return curve;
}

}  // namespace

LrCurve find_lr(nn::Module& model,
                const std::function<Tensor(const Tensor& output, const Tensor& target)>& loss,
                optim::Optimizer& optimizer, const data::DataLoader& loader,
                const LrFinderOptions& options) {
  check(options, loader);
  const Finally mode = nn::detail::evaluation_mode(model);  // sweep() leaves it in training
  const Finally put_back = restore(model, optimizer, options.generators);
  data::LoaderOptions same = loader.options();
  same.shuffle = false;  // the sampler's name says it
  same.seed = loader.state().seed;
  data::DataLoader own(loader.dataset(), same);
  LrCurve curve = sweep(model, loss, optimizer, own, options);
  if (curve.lr.empty()) {
    curve.reason = "The loss is not finite before the first step; look at the inputs and weights.";
    return curve;
  }
  if (options.stop && *options.stop) {
    curve.reason = compose("The sweep was interrupted after ", curve.lr.size(), " of ",
                           options.steps, " steps.");
    return curve;
  }
  const double lowest = *std::min_element(curve.smoothed.begin(), curve.smoothed.end());
  const double first = curve.smoothed.front();
  if (first - lowest < least_fall * std::abs(first)) {
    curve.reason =
        curve.diverged && curve.lr.size() < static_cast<std::size_t>(options.steps) / 4
            ? "The loss grows from the lowest rate on; begin the sweep with a lower one."
            : "The loss falls at no rate; the gradient does not reach the weights, or the sweep is "
              "too short.";
    return curve;
  }
  curve.steepest = steepest_descent(curve);
  curve.valley = valley_of(curve);
  if (!curve.suggestion()) curve.reason = "The loss falls in too few steps; take more of them.";
  return curve;
}

}  // namespace gradus::train
