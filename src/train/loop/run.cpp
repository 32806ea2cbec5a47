#include "train/loop/run.hpp"

#include <algorithm>
#include <cmath>

#include "base/class_of.hpp"
#include "base/finally.hpp"
#include "base/messages.hpp"
#include "gradus/autograd.hpp"
#include "gradus/ops.hpp"
#include "gradus/optim/regularize.hpp"
#include "gradus/random.hpp"
#include "train/watch/diagnosis.hpp"
#include "train/watch/limits.hpp"

namespace gradus::train::detail {
namespace {

Index count_samples(const std::vector<data::Batch>& parts) {
  Index count = 0;
  for (const data::Batch& part : parts) count += part.size();
  return count;
}

}  // namespace

Run::Run(nn::Module& model, const Loss& loss, optim::Optimizer& optimizer,
         optim::Scheduler* scheduler, data::DataLoader& loader,
         const data::TensorDataset& validation, const FitOptions& options)
    : loss_of_(loss),
      scheduler_(scheduler),
      lbfgs_(as<optim::LBFGS>(optimizer)),
      options_(options),
      run_{model,      optimizer,       loader,
           validation, result_.history, options.findings ? *options.findings : unread_},
      parameters_(model.parameters()),
      judge_(options, !validation.empty()) {
  run_.epochs = options.epochs;
  run_.steps = (loader.size() + options.accumulate - 1) / options.accumulate;
  run_.loss_of = &loss_of_;
  if (options.l1 > 0 || options.l2 > 0)
    for (const Tensor& parameter : parameters_)
      if (parameter.dim() >= 2) penalized_.push_back(parameter);
  if (options.ema_decay > 0)
    ema_.emplace(parameters_,
                 optim::EmaOptions{.decay = options.ema_decay, .warmup = options.ema_warmup});
  if (options.clip_percentile > 0)
    percentile_.emplace(optim::PercentileClipOptions{.percentile = options.clip_percentile,
                                                     .window = options.clip_window});
  result_.monitor = judge_.monitor();
}

FitResult Run::go() {
  if (!options_.checkpoint.path.empty()) {
    prepare_storage(options_.checkpoint, checkpoint_now());
    history_file_.emplace(options_.checkpoint.path);
  }
  if (options_.resume) restore(*options_.resume);
  try {
    tell(&Callback::on_fit_begin, run_);
    if (options_.resume)  // last: callbacks may have drawn numbers
      default_generator().set_state(options_.resume->seed, options_.resume->offset);
    loop();
    restore_best();
  } catch (...) {
    restore_best();
    try {
      tell(&Callback::on_fit_end, run_);
    } catch (...) {  // the first failure is the one to be told
    }
    throw;
  }
  result_.best_epoch = judge_.best_epoch();
  result_.best_value = judge_.best_value();
  tell(&Callback::on_fit_end, run_);
  return std::move(result_);
}

void Run::loop() {
  if (judge_.gives_up()) end(Ended::early, judge_.verdict());
  while (run_.epoch < options_.epochs && !ended_) {
    ++run_.epoch;
    if (train_epoch()) end_epoch();
  }
}

void Run::restore_best() {
  if (options_.restore_best && !best_.empty()) run_.model.load_state_dict(best_);
  run_.model.eval();
}

void Run::end(Ended ended, const std::string& reason) {
  ended_ = true;
  result_.ended = ended;
  result_.reason = reason;
}

double Run::seconds() const {
  return sums_.seconds + std::chrono::duration<double>(Clock::now() - started_).count();
}

/// All steps of an epoch. False if the run ends before the epoch does.
bool Run::train_epoch() {
  started_ = Clock::now();
  run_.model.train();
  if (!within_epoch_) {
    sums_ = {};
    run_.step = 0;
    run_.mean_loss = NAN;
    tell(&Callback::on_epoch_begin, run_);
  }
  run_.loader.start();
  std::vector<data::Batch> parts;
  while (read_parts(parts)) {
    take_step(parts);
    if (!after_step()) break;
  }
  return !ended_;
}

/// The batches of the next step. False at the epoch's end.
bool Run::read_parts(std::vector<data::Batch>& parts) {
  parts.clear();
  // Not one batch more than there are: asking for it would end the loader's epoch, and a checkpoint
  // of the last step would stand in the next.
  const Index left = run_.loader.size() - run_.step * options_.accumulate;
  const Index wanted = std::clamp<Index>(left, 1, options_.accumulate);
  data::Batch batch;
  while (static_cast<Index>(parts.size()) < wanted && run_.loader.next(batch))
    parts.push_back(std::move(batch));
  return !parts.empty();
}

void Run::take_step(std::vector<data::Batch>& parts) {
  ++run_.step;
  ++run_.global_step;
  within_epoch_ = true;
  saved_ = false;
  run_.input = parts.front().at(0);
  run_.target = parts.front().at(1);
  run_.output = {};
  tell(&Callback::on_step_begin, run_);
  run_.loss = compute_gradient(parts);
  run_.grad_norm = grad_norm(parameters_);
  tell(&Callback::on_backward_end, run_);
  sums_.lr = run_.optimizer.lr();
  run_.skipped = !accept_step() || !update(parts);
  if (!run_.skipped) count_step(parts);
  if (scheduler_ && scheduler_->unit() == optim::Unit::step) scheduler_->step();
}

/// Leaves the gradient of the mean loss over all samples, and of the penalty; returns that mean.
double Run::compute_gradient(std::vector<data::Batch>& parts) {
  run_.optimizer.zero_grad();
  const auto samples = static_cast<double>(count_samples(parts));
  double mean_loss = 0;
  for (data::Batch& part : parts) {
    run_.input = part.at(0);
    run_.target = part.at(1);
    run_.output = run_.model(run_.input);
    const Tensor loss = loss_of_(run_.output, run_.target);
    const double weight = static_cast<double>(part.size()) / samples;
    if (parts.size() == 1)
      loss.backward();
    else
      loss.backward(full_like(loss.detach(), weight));
    mean_loss += weight * loss.item();
  }
  if (!penalized_.empty()) add_penalty_grad(penalized_, options_.l1, options_.l2);
  return mean_loss;
}

/// Whether the step is to be taken; see FitOptions::non_finite.
bool Run::accept_step() {
  if (options_.non_finite == optim::NonFinite::ignore) return true;
  if (!std::isfinite(run_.loss)) return refuse_step("the loss became " + rounded(run_.loss));
  if (std::isfinite(run_.grad_norm)) return true;
  return refuse_step("the gradient's norm became " + rounded(run_.grad_norm));
}

/// Does with a step that cannot be taken what FitOptions::non_finite says. False.
bool Run::refuse_step(const std::string& what) {
  const std::string where = compose(" in epoch ", run_.epoch, ", step ", run_.step);
  if (options_.non_finite == optim::NonFinite::raise)
    throw NonFiniteError("[fit] " + what + where +
                         "; a finite one is required; lower the learning rate, clip gradients or "
                         "scale the inputs");
  ++result_.skipped_steps;
  if (options_.non_finite == optim::NonFinite::stop) end(Ended::non_finite, what + where);
  return false;
}

/// False if the step could not be taken.
bool Run::update(std::vector<data::Batch>& parts) {
  if (lbfgs_) {
    lbfgs_->step([&] {
      const double loss = compute_gradient(parts);
      const NoGrad guard;
      const double penalty =
          penalized_.empty() ? 0 : elastic_penalty(penalized_, options_.l1, options_.l2).item();
      return tensor(loss + penalty, float64);
    });
  } else {
    double scale = 1;
    if (options_.clip_norm > 0) scale = clip_coefficient(run_.grad_norm, options_.clip_norm);
    if (percentile_) scale = percentile_->coefficient(run_.grad_norm);
    if (options_.clip_value > 0) clip_grad_value(parameters_, options_.clip_value);
    // Of a gradient this large float32 may not hold the squares that the optimizer keeps.
    const bool huge = options_.non_finite != optim::NonFinite::ignore &&
                      !(scale * run_.grad_norm < limits::gradient_huge);
    const auto result = run_.optimizer.step(
        {.grad_scale = scale,
         .non_finite = huge ? optim::NonFinite::skip : optim::NonFinite::ignore});
    if (result != optim::StepResult::updated)
      return refuse_step("the gradient's norm became " + rounded(run_.grad_norm) +
                         ", too large for an update,");
  }
  if (ema_) ema_->update();
  return true;
}

void Run::count_step(const std::vector<data::Batch>& parts) {
  const Index samples = count_samples(parts);
  sums_.loss += run_.loss * static_cast<double>(samples);
  sums_.norm += run_.grad_norm;
  sums_.samples += samples;
  ++sums_.steps;
  run_.mean_loss = sums_.loss / static_cast<double>(sums_.samples);
}

/// Tells of the step and looks for reasons to end. False if the epoch takes no more steps.
bool Run::after_step() {
  tell(&Callback::on_step_end, run_);
  if (options_.on_step)
    options_.on_step({run_.epoch, options_.epochs, run_.step, run_.steps, run_.mean_loss});
  if (ended_) return false;
  if (!run_.stop.empty()) {  // the epoch ends here
    run_.loader.set_epoch(run_.loader.state().epoch + 1);
    return false;
  }
  if (save_is_due(false)) save();
  if (options_.stop && *options_.stop) interrupt();
  return !ended_;
}

void Run::interrupt() {
  save();
  end(Ended::interrupted,
      "the run was interrupted after step " + text_of(run_.step) + " of " + text_of(run_.steps) +
          " in epoch " + text_of(run_.epoch) +
          (saved_ ? "; " + options_.checkpoint.path + " goes on from there" : ""));
}

/// See CheckpointOptions.
bool Run::save_is_due(bool epoch_ended) const {
  const CheckpointOptions& o = options_.checkpoint;
  if (o.path.empty()) return false;
  if (epoch_ended && (ended_ || run_.epoch == options_.epochs || result_.checkpoint.empty()))
    return true;
  if (epoch_ended && o.every_epochs > 0 && run_.epoch % o.every_epochs == 0) return true;
  if (!epoch_ended && o.every_steps > 0 && run_.global_step % o.every_steps == 0) return true;
  return o.every_seconds > 0 &&
         std::chrono::duration<double>(Clock::now() - last_save_).count() >= o.every_seconds;
}

/// Writes a checkpoint, unless that was done since the last step.
void Run::save() {
  if (options_.checkpoint.path.empty() || saved_) return;
  Checkpoint checkpoint = checkpoint_now();
  checkpoint.appended = history_file_->add(run_.history, lists());
  save_with_history(options_.checkpoint.path, checkpoint);
  history_file_->remove_others();
  result_.checkpoint = options_.checkpoint.path;
  saved_ = true;
  last_save_ = Clock::now();
}

void Run::end_epoch() {
  if (scheduler_ && scheduler_->unit() == optim::Unit::epoch) scheduler_->step();
  Epoch record{.epoch = run_.epoch};
  record.train_loss = sums_.loss / static_cast<double>(sums_.samples);
  record.grad_norm = sums_.norm / static_cast<double>(sums_.steps);
  record.lr = sums_.lr;
  double value;
  {
    if (ema_) ema_->apply();  // the model has the averages of its weights meanwhile
    const Finally put_back([this] {
      if (ema_) ema_->restore();
    });
    MetricAccumulator accumulator(options_.metrics);
    Score score = evaluate(run_.model, loss_of_, run_.validation, accumulator);
    record.validation_loss = score.loss;
    record.validation_accuracy = score.accuracy;
    record.metrics = std::move(score.metrics);
    record.seconds = seconds();
    tell(&Callback::on_epoch_end, run_, record);
    value = judge_.value(record);
    if (judge_.judge(run_.epoch, value)) best_ = run_.model.state_dict();
  }
  if (options_.plateau) options_.plateau->step(value);
  run_.history.push_back(record);
  within_epoch_ = saved_ = false;
  if (options_.on_epoch) options_.on_epoch(record);
  if (!run_.stop.empty())
    end(Ended::callback, run_.stop);
  else if (judge_.gives_up())
    end(Ended::early, judge_.verdict());
  else if (options_.stop && *options_.stop && run_.epoch < options_.epochs)
    interrupt();
  if (save_is_due(true)) save();
}

}  // namespace gradus::train::detail
