#include "train/watch/diagnosis.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

#include "base/messages.hpp"
#include "gradus/ops.hpp"
#include "train/save/monitor_state.hpp"
#include "train/watch/limits.hpp"

namespace gradus::train::detail {

std::string rounded(double value) {
  if (std::isnan(value)) return "NaN";  // which printf gives a sign
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.3g", value);
  return text.data();
}

std::string when(const Context& run) {
  return compose("in epoch ", run.epoch, " (step ", run.global_step, ")");
}

std::string percent(double share) { return rounded(100 * share) + " %"; }

std::string rate(double lr) {
  if (!(lr > 0) || !std::isfinite(lr)) return "a tenth";
  const double unit = std::pow(10, std::floor(std::log10(lr)));
  return rounded(std::max(1.0, std::floor(lr / unit + 1e-9)) * unit);
}

namespace {

/// "act1 (98 % dead), act2 (100 % dead)", at most four of them.
std::string list_of(const std::vector<std::string>& parts) {
  std::string out;
  for (std::size_t i = 0; i < parts.size() && i < 4; ++i) out += (i ? ", " : "") + parts[i];
  if (parts.size() > 4) out += compose(" and ", parts.size() - 4, " more");
  return out;
}

}  // namespace

void Diagnosis::save(optim::StateDict& state) const {
  state["losses"] = from_vector<double>(
      {constant_, first_loss_, recent_, lowest_, weight_of_recent_, largest_update_});
  std::vector<double> latest = latest_;
  latest.resize(static_cast<std::size_t>(limits::latest_losses), NAN);
  state["latest_losses"] = from_vector(latest);
}

void Diagnosis::resume(const Context& run, const MonitorState& state) {
  norms_ = state.norms;
  latest_ = state.latest_losses;
  std::erase_if(latest_, [](double loss) { return std::isnan(loss); });
  constant_ = state.losses[0];
  first_loss_ = state.losses[1];
  recent_ = state.losses[2];
  lowest_ = state.losses[3];
  weight_of_recent_ = state.losses[4];
  largest_update_ = state.losses[5];
  for (const Epoch& epoch : run.history) add(epoch);
  for (const double norm : norms_)
    if (std::isfinite(norm)) largest_norm_ = std::max(largest_norm_, norm);
}

void Diagnosis::report(Context& run, Finding finding) {
  const auto same = [&](const Finding& other) {  // the linter may have said so for the whole model
    return other.kind == finding.kind && (other.where == finding.where || other.where.empty());
  };
  if (!reported_.insert(finding.kind + "@" + finding.where).second) return;
  if (std::any_of(run.findings.begin(), run.findings.end(), same)) return;
  finding.epoch = run.epoch;
  finding.step = run.global_step;
  run.findings.push_back(finding);
  if (on_finding_) on_finding_(finding);
}

void Diagnosis::step(Context& run) {
  if (norms_.empty()) constant_ = best_constant_loss(run);
  judge_spike(run);
  norms_.push_back(run.grad_norm);
  if (std::isfinite(run.grad_norm)) largest_norm_ = std::max(largest_norm_, run.grad_norm);
  if (!std::isfinite(run.loss)) return;
  if (std::isnan(first_loss_)) first_loss_ = run.loss;
  // An exponential mean over about ten steps, without the bias of its start.
  weight_of_recent_ = 0.9 * weight_of_recent_ + 0.1;
  recent_ =
      std::isnan(recent_) ? run.loss : recent_ + 0.1 / weight_of_recent_ * (run.loss - recent_);
  latest_.push_back(run.loss);
  if (static_cast<Index>(latest_.size()) > limits::latest_losses) latest_.erase(latest_.begin());
  if (static_cast<Index>(norms_.size()) >= limits::first_steps)
    lowest_ = std::min(lowest_, recent_);
}

double Diagnosis::suggested_clip(double percentile) const {
  std::vector<double> norms;
  for (const double norm : norms_)
    if (std::isfinite(norm)) norms.push_back(norm);
  if (norms.empty()) return 0;
  const auto at =
      static_cast<std::ptrdiff_t>(percentile / 100 * static_cast<double>(norms.size() - 1));
  std::nth_element(norms.begin(), norms.begin() + at, norms.end());
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.1e", norms[static_cast<std::size_t>(at)]);
  return std::strtod(text.data(), nullptr);
}

void Diagnosis::judge_spike(Context& run) {
  const double norm = run.grad_norm;
  if (static_cast<Index>(norms_.size()) < limits::spike_steps || !std::isfinite(norm) ||
      norm <= limits::spike_over_largest * largest_norm_)
    return;
  std::vector<double> latest(norms_.end() - limits::spike_steps, norms_.end());
  const auto middle = latest.begin() + limits::spike_steps / 2;
  std::nth_element(latest.begin(), middle, latest.end());
  if (norm <= limits::spike_over_median * *middle) return;
  report(run, {.kind = "gradient_spike",
               .alarm = false,
               .text = "The gradient's norm jumps to " + rounded(norm) + " " + when(run) +
                       ", where " + rounded(*middle) + " is usual and " + rounded(largest_norm_) +
                       " was the largest; look at the samples of this batch, and clip the "
                       "gradient's norm at " +
                       rounded(suggested_clip(90)) + "."});
}

bool Diagnosis::loss_is_large() const {
  const double scale = std::isfinite(constant_) ? constant_ : first_loss_;
  return !(recent_ < limits::times(limits::loss_large, scale));
}

// ------------------------------------------------------------------ of layers, in the order from
// cause to effect

void Diagnosis::window(Context& run, const std::vector<Layer>& layers) {
  judge_updates(run, layers);
  judge_divergence(run);
  judge_units(run, layers);
  judge_gradients(run, layers);
  judge_unused(run, layers);
}

void Diagnosis::judge_updates(Context& run, const std::vector<Layer>& layers) {
  double largest = 0;
  std::string where;
  for (const Layer& layer : layers)
    if (const double ratio = layer.window.ratio.value(); ratio > largest) {
      largest = ratio;
      where = layer.name;
    }
  largest_update_ = std::max(largest_update_, largest);
  const bool in_vain = recent_ >= first_loss_ && loss_is_large();
  if (largest <= (in_vain ? limits::update_high_in_vain : limits::update_high)) return;
  const double lr = run.optimizer.lr();
  report(run, {.kind = "learning_rate_high",
               .where = where,
               .text = "The learning rate " + rounded(lr) +
                       " is too high: a step changes the weights of " + where + " by " +
                       percent(largest) + " of their size, " + when(run) +
                       ", where 0.1 % to 1 % is usual" +
                       (in_vain ? " and the loss is not below its beginning" : "") + "; try " +
                       rate(std::min(lr / 10, lr * 0.01 / largest)) + "."});
}

void Diagnosis::judge_divergence(Context& run) {
  const double scale = std::isfinite(constant_) ? std::max(constant_, first_loss_) : first_loss_;
  if (!(recent_ > limits::times(limits::diverged, scale) &&
        recent_ > limits::times(limits::diverged, lowest_)))
    return;
  // A few batches with samples of much weight are no divergence: nearly all must be high.
  std::vector<double> ordered = latest_;
  std::sort(ordered.begin(), ordered.end());
  if (ordered.size() < 2 || ordered[1] <= limits::times(limits::diverged, scale)) return;
  report(run, {.kind = "divergence",
               .text = "The loss diverges: it began with " + rounded(first_loss_) + " and is " +
                       rounded(recent_) + " " + when(run) + "; lower the learning rate from " +
                       rounded(run.optimizer.lr()) + " to " + rate(run.optimizer.lr() / 10) +
                       ", and clip the gradient's norm."});
}

void Diagnosis::judge_units(Context& run, const std::vector<Layer>& layers) {
  if (!loss_is_large()) return;
  std::vector<std::string> dead, saturated;
  std::string first_dead, first_saturated;
  for (const Layer& layer : layers) {
    const Tally& seen = layer.window;
    const bool asleep = seen.active_share() <= limits::asleep;
    const bool is_relu = layer.flat.kind == Kind::relu;
    if (is_relu && (asleep || seen.dead() >= limits::dead)) {
      if (dead.empty()) first_dead = layer.name;
      dead.push_back(layer.name + " (" +
                     (asleep ? percent(1 - seen.active_share()) + " of the outputs are 0)"
                             : percent(seen.dead()) + " of the units)"));
    }
    if (!is_relu && seen.saturated_share() >= limits::saturated) {
      if (saturated.empty()) first_saturated = layer.name;
      saturated.push_back(layer.name + " (" + percent(seen.saturated_share()) + " of the outputs)");
    }
  }
  if (!dead.empty())
    report(run,
           {.kind = "dead_units",
            .where = first_dead,
            .text = "ReLU units are dead: " + list_of(dead) +
                    " for the samples of the last steps, " + when(run) +
                    ", and get no gradient; start the biases before them at 0 and the weights with "
                    "He's initial values, lower the learning rate, or use leaky_relu or gelu."});
  if (!saturated.empty())
    report(run, {.kind = "saturated_units",
                 .where = first_saturated,
                 .text = "Units are saturated: " + list_of(saturated) +
                         " are where the derivative is nearly 0, " + when(run) +
                         ", while the loss is " + rounded(recent_) +
                         "; start with smaller weights and biases 0, scale the inputs, and for a "
                         "sigmoid at the output take a loss from logits (cross_entropy, "
                         "bce_with_logits) instead of a squared error."});
}

void Diagnosis::judge_unused(Context& run, const std::vector<Layer>& layers) {
  for (const Layer& layer : layers) {
    const auto& all = layer.parameters;
    const bool wanted =
        std::any_of(all.begin(), all.end(), [](const Tensor& p) { return p.requires_grad(); });
    const bool given =
        std::any_of(all.begin(), all.end(), [](const Tensor& p) { return p.grad().defined(); });
    if (wanted && !given && layer.window.grad.count == 0)
      report(run, {.kind = "no_gradient",
                   .where = layer.name,
                   .text = "No gradient reaches " + layer.name + ", " + layer.module + ", until " +
                           when(run).substr(3) +
                           "; use it in forward(), or freeze it with requires_grad_(false)."});
  }
}

void Diagnosis::judge_gradients(Context& run, const std::vector<Layer>& layers) {
  // Per weight, since layers differ in size; normalization and biases alone are no measure.
  const Layer *first = nullptr, *last = nullptr;
  double product = 1;
  for (const Layer& layer : layers) {
    if (const double factor = layer.window.attenuation.value(); std::isfinite(factor))
      product *= factor;
    if (layer.weights.empty() || layer.window.grad.count == 0) continue;
    if (!first) first = &layer;
    last = &layer;
  }
  if (!first || first == last) return;
  const auto per_weight = [](const Layer& layer) {
    Index n = 0;
    for (const Tensor& p : layer.parameters) n += p.numel();
    return layer.window.grad.value() / std::sqrt(static_cast<double>(n));
  };
  const double low = per_weight(*first), high = per_weight(*last);
  const std::string estimate = product == 1
                                   ? ""
                                   : "; weights times derivatives let expect a factor of " +
                                         rounded(product) + " on the way back";
  if (high > 0 && low < limits::vanishing * high)
    report(run, {.kind = "vanishing_gradient",
                 .where = first->name,
                 .text = "The gradient vanishes on its way back: per weight it is " +
                         rounded(low / high) + " times as large in " + first->name + " as in " +
                         last->name + ", " + when(run) + estimate +
                         "; use relu or gelu with their initial values, normalization, residual "
                         "connections, or fewer layers."});
  if (low > limits::exploding * high && high > 0)
    report(
        run,
        {.kind = "exploding_gradient",
         .where = first->name,
         .text = "The gradient explodes on its way back: per weight it is " + rounded(low / high) +
                 " times as large in " + first->name + " as in " + last->name + ", " + when(run) +
                 estimate +
                 "; start with smaller weights, add normalization, and clip the gradient's norm."});
}

}  // namespace gradus::train::detail
