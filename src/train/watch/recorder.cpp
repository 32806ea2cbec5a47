#include "gradus/train/recorder.hpp"

#include <algorithm>
#include <cmath>

#include "base/class_of.hpp"
#include "base/messages.hpp"
#include "gradus/nn/simple.hpp"
#include "gradus/optim/clip.hpp"

namespace gradus::train {

namespace {

/// At most `most` of `items`, evenly chosen, with the first and the last.
template <class T>
std::vector<T> thin(std::vector<T> items, std::size_t most) {
  most = std::max<std::size_t>(most, 2);
  if (items.size() <= most) return items;
  std::vector<T> kept;
  for (std::size_t i = 0; i < most; ++i)
    kept.push_back(std::move(items[i * (items.size() - 1) / (most - 1)]));
  return kept;
}

/// True for modules that compute something themselves; in evaluation dropout does not.
bool computes(nn::Module& module) {
  return module.children().empty() && !as<nn::Dropout>(module) && !as<nn::Identity>(module);
}

/// Fewer rows from the start on where many times are to come, so that not many are made only to be
/// dropped; not too few, for the run may end early.
void space_out(Series& series, Index times) {
  const auto limit = static_cast<Index>(std::max<std::size_t>(series.limit, 2));
  if (series.empty()) series.stride = std::clamp<Index>((times + limit - 1) / limit, 1, 8);
}

/// Throws for numbers of times that are still to come: `now` is where the run stands.
void require_past(const Series& series, Index now, const char* unit) {
  if (!series.empty() && series.times.back() > now)
    fail("Recorder", "numbers of ", unit, " ", series.times.back(),
         " are there already, and the run goes on after ", unit, " ", now,
         "; the state of this run is required; is the file damaged?");
}

}  // namespace

Recorder::Recorder(const RecorderOptions& options) : options_(options) {
  steps.limit = options_.points;
  gradients.limit = std::max<std::size_t>(options_.points / 4, 2);
  idle.limit = options_.snapshots;
  for (Series* series : snapshots()) series->limit = options_.snapshots;
}

std::vector<Series*> Recorder::snapshots() {
  return {&weight_histograms, &gradient_histograms, &activation_histograms, &surface};
}

void Recorder::watch_layers(nn::Module& model) {
  layers_.clear();
  activations_.clear();
  for (const nn::NamedModule& entry : model.named_modules()) {
    const nn::NamedTensors own = entry.module->own_parameters();
    if (!own.empty()) {
      layers_.push_back({entry.name.empty() ? "(model)" : entry.name, {}});
      for (const auto& parameter : own) layers_.back().parameters.push_back(parameter.second);
    }
    if (computes(*entry.module)) activations_.push_back(entry.name);
  }
  layers_ = thin(std::move(layers_), options_.layers);
  activations_ = thin(std::move(activations_), options_.layers);
}

void Recorder::on_fit_begin(Context& run) {
  watch_layers(run.model);
  std::vector<std::string> names;
  for (const Layer& layer : layers_) names.push_back(layer.name);
  steps.begin({"lr", "loss"});
  gradients.begin(names);
  weight_histograms.begin(names, bins + 2);
  gradient_histograms.begin(names, bins + 2);
  begin_surface(run);
  for (Series* series : snapshots()) {  // of a run that goes on after its end
    series->limit = options_.snapshots;
    series->forget(kept);
  }
  kept = 0;
  if (run.resumed) {
    for (const Series* series : {&steps, &gradients})
      require_past(*series, run.global_step, "step");
    for (const Series* series : snapshots()) require_past(*series, run.epoch, "epoch");
    require_past(idle, run.epoch, "epoch");
  }
  for (Series* series : snapshots()) space_out(*series, run.epochs);
  space_out(idle, run.epochs);
  constexpr Index most = 1'000'000'000;  // of either, so that the product is a number
  space_out(gradients, std::min(run.epochs, most) * std::min(run.steps, most));
}

void Recorder::on_backward_end(Context& run) {
  if (!gradients.wants(run.global_step)) return;
  std::vector<double> row;
  for (const Layer& layer : layers_) row.push_back(grad_norm(layer.parameters));
  gradients.add(run.global_step, row);
}

void Recorder::on_step_end(Context& run) {
  if (steps.wants(run.global_step)) steps.add(run.global_step, {run.optimizer.lr(), run.loss});
}

void Recorder::on_epoch_end(Context& run, Epoch& epoch) {
  snapshot(run.model, run.loader.dataset(), epoch.epoch);
}

void Recorder::on_fit_end(Context& run) {
  kept = run.epoch + 1;
  for (Series* series : snapshots()) series->limit = options_.snapshots + 1;
  snapshot(run.model, run.loader.dataset(), kept);
  if (!run.validation.empty()) judge(run.model, run.validation, "validation");
}

}  // namespace gradus::train
