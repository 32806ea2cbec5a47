#pragma once

#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gradus/train/callback.hpp"

namespace gradus::train {

/// What was measured of one module in one epoch: means over the steps that were looked at, NaN
/// where a module has nothing to be measured.
struct LayerStats {
  std::string name;           ///< path, such as "fc1"
  std::string module;         ///< "Linear(64, 32)"
  Index parameters = 0;       ///< values in the parameters of its own
  double grad_norm = NAN;     ///< of these parameters
  double weight_norm = NAN;   ///< of the weights: parameters of two axes or more
  double update_ratio = NAN;  ///< |change of the weights in a step| / |weights|
  double activation_mean = NAN, activation_std = NAN;  ///< of its output
  double dead = NAN;       ///< ReLU: share of units that were 0 (or 6) for every sample looked at
  double active = NAN;     ///< ReLU: share of outputs above 0
  double saturated = NAN;  ///< sigmoid, tanh: share of outputs with a derivative below 0.1 max
  /// Of sigmoid, tanh or ReLU after a linear layer: by how much the gradient's size is multiplied
  /// on its way back through both, |W| / sqrt(outputs) times the root mean square of the
  /// derivative.
  double attenuation = NAN;
};

/// All layers in one epoch, in the order of Module::named_modules.
struct LayerEpoch {
  Index epoch = 0;
  Index steps = 0;  ///< that were looked at; 0 if none was, and the numbers are those from before
  std::vector<LayerStats> layers = {};
};

/// Counts of values between edges that grow by a constant factor.
struct LogHistogram {
  std::vector<double> edges;  ///< one more than counts; empty without values
  std::vector<Index> counts;
  Index zeros = 0;  ///< values that have no place on a logarithmic axis
};

struct MonitorOptions {
  bool lint = true;  ///< begins with what lint() finds in the model, the data and the optimizer
  Index every = 10;  ///< looks at every so many steps, and at the first 5
  std::function<void(const Finding&)> on_finding = {};  ///< told once for every kind and place
};

/// Watches a run and says what is wrong with it: layers that get no gradient, or too much of it;
/// dead and saturated units; updates too large or too small for the weights; a loss that diverges,
/// oscillates, stands still, is no better than that of a constant output, or falls on the training
/// part alone; and where a non-finite value came from. Findings go to Context::findings. The run
/// stays the same to the bit. One monitor, one run at a time.
class Monitor : public Callback {
 public:
  /// Throws if `every` is below 1.
  explicit Monitor(const MonitorOptions& options = {});
  ~Monitor() override;
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  /// The layers, epoch by epoch.
  const std::vector<LayerEpoch>& layers() const;
  /// The norm of the whole gradient before clipping, step by step.
  const std::vector<double>& grad_norms() const;
  /// Their distribution in `bins` bins.
  LogHistogram grad_norm_histogram(int bins = 30) const;
  /// A limit for clip_norm: the percentile of the norms that were finite, rounded to two digits; 0
  /// before the first step.
  double suggested_clip(double percentile = 90) const;
  /// The loss of the best constant output on the training targets, what a model that ignores its
  /// inputs can reach; NaN before the first step and where it cannot be found.
  double constant_loss() const;

  /// A run that goes on does so as if it had never stopped: nothing is found, or looked for before
  /// training, twice.
  std::string name() const override;
  optim::StateDict state_dict() const override;
  void load_state_dict(const optim::StateDict& state) override;
  std::map<std::string, const std::vector<double>*> lists() const override;

  void on_fit_begin(Context& context) override;
  void on_step_begin(Context& context) override;
  void on_backward_end(Context& context) override;
  void on_step_end(Context& context) override;
  void on_epoch_end(Context& context, Epoch& epoch) override;
  void on_fit_end(Context& context) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gradus::train
