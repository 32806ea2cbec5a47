#include <algorithm>
#include <cmath>
#include <map>

#include "gradus/nn/activation.hpp"
#include "gradus/ops.hpp"
#include "gradus/train/recorder.hpp"
#include "train/evaluation.hpp"

namespace gradus::train {

namespace {

constexpr Index surface_cells_1d = 200, surface_cells_2d = 60;
constexpr Index most_surface_points = 400;

/// smallest, largest and counts of the finite numbers, in equal bins between the two.
std::vector<double> histogram(const std::vector<float>& numbers) {
  std::vector<double> out(Recorder::bins + 2);
  double low = INFINITY, high = -INFINITY;
  for (const float number : numbers)
    if (std::isfinite(number)) {
      low = std::min<double>(low, number);
      high = std::max<double>(high, number);
    }
  if (!(low <= high)) return out;
  out[0] = low;
  out[1] = high;
  const double scale = high > low ? static_cast<double>(Recorder::bins) / (high - low) : 0;
  for (const float number : numbers) {
    if (!std::isfinite(number)) continue;
    const auto bin = static_cast<std::size_t>((number - low) * scale);
    ++out[2 + std::min(bin, Recorder::bins - 1)];
  }
  return out;
}

/// Every k-th sample, at most `most`.
std::vector<Index> spread(Index samples, Index most) {
  std::vector<Index> chosen;
  const Index count = std::min(samples, std::max<Index>(most, 1));
  for (Index i = 0; i < count; ++i) chosen.push_back(i * samples / count);
  return chosen;
}

/// For activations with a flat part: the limits beyond which a unit does nothing.
struct Flat {
  double below, above;
};
const Flat* flat_part(const nn::Module& module) {
  static const std::map<std::string, Flat> known = {{"relu", {0, INFINITY}},
                                                    {"relu6", {0, 6}},
                                                    {"sigmoid", {0.01, 0.99}},
                                                    {"tanh", {-0.98, 0.98}},
                                                    {"hardsigmoid", {0, 1}},
                                                    {"hardtanh", {-1, 1}},
                                                    {"hardswish", {-INFINITY, INFINITY}}};
  const auto* activation = dynamic_cast<const nn::Activation*>(&module);
  if (!activation) return nullptr;
  const auto found = known.find(activation->name());
  return found == known.end() || std::isinf(found->second.below) ? nullptr : &found->second;
}

/// The part of the units, the last axis of `out`, that are on the flat part for every sample.
double idle_part(const Tensor& out, const Flat& flat) {
  const std::vector<float> values = out.to_vector<float>();
  const auto units = static_cast<std::size_t>(out.size(-1));
  if (units == 0 || values.empty()) return 0;
  std::vector<bool> works(units);
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!(values[i] <= flat.below || values[i] >= flat.above)) works[i % units] = true;
  const auto idle = std::count(works.begin(), works.end(), false);
  return static_cast<double>(idle) / static_cast<double>(units);
}

}  // namespace

// ------------------------------------------------------------------ histograms

void Recorder::snapshot(nn::Module& model, const data::TensorDataset& dataset, Index epoch,
                        bool last) {
  const auto wanted = [&](const Series& series) { return last || series.wants(epoch); };
  if (!layers_.empty() && wanted(weight_histograms)) snapshot_parameters(epoch);
  const detail::Evaluation evaluation(model);
  if (!activations_.empty() && (wanted(activation_histograms) || wanted(idle)))
    snapshot_activations(model, dataset, epoch, last);
  if (!grid_range_.empty() && wanted(surface)) snapshot_surface(model, epoch, dataset.x().dtype());
}

void Recorder::snapshot_parameters(Index epoch) {
  std::vector<double> weights, slopes;
  for (const Layer& layer : layers_) {
    std::vector<float> values, gradients_of;
    for (const Tensor& parameter : layer.parameters) {
      const std::vector<float> part = parameter.to_vector<float>();
      values.insert(values.end(), part.begin(), part.end());
      if (!parameter.grad().defined()) continue;
      const std::vector<float> slope = parameter.grad().to_vector<float>();
      gradients_of.insert(gradients_of.end(), slope.begin(), slope.end());
    }
    for (const double number : histogram(values)) weights.push_back(number);
    for (const double number : histogram(gradients_of)) slopes.push_back(number);
  }
  weight_histograms.add(epoch, weights);
  gradient_histograms.add(epoch, slopes);
}

void Recorder::snapshot_activations(nn::Module& model, const data::TensorDataset& dataset,
                                    Index epoch, bool last) {
  struct Seen {
    nn::NamedModule entry;
    int hook;
    std::vector<double> histogram;
    double idle;
  };
  std::vector<Seen> seen;
  for (const nn::NamedModule& entry : model.named_modules())
    if (std::find(activations_.begin(), activations_.end(), entry.name) != activations_.end())
      seen.push_back({entry, 0, std::vector<double>(bins + 2), 0});
  const bool histograms_too = last || activation_histograms.wants(epoch);
  for (Seen& one : seen)
    one.hook = one.entry.module->register_forward_hook(
        [&one, histograms_too](const nn::Module& module, const Tensor&, const Tensor& out) {
          if (histograms_too) one.histogram = histogram(out.to_vector<float>());
          if (const Flat* flat = flat_part(module); flat && out.dim() > 0)
            one.idle = idle_part(out, *flat);
          return Tensor();
        });
  model(dataset.gather(spread(dataset.size(), options_.samples)).at(0));
  for (const Seen& one : seen) one.entry.module->remove_forward_hook(one.hook);

  std::vector<std::string> names, flat_names;
  std::vector<double> histograms, parts;
  for (const Seen& one : seen) {
    names.push_back(one.entry.name.empty() ? "(model)" : one.entry.name);
    histograms.insert(histograms.end(), one.histogram.begin(), one.histogram.end());
    if (!flat_part(*one.entry.module)) continue;
    flat_names.push_back(names.back());
    parts.push_back(one.idle);
  }
  if (histograms_too) {
    activation_histograms.begin(names, bins + 2);
    activation_histograms.add(epoch, histograms);
  }
  if ((last || idle.wants(epoch)) && !parts.empty()) {
    idle.begin(flat_names);
    idle.add(epoch, parts);
  }
}

// ------------------------------------------------------------------ surface

namespace {

/// Low and high of each of the columns of x (n, columns), and a little more.
std::vector<double> range_with_margin(const Tensor& x) {
  std::vector<double> range;
  const std::vector<double> low = amin(x, {0}).to_vector<double>();
  const std::vector<double> high = amax(x, {0}).to_vector<double>();
  for (std::size_t k = 0; k < low.size(); ++k) {
    const double margin = high[k] > low[k] ? 0.08 * (high[k] - low[k]) : 1;
    range.insert(range.end(), {low[k] - margin, high[k] + margin});
  }
  return range;
}

}  // namespace

void Recorder::begin_surface(const Context& run) {
  const data::TensorDataset& dataset = run.loader.dataset();
  if (dataset.empty() || dataset.tensors().size() < 2 || !is_floating_point(dataset.x().dtype()))
    return;
  if (dataset.x().dim() != 2 || dataset.x().size(1) > 2 || dataset.x().size(1) < 1) return;
  const auto inputs = static_cast<std::size_t>(dataset.x().size(1));
  const Index cells = inputs == 1 ? surface_cells_1d : surface_cells_2d * surface_cells_2d;
  surface.begin({"answer"}, static_cast<std::size_t>(cells));
  surface_classes = detail::has_classes(dataset.y(), options_);
  const data::Batch some = dataset.gather(spread(dataset.size(), most_surface_points));
  grid_range_ = range_with_margin(some.at(0));
  // Scaling goes feature by feature and keeps straight what is straight: corners are enough.
  std::vector<double> corners;
  for (std::size_t end = 0; end < 2; ++end)
    for (std::size_t k = 0; k < inputs; ++k) corners.push_back(grid_range_[2 * k + end]);
  const Tensor ends = from_vector(corners, {2, dataset.x().size(1)}).to(dataset.x().dtype());
  corners = detail::unscaled(options_.unscale_inputs, ends).to_vector<double>();
  surface_range.clear();
  for (std::size_t k = 0; k < inputs; ++k)
    surface_range.insert(surface_range.end(), {corners[k], corners[inputs + k]});
  const std::vector<double> x =
      detail::unscaled(options_.unscale_inputs, some.at(0)).to_vector<double>();
  const Tensor targets =
      surface_classes ? some.at(1) : detail::unscaled(options_.unscale_targets, some.at(1));
  const std::vector<double> y = targets.to_vector<double>();
  const auto count = static_cast<std::size_t>(some.size());
  surface_points.clear();
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t k = 0; k < inputs; ++k) surface_points.push_back(x[i * inputs + k]);
    surface_points.push_back(y[i * (y.size() / count)]);
  }
}

void Recorder::snapshot_surface(nn::Module& model, Index epoch, DType dtype) {
  const std::size_t inputs = grid_range_.size() / 2;
  const Index side = inputs == 1 ? surface_cells_1d : surface_cells_2d;
  const Index rows = inputs == 1 ? 1 : side;
  std::vector<double> grid;
  const auto place = [&](std::size_t k, Index i) {
    const double low = grid_range_[2 * k], high = grid_range_[2 * k + 1];
    return low + (high - low) * (static_cast<double>(i) + 0.5) / static_cast<double>(side);
  };
  for (Index j = 0; j < rows; ++j)
    for (Index i = 0; i < side; ++i) {
      grid.push_back(place(0, i));
      if (inputs == 2) grid.push_back(place(1, j));
    }
  const Tensor x = from_vector(grid, {rows * side, static_cast<Index>(inputs)}).to(dtype);
  const Tensor out = model(x);
  if (out.numel() == 0 || out.size(0) != rows * side) return;
  const Tensor answers = detail::predictions(out, surface_classes, options_);
  const Index width = answers.numel() / (rows * side);
  const std::vector<double> values = answers.to_vector<double>();
  std::vector<double> row;
  for (Index i = 0; i < rows * side; ++i) {
    const detail::Answer answer =
        detail::answer_of(values.data() + i * width, width, surface_classes);
    // Class and certainty in one number; a certainty of 1 would be the next class.
    row.push_back(surface_classes ? answer.value + std::min(answer.certainty, 0.999)
                                  : answer.value);
  }
  surface.add(epoch, row);
}

}  // namespace gradus::train
