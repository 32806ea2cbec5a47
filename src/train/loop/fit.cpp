#include "gradus/train/fit.hpp"

#include <algorithm>
#include <cmath>

#include "train/loop/run.hpp"

namespace gradus::train {
namespace {

void require(bool good, const char* option, double given, const char* required) {
  if (good) return;
  fail("fit", std::string(option) + " = " + text_of(given) + " was given; " + required);
}

void check(const FitOptions& o, const optim::Optimizer& optimizer) {
  const auto number = [](Index n) { return static_cast<double>(n); };
  const auto not_negative = [](double x) { return x >= 0 && std::isfinite(x); };
  const char* const limit = "a positive limit, or 0 for none, is required";
  require(o.epochs >= 1, "epochs", number(o.epochs), "1 or more are required");
  require(o.accumulate >= 1, "accumulate", number(o.accumulate), "1 batch or more is required");
  require(o.clip_norm >= 0, "clip_norm", o.clip_norm, limit);
  require(o.clip_value >= 0, "clip_value", o.clip_value, limit);
  require(o.clip_percentile >= 0 && o.clip_percentile <= 100, "clip_percentile", o.clip_percentile,
          "a percentile up to 100, or 0 for none, is required");
  require(not_negative(o.l1), "l1", o.l1, "a finite number of 0 or more is required");
  require(not_negative(o.l2), "l2", o.l2, "a finite number of 0 or more is required");
  require(o.ema_decay >= 0 && o.ema_decay < 1, "ema_decay", o.ema_decay,
          "a decay below 1, or 0 for no averages, is required");
  require(o.patience >= 0, "patience", number(o.patience),
          "a number of epochs, or 0 for no early end, is required");
  require(not_negative(o.min_delta), "min_delta", o.min_delta,
          "a finite number of 0 or more is required");
  require(o.checkpoint.every_steps >= 0, "checkpoint.every_steps", number(o.checkpoint.every_steps),
          "a number of steps, or 0, is required");
  require(o.checkpoint.every_epochs >= 0, "checkpoint.every_epochs",
          number(o.checkpoint.every_epochs), "a number of epochs, or 0, is required");
  require(o.checkpoint.every_seconds >= 0, "checkpoint.every_seconds", o.checkpoint.every_seconds,
          "a number of seconds, or 0, is required");
  const int clips = (o.clip_norm > 0) + (o.clip_value > 0) + (o.clip_percentile > 0);
  if (clips > 1)
    fail("fit",
         "several of clip_norm, clip_value and clip_percentile were given; choose one of them");
  if (clips > 0 && dynamic_cast<const optim::LBFGS*>(&optimizer))
    fail("fit",
         "clipping was asked for with LBFGS, whose line search needs the gradient as it is; "
         "leave clip_norm, clip_value and clip_percentile at 0");
  if (std::count(o.callbacks.begin(), o.callbacks.end(), nullptr))
    fail("fit", "a callback is null; pointers to callbacks that outlive the run are required");
}

}  // namespace

FitResult fit(nn::Module& model, const Loss& loss, optim::Optimizer& optimizer,
              optim::Scheduler* scheduler, data::DataLoader& loader,
              const data::TensorDataset& validation, const FitOptions& options) {
  check(options, optimizer);
  if (loader.size() == 0)
    fail("fit",
         "the loader has no batches; one or more are required; is the training part empty, or "
         "does drop_last leave all samples out?");
  return detail::Run(model, loss, optimizer, scheduler, loader, validation, options).go();
}

}  // namespace gradus::train
