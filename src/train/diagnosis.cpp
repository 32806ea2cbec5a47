#include "train/diagnosis.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "train/limits.hpp"

namespace gradus::train::detail {

std::string text_of(double value) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.3g", value);
  return text.data();
}

std::string when(const Context& run) {
  return "in epoch " + std::to_string(run.epoch) + " (step " + std::to_string(run.global_step) +
         ")";
}

namespace {

std::string percent(double share) { return text_of(100 * share) + " %"; }

/// "act1 (98 % dead), act2 (100 % dead)", at most four of them.
std::string list_of(const std::vector<std::string>& parts) {
  std::string out;
  for (std::size_t i = 0; i < parts.size() && i < 4; ++i) out += (i ? ", " : "") + parts[i];
  if (parts.size() > 4) out += " and " + std::to_string(parts.size() - 4) + " more";
  return out;
}

/// A learning rate with one digit.
std::string rate(double lr) {
  if (!(lr > 0) || !std::isfinite(lr)) return "a tenth";
  const double unit = std::pow(10, std::floor(std::log10(lr)));
  return text_of(std::max(1.0, std::floor(lr / unit + 1e-9)) * unit);
}

}  // namespace

void Diagnosis::start(Context&) {
  reported_.clear();
  norms_.clear();
  epochs_.clear();
  constant_ = first_loss_ = recent_ = NAN;
  lowest_ = INFINITY;
  weight_of_recent_ = largest_update_ = 0;
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
  norms_.push_back(run.grad_norm);
  if (!std::isfinite(run.loss)) return;
  if (std::isnan(first_loss_)) first_loss_ = run.loss;
  // An exponential mean over about ten steps, without the bias of its start.
  weight_of_recent_ = 0.9 * weight_of_recent_ + 0.1;
  recent_ =
      std::isnan(recent_) ? run.loss : recent_ + 0.1 / weight_of_recent_ * (run.loss - recent_);
  if (static_cast<Index>(norms_.size()) >= limits::first_steps)
    lowest_ = std::min(lowest_, recent_);
}

bool Diagnosis::loss_is_large() const {
  const double scale = std::isfinite(constant_) ? constant_ : first_loss_;
  return !(recent_ < limits::loss_large * scale);
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
               .text = "The learning rate " + text_of(lr) +
                       " is too high: a step changes the weights of " + where + " by " +
                       percent(largest) + " of their size, " + when(run) +
                       ", where 0.1 % to 1 % is usual" +
                       (in_vain ? " and the loss is not below its beginning" : "") + "; try " +
                       rate(std::min(lr / 10, lr * 0.01 / largest)) + "."});
}

void Diagnosis::judge_divergence(Context& run) {
  const double scale = std::isfinite(constant_) ? std::max(constant_, first_loss_) : first_loss_;
  if (!(recent_ > limits::diverged * scale && recent_ > limits::diverged * lowest_)) return;
  report(run, {.kind = "divergence",
               .text = "The loss diverges: it began with " + text_of(first_loss_) + " and is " +
                       text_of(recent_) + " " + when(run) + "; lower the learning rate from " +
                       text_of(run.optimizer.lr()) + " to " + rate(run.optimizer.lr() / 10) +
                       ", and clip the gradient's norm."});
}

void Diagnosis::judge_units(Context& run, const std::vector<Layer>& layers) {
  std::vector<std::string> dead, saturated;
  std::string first_dead, first_saturated;
  for (const Layer& layer : layers) {
    const Tally& seen = layer.window;
    const bool asleep = seen.active_share() <= limits::asleep;
    if (layer.kind == Kind::relu && (asleep || seen.dead() >= limits::dead) && loss_is_large()) {
      if (dead.empty()) first_dead = layer.name;
      dead.push_back(layer.name + " (" +
                     (asleep ? percent(1 - seen.active_share()) + " of the outputs are 0)"
                             : percent(seen.dead()) + " of the units)"));
    }
    if ((layer.kind == Kind::sigmoid || layer.kind == Kind::tanh) &&
        seen.saturated_share() >= limits::saturated && loss_is_large()) {
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
                         ", while the loss is " + text_of(recent_) +
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
                                         text_of(product) + " on the way back";
  if (high > 0 && low < limits::vanishing * high)
    report(run, {.kind = "vanishing_gradient",
                 .where = first->name,
                 .text = "The gradient vanishes on its way back: per weight it is " +
                         text_of(low / high) + " times as large in " + first->name + " as in " +
                         last->name + ", " + when(run) + estimate +
                         "; use relu or gelu with their initial values, normalization, residual "
                         "connections, or fewer layers."});
  if (low > limits::exploding * high && high > 0)
    report(
        run,
        {.kind = "exploding_gradient",
         .where = first->name,
         .text = "The gradient explodes on its way back: per weight it is " + text_of(low / high) +
                 " times as large in " + first->name + " as in " + last->name + ", " + when(run) +
                 estimate +
                 "; start with smaller weights, add normalization, and clip the gradient's norm."});
}

// ------------------------------------------------------------------ of losses

void Diagnosis::epoch(Context& run, const Epoch& record) {
  epochs_.push_back(record);
  const auto epochs = static_cast<Index>(epochs_.size());
  if (epochs < limits::first_epochs ||
      static_cast<Index>(norms_.size()) < limits::first_epoch_steps)
    return;
  judge_slow(run);
  judge_generalization(run);
  judge_constant(run);
  judge_trend(run);
}

void Diagnosis::judge_slow(Context& run) {
  const double lr = run.optimizer.lr();
  const bool warming_up = epochs_.size() > 1 && lr > epochs_[epochs_.size() - 2].lr;
  const double loss = epochs_.back().train_loss;
  const double scale = std::isfinite(constant_) ? constant_ : first_loss_;
  if (warming_up || largest_update_ == 0 || largest_update_ >= limits::update_low) return;
  if (loss < (1 - limits::fall_low) * first_loss_ || loss < (1 - limits::fall_low) * scale) return;
  report(run,
         {.kind = "learning_rate_low",
          .text = "The learning rate " + text_of(lr) +
                  " is too low: no step so far changed the weights of any layer by more than " +
                  percent(largest_update_) +
                  " of their size, where 0.1 % to 1 % is usual, and the loss went from " +
                  text_of(first_loss_) + " to " + text_of(loss) + " until " + when(run).substr(3) +
                  "; try " + rate(lr * std::min(1000.0, 3e-3 / largest_update_)) +
                  ", or let the learning rate finder choose."});
}

void Diagnosis::judge_generalization(Context& run) {
  if (run.validation.empty() || !std::isfinite(constant_)) return;
  const Epoch& now = epochs_.back();
  std::size_t best = 0;
  for (std::size_t i = 0; i < epochs_.size(); ++i)
    if (epochs_[i].validation_loss < epochs_[best].validation_loss) best = i;
  const Epoch& then = epochs_[best];
  if (then.validation_loss >= limits::no_better * constant_) {
    if (now.train_loss < limits::memorized * constant_)
      report(
          run,
          {.kind = "no_signal",
           .text = "The inputs say nothing about the targets: the training loss fell to " +
                   text_of(now.train_loss) + ", but the validation loss was never below " +
                   text_of(then.validation_loss) + " until " + when(run).substr(3) +
                   ", where a constant output has " + text_of(constant_) +
                   ", so the samples are learned by heart; check that labels belong to their rows "
                   "(shuffled or joined wrongly?) and that the features carry information."});
    return;
  }
  const auto since = static_cast<Index>(epochs_.size() - 1 - best);
  const double gap = (now.validation_loss - now.train_loss) / constant_;
  if (since < limits::overfit_epochs || gap < limits::overfit_gap ||
      now.train_loss >= then.train_loss ||
      now.validation_loss < (1 + limits::overfit_rise) * then.validation_loss)
    return;
  report(run, {.kind = "overfitting",
               .text = "The model overfits: since epoch " + std::to_string(then.epoch) +
                       " the validation loss rose from " + text_of(then.validation_loss) + " to " +
                       text_of(now.validation_loss) + " while the training loss fell from " +
                       text_of(then.train_loss) + " to " + text_of(now.train_loss) + " (" +
                       std::to_string(run.loader.dataset().size()) + " training samples, " +
                       std::to_string(run.model.num_parameters(true)) +
                       " parameters); get more data, or take a smaller model, dropout, weight "
                       "decay or early stopping."});
}

void Diagnosis::judge_constant(Context& run) {
  const auto epochs = static_cast<Index>(epochs_.size());
  if (epochs < std::max(limits::constant_epochs, run.epochs / limits::constant_part)) return;
  // Dropout raises the training loss: the validation loss may show better that something is
  // learned.
  double best = INFINITY, best_validation = INFINITY;
  for (const Epoch& epoch : epochs_) {
    best = std::min(best, epoch.train_loss);
    if (!run.validation.empty()) best_validation = std::min(best_validation, epoch.validation_loss);
  }
  if (!(std::min(best, best_validation) >= limits::no_better * constant_)) return;
  report(run, {.kind = "constant_predictor",
               .text = "The model is no better than a constant output: the training loss is " +
                       text_of(best) + " at best until " + when(run).substr(3) +
                       ", and the best constant has " + text_of(constant_) +
                       "; check that inputs are scaled and belong to their targets, and try "
                       "another learning rate or a larger model."});
}

void Diagnosis::judge_trend(Context& run) {
  const auto n = static_cast<std::size_t>(limits::trend_epochs);
  if (epochs_.size() < n) return;
  const Epoch* const last = &epochs_[epochs_.size() - n];
  double sum = 0, moved = 0, best_before = INFINITY, best_now = INFINITY;
  Index turns = 0;
  for (std::size_t i = 0; i < n; ++i) {
    sum += last[i].train_loss;
    best_now = std::min(best_now, last[i].train_loss);
    if (i > 0) moved += std::abs(last[i].train_loss - last[i - 1].train_loss);
    if (i > 1)
      turns += (last[i].train_loss - last[i - 1].train_loss) *
                   (last[i - 1].train_loss - last[i - 2].train_loss) <
               0;
  }
  for (std::size_t i = 0; i + n < epochs_.size(); ++i)
    best_before = std::min(best_before, epochs_[i].train_loss);
  const double mean = sum / static_cast<double>(n);
  const double swing = moved / static_cast<double>(n - 1) / mean;
  const bool large = !(mean < limits::loss_large * constant_);
  if (turns >= limits::turns && swing > limits::swing && large)
    report(run, {.kind = "oscillation",
                 .text = "The loss oscillates: in the last " + std::to_string(n) +
                         " epochs it turned " + std::to_string(turns) + " times and moved by " +
                         percent(swing) + " of its mean an epoch, until " + when(run).substr(3) +
                         "; lower the learning rate from " + text_of(run.optimizer.lr()) + " to " +
                         rate(run.optimizer.lr() / 3) + ", or take larger batches."});
  if (large && epochs_.size() > n && best_now > (1 - limits::improvement) * best_before)
    report(run, {.kind = "plateau",
                 .alarm = false,
                 .text = "The loss stands still: the last " + std::to_string(n) + " epochs until " +
                         when(run).substr(3) + " brought the training loss no lower than " +
                         text_of(best_before) +
                         ", where it was before; lower the learning rate, or end the run."});
}

}  // namespace gradus::train::detail
