#include "gradus/train/fit.hpp"

#include <algorithm>
#include <cmath>

#include "base/class_of.hpp"
#include "base/messages.hpp"
#include "train/loop/run.hpp"
#include "train/recipe/settings.hpp"

namespace gradus::train {
namespace {

void check(const FitOptions& o, const optim::Optimizer& optimizer) {
  if (o.epochs < 1) fail("fit", "epochs = ", o.epochs, " was given; 1 or more are required");
  Config config;
  config.fit = o;
  detail::for_options(config, "fit", [&](const detail::Field& field, const std::string& name) {
    for (const std::string& given : detail::misfits(field))
      fail("fit", name, " = ", given, " was given; ", field.rule.range->option_words,
           " is required");
  });
  const CheckpointOptions& c = o.checkpoint;
  using gradus::detail::require;
  require(c.every_steps >= 0, "fit", "checkpoint.every_steps", c.every_steps,
          "a number of steps, or 0,");
  require(c.every_epochs >= 0, "fit", "checkpoint.every_epochs", c.every_epochs,
          "a number of epochs, or 0,");
  require(c.every_seconds >= 0, "fit", "checkpoint.every_seconds", c.every_seconds,
          "a number of seconds, or 0,");
  const int clips = (o.clip_norm > 0) + (o.clip_value > 0) + (o.clip_percentile > 0);
  if (clips > 1)
    fail("fit",
         "several of clip_norm, clip_value and clip_percentile were given; choose one of them");
  if (clips > 0 && as<const optim::LBFGS>(optimizer))
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
