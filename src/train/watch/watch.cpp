#include "train/watch/watch.hpp"

#include <algorithm>
#include <array>

#include "base/class_of.hpp"
#include "base/messages.hpp"
#include "gradus/autograd.hpp"
#include "gradus/nn/linear.hpp"
#include "gradus/optim/clip.hpp"
#include "train/save/monitor_state.hpp"
#include "train/watch/limits.hpp"

namespace gradus::train::detail {

namespace {

/// The sum of the squares of `a`, or of a - b, in lanes that the compiler can vectorize.
template <class T, class... B>
double sum_squares(const T* a, Index n, const B*... b) {
  const auto square = [](double value, auto... other) {
    const double d = (value - ... - other);
    return d * d;
  };
  std::array<double, 8> lanes{};
  for (; n >= 8; n -= 8) {
    for (std::size_t k = 0; k < 8; ++k) lanes[k] += square(static_cast<double>(a[k]), b[k]...);
    a += 8;
    ((b += 8), ...);
  }
  for (std::size_t k = 0; k < static_cast<std::size_t>(n); ++k)
    lanes[k] += square(static_cast<double>(a[k]), b[k]...);
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  return sum;
}

/// f(values, count) for stretches of a weight: all of it, or `watched_weights` evenly spread.
template <class T, class F>
void for_watched(const T* w, Index n, F f) {
  constexpr Index stretches = 64, length = limits::watched_weights / stretches;
  if (n <= limits::watched_weights) {
    f(w, n);
    return;
  }
  for (Index i = 0; i < stretches; ++i) f(w + i * (n - length) / (stretches - 1), length);
}

void add(Tally& tally, const Layer& layer, const Look& look, Index values,
         const std::vector<std::uint8_t>& works) {
  if (!std::isfinite(look.squares)) return;
  tally.sum += look.sum;
  tally.squares += look.squares;
  tally.active += look.active;
  tally.saturated += look.saturated;
  tally.values += values;
  tally.rows += look.rows;
  if (layer.flat.kind != Kind::relu) return;
  if (tally.alive.size() != works.size()) tally.alive.assign(works.size(), 0);
  for (std::size_t i = 0; i < works.size(); ++i) tally.alive[i] |= works[i];
}

LayerStats stats_of(const Layer& layer, const Tally& tally) {
  LayerStats stats;
  stats.name = layer.name;
  stats.module = layer.module;
  for (const Tensor& p : layer.parameters) stats.parameters += p.numel();
  stats.grad_norm = tally.grad.value();
  stats.weight_norm = tally.weight.value();
  stats.update_ratio = tally.ratio.value();
  stats.attenuation = tally.attenuation.value();
  if (tally.values > 0) {
    const auto n = static_cast<double>(tally.values);
    stats.activation_mean = tally.sum / n;
    stats.activation_std =
        std::sqrt(std::max(0.0, tally.squares / n - stats.activation_mean * stats.activation_mean));
  }
  if (layer.flat.kind == Kind::relu) {
    stats.dead = tally.dead();
    stats.active = tally.active_share();
  } else if (layer.flat.kind != Kind::other) {
    stats.saturated = tally.saturated_share();
  }
  return stats;
}

double share(Index part, Index whole) {
  return whole ? static_cast<double>(part) / static_cast<double>(whole) : NAN;
}

}  // namespace

double Tally::dead() const { return idle_share(alive); }
double Tally::active_share() const { return share(active, values); }
double Tally::saturated_share() const { return share(saturated, values); }

void Watch::attach(nn::Module& model) {
  detach();
  layers_.clear();
  clear_window();
  epoch_steps_ = 0;
  for (const nn::NamedModule& entry : model.named_modules()) {
    const bool leaf = entry.module->children().empty();
    const auto own = entry.module->own_parameters();
    if (!leaf && own.empty()) continue;
    Layer layer{entry.name, entry.module->describe(), flat_of(*entry.module),
                as<nn::Linear>(*entry.module) != nullptr, *entry.module};
    for (const auto& [name, tensor] : own) {
      layer.parameters.push_back(tensor);
      if (tensor.dim() >= 2) layer.weights.push_back(tensor);
    }
    layer.leaf = leaf;
    layers_.push_back(std::move(layer));
  }
}

void Watch::hook() {
  for (Layer& layer : layers_) {
    if (!layer.leaf || layer.hook >= 0) continue;
    Layer* const self = &layer;  // layers_ keeps its size while there are hooks
    layer.hook = layer.handle.register_forward_hook(
        [this, self](const nn::Module&, const Tensor& in, const Tensor& out) {
          look_at_output(*self, in, out);
          return Tensor();
        });
  }
}

void Watch::unhook() {
  for (Layer& layer : layers_)
    if (layer.hook >= 0) layer.handle.remove_forward_hook(std::exchange(layer.hook, -1));
  linear_out_ = {};
}

void Watch::detach() {
  unhook();
  looking_ = false;
}

void Watch::begin(Index samples) {
  hook();
  weights();
  looking_ = true;
  ++window_steps_;
  ++epoch_steps_;
  window_samples_ += samples;
}

/// The sizes of the weights before the step, and a copy of those of which the change is measured.
void Watch::weights() {
  for (Layer& layer : layers_) {
    layer.size = 0;
    layer.before.clear();
    for (const Tensor& weight : layer.weights)
      with_values(weight, [&](const auto* w, Index n) {
        layer.size += sum_squares(w, n);
        for_watched(w, n, [&](const auto* part, Index count) {
          layer.before.insert(layer.before.end(), part, part + count);
        });
      });
  }
}

void Watch::look_at_output(Layer& layer, const Tensor& in, const Tensor& out) {
  if (!out.defined() || !is_floating_point(out.dtype()) || out.dim() < 1 || out.numel() == 0)
    return;
  const Look look = look_at(layer.flat, out, works_);
  for (Tally* tally : {&layer.window, &layer.epoch}) add(*tally, layer, look, out.numel(), works_);
  if (layer.flat.kind != Kind::other && linear_out_.defined() && in.is(linear_out_)) {
    const double slope = std::sqrt(look.slope_squares / static_cast<double>(out.numel()));
    for (Tally* tally : {&layer.window, &layer.epoch})
      tally->attenuation.add(linear_factor_ * slope);
  }
  linear_out_ = {};
  if (layer.linear) {
    linear_out_ = out;
    linear_factor_ = std::sqrt(layer.size / static_cast<double>(layer.weights[0].size(0)));
  }
}

void Watch::gradients() {
  unhook();
  for (Layer& layer : layers_) {
    if (layer.parameters.empty()) continue;
    const bool any = std::any_of(layer.parameters.begin(), layer.parameters.end(),
                                 [](const Tensor& p) { return p.grad().defined(); });
    const double norm = grad_norm(layer.parameters);
    for (Tally* tally : {&layer.window, &layer.epoch}) {
      if (any) tally->grad.add(norm);
      if (!layer.weights.empty()) tally->weight.add(std::sqrt(layer.size));
    }
  }
}

void Watch::updates() {
  looking_ = false;
  for (Layer& layer : layers_) {
    const double* before = layer.before.data();
    double moved = 0, size = 0;
    for (const Tensor& weight : layer.weights)
      with_values(weight, [&](const auto* w, Index n) {
        for_watched(w, n, [&](const auto* part, Index count) {
          moved += sum_squares(part, count, before);
          size += sum_squares(before, count);
          before += count;
        });
      });
    if (size > 0)
      for (Tally* tally : {&layer.window, &layer.epoch}) tally->ratio.add(std::sqrt(moved / size));
  }
}

void Watch::clear_window() {
  for (Layer& layer : layers_) layer.window = {};
  window_steps_ = window_samples_ = 0;
}

LayerEpoch Watch::take_epoch(Index epoch) {
  LayerEpoch out{.epoch = epoch, .steps = epoch_steps_};
  for (Layer& layer : layers_) {
    if (epoch_steps_ > 0 || layer.last.name.empty()) layer.last = stats_of(layer, layer.epoch);
    layer.epoch = {};
    out.layers.push_back(layer.last);
  }
  epoch_steps_ = 0;
  return out;
}

void Watch::save(optim::StateDict& state) const {
  detail::save(state, layers_);
  state["window"] =
      from_vector<double>({static_cast<double>(window_steps_), static_cast<double>(window_samples_),
                           static_cast<double>(epoch_steps_)});
}

void Watch::resume(MonitorState& state) {
  if (state.layers.size() != layers_.size())
    fail("Monitor.load_state_dict", "the state of ", state.layers.size(),
         " modules was given; that of the ", layers_.size(), " modules of this model is required");
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    layers_[i].window = std::move(state.layers[i].window);
    layers_[i].epoch = std::move(state.layers[i].epoch);
  }
  window_steps_ = state.window[0];
  window_samples_ = state.window[1];
  epoch_steps_ = state.window[2];
}

void Watch::name_layers(std::vector<LayerEpoch>& epochs) {
  for (LayerEpoch& epoch : epochs)
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const LayerStats names = stats_of(layers_[i], {});
      epoch.layers[i].name = names.name;
      epoch.layers[i].module = names.module;
      epoch.layers[i].parameters = names.parameters;
      layers_[i].last = epoch.layers[i];
    }
}

}  // namespace gradus::train::detail
