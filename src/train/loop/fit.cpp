#include "gradus/train/fit.hpp"

#include <algorithm>
#include <cmath>

#include "train/loop/run.hpp"
#include "train/recipe/settings.hpp"

namespace gradus::train {
namespace {

void require(bool good, const std::string& option, double given, const std::string& required) {
  if (!good) fail("fit", option + " = " + text_of(given) + " was given; " + required);
}

void check(const FitOptions& o, const optim::Optimizer& optimizer) {
  const auto number = [](Index n) { return static_cast<double>(n); };
  require(o.epochs >= 1, "epochs", number(o.epochs), "1 or more are required");
  Config config;
  config.fit = o;
  detail::for_options(config, "fit", [&](const detail::Field& field, const std::string& name) {
    for (const std::string& given : detail::misfits(field))
      fail("fit",
           name + " = " + given + " was given; " + field.rule.range->option_words + " is required");
  });
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
