// What the losses of whole epochs tell.

#include <algorithm>

#include "train/watch/diagnosis.hpp"
#include "train/watch/limits.hpp"

namespace gradus::train::detail {

void Diagnosis::add(const Epoch& record) {
  epochs_.push_back(record);
  if (record.validation_loss < epochs_[best_epoch_].validation_loss)
    best_epoch_ = epochs_.size() - 1;
  best_train_loss_ = std::min(best_train_loss_, record.train_loss);
  best_validation_loss_ = std::min(best_validation_loss_, record.validation_loss);
  const auto n = static_cast<std::size_t>(limits::trend_epochs);
  if (epochs_.size() > n)
    best_before_trend_ = std::min(best_before_trend_, epochs_[epochs_.size() - 1 - n].train_loss);
}

void Diagnosis::epoch(Context& run, const Epoch& record) {
  add(record);
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
  if (loss < limits::times(1 - limits::fall_low, first_loss_) ||
      loss < limits::times(1 - limits::fall_low, scale))
    return;
  report(run,
         {.kind = "learning_rate_low",
          .text = "The learning rate " + rounded(lr) +
                  " is too low: no step so far changed the weights of any layer by more than " +
                  percent(largest_update_) +
                  " of their size, where 0.1 % to 1 % is usual, and the loss went from " +
                  rounded(first_loss_) + " to " + rounded(loss) + " until " + when(run).substr(3) +
                  "; try " + rate(lr * std::min(1000.0, 3e-3 / largest_update_)) +
                  ", or let the learning rate finder choose."});
}

void Diagnosis::judge_generalization(Context& run) {
  if (run.validation.empty() || !std::isfinite(constant_)) return;
  const Epoch& now = epochs_.back();
  const Epoch& then = epochs_[best_epoch_];
  if (then.validation_loss >= limits::times(limits::no_better, constant_)) {
    if (now.train_loss < limits::times(limits::memorized, constant_))
      report(
          run,
          {.kind = "no_signal",
           .text = "The inputs say nothing about the targets: the training loss fell to " +
                   rounded(now.train_loss) + ", but the validation loss was never below " +
                   rounded(then.validation_loss) + " until " + when(run).substr(3) +
                   ", where a constant output has " + rounded(constant_) +
                   ", so the samples are learned by heart; check that labels belong to their rows "
                   "(shuffled or joined wrongly?) and that the features carry information."});
    return;
  }
  const auto since = static_cast<Index>(epochs_.size() - 1 - best_epoch_);
  const double gap = (now.validation_loss - now.train_loss) / std::abs(constant_);
  if (since < limits::overfit_epochs || gap < limits::overfit_gap ||
      now.train_loss >= then.train_loss ||
      now.validation_loss < limits::times(1 + limits::overfit_rise, then.validation_loss))
    return;
  report(run, {.kind = "overfitting",
               .text = "The model overfits: since epoch " + text_of(then.epoch) +
                       " the validation loss rose from " + rounded(then.validation_loss) + " to " +
                       rounded(now.validation_loss) + " while the training loss fell from " +
                       rounded(then.train_loss) + " to " + rounded(now.train_loss) + " (" +
                       text_of(run.loader.dataset().size()) + " training samples, " +
                       text_of(run.model.num_parameters({.trainable_only = true})) +
                       " parameters); get more data, or take a smaller model, dropout, weight "
                       "decay or early stopping."});
}

void Diagnosis::judge_constant(Context& run) {
  const auto epochs = static_cast<Index>(epochs_.size());
  if (epochs < std::max(limits::constant_epochs, run.epochs / limits::constant_part)) return;
  // Dropout raises the training loss: the validation loss may show better that something is
  // learned.
  const double best = best_train_loss_;
  if (!(std::min(best, best_validation_loss_) >= limits::times(limits::no_better, constant_)))
    return;
  report(run, {.kind = "constant_predictor",
               .text = "The model is no better than a constant output: the training loss is " +
                       rounded(best) + " at best until " + when(run).substr(3) +
                       ", and the best constant has " + rounded(constant_) +
                       "; check that inputs are scaled and belong to their targets, and try "
                       "another learning rate or a larger model."});
}

void Diagnosis::judge_trend(Context& run) {
  const auto n = static_cast<std::size_t>(limits::trend_epochs);
  if (epochs_.size() < n) return;
  const Epoch* const last = &epochs_[epochs_.size() - n];
  double sum = 0, moved = 0, best_now = INFINITY;
  const double best_before = best_before_trend_;
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
  const double mean = sum / static_cast<double>(n);
  const double swing = moved / static_cast<double>(n - 1) / std::abs(mean);
  const bool large = !(mean < limits::times(limits::loss_large, constant_));
  if (turns >= limits::turns && swing > limits::swing && large)
    report(run, {.kind = "oscillation",
                 .text = "The loss oscillates: in the last " + text_of(n) + " epochs it turned " +
                         text_of(turns) + " times and moved by " + percent(swing) +
                         " of its mean an epoch, until " + when(run).substr(3) +
                         "; lower the learning rate from " + rounded(run.optimizer.lr()) + " to " +
                         rate(run.optimizer.lr() / 3) + ", or take larger batches."});
  if (large && epochs_.size() > n && best_now > limits::times(1 - limits::improvement, best_before))
    report(run, {.kind = "plateau",
                 .alarm = false,
                 .text = "The loss stands still: the last " + text_of(n) + " epochs until " +
                         when(run).substr(3) + " brought the training loss no lower than " +
                         rounded(best_before) +
                         ", where it was before; lower the learning rate, or end the run."});
}

}  // namespace gradus::train::detail
