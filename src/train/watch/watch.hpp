#pragma once

// What is measured of a model's layers while it trains; see monitor.cpp for what is made of it.

#include <cstdint>
#include <string>
#include <vector>

#include "gradus/train/monitor.hpp"
#include "train/watch/units.hpp"

namespace gradus::train::detail {

struct MonitorState;

/// The mean of the finite numbers that were added, NaN without any.
struct Mean {
  double sum = 0;
  Index count = 0;
  void add(double value) {
    if (!std::isfinite(value)) return;
    sum += value;
    ++count;
  }
  double value() const { return count ? sum / static_cast<double>(count) : NAN; }
};

/// What a stretch of steps showed of one module.
struct Tally {
  Mean grad, weight, ratio, attenuation;
  double sum = 0, squares = 0;  // of the outputs
  Index values = 0, active = 0, saturated = 0;
  std::vector<std::uint8_t> alive;  // relu, per unit: was an output not flat?
  Index rows = 0;

  double dead() const;
  double active_share() const;
  double saturated_share() const;
};

struct Layer {
  std::string name, module;
  Flat flat = {};
  bool linear = false;
  nn::Module handle = {};  // shares the state of the module, and keeps its hooks reachable
  bool leaf = false;       // without children: its output is looked at
  int hook = -1;
  std::vector<Tensor> parameters = {}, weights = {};
  double size = 0;                  // sum of the squares of the weights, before the step
  std::vector<double> before = {};  // those whose change is measured, before the step
  Tally window = {}, epoch = {};
  LayerStats last = {};
};

/// Looks at the outputs, gradients and updates of all modules of a model.
class Watch {
 public:
  Watch() = default;
  ~Watch() { detach(); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  /// Lists the modules that have anything to be measured.
  void attach(nn::Module& model);
  void detach();

  /// The forward pass of a step to be looked at begins; `samples` in the batch.
  void begin(Index samples);
  /// The gradients of that step are there.
  void gradients();
  /// The parameters are updated.
  void updates();
  /// True from begin() to updates().
  bool looking() const { return looking_; }

  Index window_steps() const { return window_steps_; }
  Index window_samples() const { return window_samples_; }
  void clear_window();
  /// The numbers of the epoch, and the next one begins.
  LayerEpoch take_epoch(Index epoch);

  /// Adds to the state of a monitor, and takes it up again after attach().
  void save(optim::StateDict& state) const;
  void resume(MonitorState& state);
  /// Gives the layers of epochs the names of the modules, and keeps the last as the latest numbers.
  void name_layers(std::vector<LayerEpoch>& epochs);

  const std::vector<Layer>& layers() const { return layers_; }

 private:
  // Only from begin() to gradients(), since modules with hooks are not fused with others.
  void hook();
  void unhook();
  void weights();
  void look_at_output(Layer& layer, const Tensor& in, const Tensor& out);

  std::vector<Layer> layers_;
  bool looking_ = false;
  Index window_steps_ = 0, window_samples_ = 0, epoch_steps_ = 0;
  std::vector<std::uint8_t> works_;  // of the output that is looked at
  Tensor linear_out_;                // of the linear layer that was called last
  double linear_factor_ = 0;
};

}  // namespace gradus::train::detail
