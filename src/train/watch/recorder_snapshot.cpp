#include <algorithm>
#include <cmath>
#include <cstdint>

#include "base/memory_error.hpp"
#include "gradus/ops.hpp"
#include "gradus/train/recorder.hpp"
#include "train/loop/evaluation.hpp"
#include "train/watch/units.hpp"

namespace gradus::train {

namespace {

using detail::Kind;

constexpr Index surface_cells_1d = 200, surface_cells_2d = 48;
constexpr Index most_surface_points = 400;
constexpr Index most_counted = 4096;  // of the numbers of a histogram

/// The smallest and the largest finite number, and how many lie in equal bins between the two. Of
/// many numbers every k-th is counted.
std::vector<double> histogram(const std::vector<Tensor>& tensors) {
  std::vector<double> out(Recorder::bins + 2);
  std::vector<Tensor> all;
  double low = INFINITY, high = -INFINITY;
  Index count = 0;
  for (const Tensor& tensor : tensors) {
    if (tensor.numel() == 0) continue;
    const Tensor& x = all.emplace_back(tensor.detach().to(float32));
    const Tensor bad = logical_not(isfinite(x));
    low = std::min(low, min(masked_fill(x, bad, INFINITY)).item());
    high = std::max(high, max(masked_fill(x, bad, -INFINITY)).item());
    count += tensor.numel();
  }
  if (!(low <= high)) return out;
  out[0] = low;
  out[1] = high;
  const double scale = high > low ? static_cast<double>(Recorder::bins) / (high - low) : 0;
  const Index every = (count + most_counted - 1) / most_counted;
  for (const Tensor& tensor : all) {
    const float* const numbers = tensor.data<float>();
    for (Index i = 0; i < tensor.numel(); i += every) {
      if (!std::isfinite(numbers[i])) continue;
      const auto bin = static_cast<std::size_t>((numbers[i] - low) * scale);
      ++out[2 + std::min(bin, Recorder::bins - 1)];
    }
  }
  return out;
}

}  // namespace

// ------------------------------------------------------------------ histograms

void Recorder::snapshot(nn::Module& model, const data::TensorDataset& dataset, Index epoch) {
  const auto wanted = [&](const Series& series) { return epoch == kept || series.wants(epoch); };
  if (!layers_.empty() && wanted(weight_histograms)) snapshot_parameters(epoch);
  const detail::Evaluation evaluation(model);
  if (!activations_.empty() && (wanted(activation_histograms) || wanted(idle)))
    snapshot_activations(model, dataset, epoch);
  if (grid_.defined() && wanted(surface)) snapshot_surface(model, epoch);
}

void Recorder::snapshot_parameters(Index epoch) {
  std::vector<double> weights, slopes;
  for (const Layer& layer : layers_) {
    std::vector<Tensor> gradients_of;
    for (const Tensor& parameter : layer.parameters)
      if (parameter.grad().defined()) gradients_of.push_back(parameter.grad());
    for (const double number : histogram(layer.parameters)) weights.push_back(number);
    if (epoch == kept) continue;
    for (const double number : histogram(gradients_of)) slopes.push_back(number);
  }
  weight_histograms.add(epoch, weights);
  if (epoch != kept) gradient_histograms.add(epoch, slopes);
}

void Recorder::snapshot_activations(nn::Module& model, const data::TensorDataset& dataset,
                                    Index epoch) {
  struct Seen {
    nn::NamedModule entry;
    std::vector<double> histogram;
    detail::Flat flat;
    double idle = 0;
  };
  std::vector<Seen> seen;
  for (const nn::NamedModule& entry : model.named_modules())
    if (std::find(activations_.begin(), activations_.end(), entry.name) != activations_.end())
      seen.push_back({entry, std::vector<double>(bins + 2), detail::flat_of(*entry.module)});
  const bool histograms_too = epoch == kept || activation_histograms.wants(epoch);
  std::vector<Finally> hooks;
  for (Seen& one : seen)
    hooks.push_back(nn::detail::forward_hook(
        *one.entry.module,
        [&one, histograms_too](const nn::Module&, const Tensor&, const Tensor& out) {
          if (histograms_too) one.histogram = histogram({out});
          if (one.flat.kind != Kind::other && out.numel() > 0 && out.dim() > 0) {
            std::vector<std::uint8_t> works;
            look_at(one.flat, out, works);
            one.idle = detail::idle_share(works);
          }
          return Tensor();
        }));
  model(dataset.gather(detail::spread(dataset.size(), options_.samples)).at(0));
  hooks.clear();

  std::vector<std::string> names, flat_names;
  std::vector<double> histograms, parts;
  for (const Seen& one : seen) {
    names.push_back(one.entry.name.empty() ? "(model)" : one.entry.name);
    histograms.insert(histograms.end(), one.histogram.begin(), one.histogram.end());
    if (one.flat.kind == Kind::other) continue;
    flat_names.push_back(names.back());
    parts.push_back(one.idle);
  }
  if (histograms_too) {
    activation_histograms.begin(names, bins + 2);
    activation_histograms.add(epoch, histograms);
  }
  if (epoch != kept && idle.wants(epoch) && !parts.empty()) {
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

/// The middles of the cells between low and high of each input, the first one fastest.
Tensor grid_of(const std::vector<double>& range, DType dtype) {
  const std::size_t inputs = range.size() / 2;
  const Index side = inputs == 1 ? surface_cells_1d : surface_cells_2d;
  const Index rows = inputs == 1 ? 1 : side;
  std::vector<double> grid;
  const auto place = [&](std::size_t k, Index i) {
    const double low = range[2 * k], high = range[2 * k + 1];
    return low + (high - low) * (static_cast<double>(i) + 0.5) / static_cast<double>(side);
  };
  for (Index j = 0; j < rows; ++j)
    for (Index i = 0; i < side; ++i) {
      grid.push_back(place(0, i));
      if (inputs == 2) grid.push_back(place(1, j));
    }
  return from_vector(grid, {rows * side, static_cast<Index>(inputs)}).to(dtype);
}

}  // namespace

void Recorder::begin_surface(const Context& run) {
  const data::TensorDataset& dataset = run.loader.dataset();
  if (dataset.empty() || dataset.tensors().size() < 2 || !is_floating_point(dataset.x().dtype()))
    return;
  if (dataset.x().dim() != 2 || dataset.x().size(1) > 2 || dataset.x().size(1) < 1) return;
  const auto inputs = static_cast<std::size_t>(dataset.x().size(1));
  surface_classes = detail::has_classes(dataset.y(), options_);
  const data::Batch some = dataset.gather(detail::spread(dataset.size(), most_surface_points));
  const std::vector<double> range = range_with_margin(some.at(0));
  grid_ = grid_of(range, dataset.x().dtype());
  surface.begin({"answer"}, static_cast<std::size_t>(grid_.size(0)));
  // Scaling goes feature by feature and keeps straight what is straight: corners are enough.
  std::vector<double> corners;
  for (std::size_t end = 0; end < 2; ++end)
    for (std::size_t k = 0; k < inputs; ++k) corners.push_back(range[2 * k + end]);
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

void Recorder::snapshot_surface(nn::Module& model, Index epoch) {
  constexpr Index part = 256;  // small parts take the buffers that the training takes
  std::vector<double> row;
  for (Index from = 0; from < grid_.size(0); from += part) {
    const Index count = std::min(part, grid_.size(0) - from);
    Tensor out;
    const auto call = [&] { out = model(slice(grid_, 0, from, from + count)); };
    if (!gradus::detail::failure_of(call).empty()) {
      grid_ = Tensor();  // inputs that are numbers of categories have nothing between them
      return;
    }
    if (out.numel() == 0 || out.size(0) != count) return;
    const Tensor answers = detail::predictions(out, surface_classes, options_);
    const Index width = answers.numel() / count;
    const std::vector<double> values = answers.to_vector<double>();
    for (Index i = 0; i < count; ++i) {
      const detail::Answer answer =
          detail::answer_of(values.data() + i * width, width, surface_classes);
      // Class and certainty in one number; a certainty of 1 would be the next class.
      row.push_back(surface_classes ? answer.value + std::min(answer.certainty, 0.999)
                                    : answer.value);
    }
  }
  surface.add(epoch, row);
}

}  // namespace gradus::train
