#include "gradus/train/fit.hpp"

#include <chrono>
#include <cmath>

#include "gradus/autograd.hpp"
#include "gradus/ops.hpp"
#include "gradus/optim/clip.hpp"

namespace gradus::train {

namespace {

using Clock = std::chrono::steady_clock;

/// How many labels in a batch the largest output names.
Index count_hits(const Tensor& output, const Tensor& target) {
  if (target.dtype() != int64 || output.dim() != 2) return 0;
  return sum(eq(argmax(output, 1), target)).item<Index>();
}

void require_finite(double loss, Index epoch, Index step) {
  if (std::isfinite(loss)) return;
  fail("fit", "the loss became " + std::to_string(loss) + " in epoch " + std::to_string(epoch) +
                  ", step " + std::to_string(step) +
                  "; a finite loss is required; lower the learning rate, clip gradients or scale "
                  "the inputs");
}

/// Tells every callback.
template <class... Arguments, class... Given>
void tell(const FitOptions& options, void (Callback::*event)(Arguments...), Given&... given) {
  for (Callback* callback : options.callbacks) (callback->*event)(given...);
}

/// One pass over the training data; fills in what it measures.
void train_epoch(Context& run, const Loss& loss_of, optim::Scheduler* scheduler,
                 const FitOptions& options, Epoch& record) {
  nn::Module& model = run.model;
  optim::Optimizer& optimizer = run.optimizer;
  model.train();
  tell(options, &Callback::on_epoch_begin, run);
  const std::vector<Tensor> parameters = model.parameters();
  double sum_loss = 0, sum_norm = 0;
  Index samples = 0;
  run.step = 0;
  for (auto [x, y] : run.loader) {
    ++run.step;
    ++run.global_step;
    run.input = x;
    run.target = y;
    tell(options, &Callback::on_step_begin, run);
    optimizer.zero_grad();
    run.output = model(x);
    const Tensor loss = loss_of(run.output, y);
    loss.backward();
    const double norm = run.grad_norm = grad_norm(parameters);
    run.loss = loss.item();
    tell(options, &Callback::on_backward_end, run);
    const double scale = options.clip_norm > 0 ? clip_coefficient(norm, options.clip_norm) : 1;
    record.lr = optimizer.lr();
    optimizer.step(optim::StepOptions{.grad_scale = scale});
    if (scheduler && scheduler->unit() == optim::Unit::step) scheduler->step();
    const Index count = x.size(0);
    sum_loss += run.loss * static_cast<double>(count);
    sum_norm += norm;
    samples += count;
    run.mean_loss = sum_loss / static_cast<double>(samples);
    require_finite(sum_loss, record.epoch, run.step);
    tell(options, &Callback::on_step_end, run);
    if (options.on_step)
      options.on_step({record.epoch, options.epochs, run.step, run.steps, run.mean_loss});
    if (!run.stop.empty()) break;
  }
  if (scheduler && scheduler->unit() == optim::Unit::epoch) scheduler->step();
  record.train_loss = sum_loss / static_cast<double>(samples);
  record.grad_norm = sum_norm / static_cast<double>(run.step);
}

}  // namespace

double metric(const Metrics& metrics, const std::string& name) {
  for (const auto& [known, value] : metrics)
    if (known == name) return value;
  return NAN;
}

Score evaluate(nn::Module& model, const Loss& loss, const data::TensorDataset& dataset,
               Index batch_size) {
  const NoGrad guard;
  const bool was_training = model.is_training();
  model.eval();
  data::DataLoader loader(dataset, {.batch_size = batch_size});
  Score score;
  for (auto [x, y] : loader) {
    const Tensor output = model(x);
    score.loss += loss(output, y).item() * static_cast<double>(x.size(0));
    score.accuracy += static_cast<double>(count_hits(output, y));
  }
  const auto samples = static_cast<double>(dataset.size());
  score.loss /= samples;
  score.accuracy /= samples;
  model.train(was_training);
  return score;
}

std::vector<Epoch> fit(nn::Module& model, const Loss& loss, optim::Optimizer& optimizer,
                       optim::Scheduler* scheduler, data::DataLoader& loader,
                       const data::TensorDataset& validation, const FitOptions& options) {
  if (options.epochs < 1)
    fail("fit", std::to_string(options.epochs) + " epochs were asked for; 1 or more are required");
  if (!(options.clip_norm >= 0))
    fail("fit", "clip_norm = " + std::to_string(options.clip_norm) +
                    " was given; a positive limit, or 0 for none, is required");
  std::vector<Epoch> history;
  nn::StateDict best;
  double best_loss = INFINITY;
  std::vector<Finding> unread;
  Context run{model,      optimizer, loader,
              validation, history,   options.findings ? *options.findings : unread};
  run.epochs = options.epochs;
  run.steps = loader.size();
  tell(options, &Callback::on_fit_begin, run);
  for (run.epoch = 1; run.epoch <= options.epochs && run.stop.empty(); ++run.epoch) {
    const auto start = Clock::now();
    Epoch record{.epoch = run.epoch};
    train_epoch(run, loss, scheduler, options, record);
    if (!validation.empty()) {
      const Score score = evaluate(model, loss, validation);
      record.validation_loss = score.loss;
      record.validation_accuracy = score.accuracy;
    }
    record.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    const double judged = validation.empty() ? record.train_loss : record.validation_loss;
    if (judged < best_loss) {
      best_loss = judged;
      best = model.state_dict();
    }
    tell(options, &Callback::on_epoch_end, run, record);
    history.push_back(record);
    if (options.on_epoch) options.on_epoch(record);
  }
  if (!best.empty()) model.load_state_dict(best);
  model.eval();
  tell(options, &Callback::on_fit_end, run);
  return history;
}

}  // namespace gradus::train
