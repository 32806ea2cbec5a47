#pragma once

// What is concluded from what was measured.

#include <set>

#include "train/watch/watch.hpp"

namespace gradus::train::detail {

/// Turns measurements into findings, each kind and place once.
class Diagnosis {
 public:
  explicit Diagnosis(std::function<void(const Finding&)> on_finding)
      : on_finding_(std::move(on_finding)) {}

  void start() { *this = Diagnosis(std::move(on_finding_)); }
  /// Adds to the state of a monitor, and takes it up again in a run that goes on.
  void save(optim::StateDict& state) const;
  void resume(const Context& run, const MonitorState& state);
  /// Loss and gradient norm of a step, before its update.
  void step(Context& run);
  /// Layers, after a window of steps.
  void window(Context& run, const std::vector<Layer>& layers);
  /// Losses, after an epoch.
  void epoch(Context& run, const Epoch& record);
  void report(Context& run, Finding finding);

  double constant_loss() const { return constant_; }
  const std::vector<double>& norms() const { return norms_; }
  /// See Monitor::suggested_clip.
  double suggested_clip(double percentile) const;

 private:
  void judge_spike(Context& run);
  void judge_updates(Context& run, const std::vector<Layer>& layers);
  void judge_divergence(Context& run);
  void judge_units(Context& run, const std::vector<Layer>& layers);
  void judge_gradients(Context& run, const std::vector<Layer>& layers);
  void judge_unused(Context& run, const std::vector<Layer>& layers);
  void judge_slow(Context& run);
  void judge_generalization(Context& run);
  void judge_constant(Context& run);
  void judge_trend(Context& run);
  bool loss_is_large() const;
  void add(const Epoch& record);

  std::function<void(const Finding&)> on_finding_;
  std::set<std::string> reported_;
  double constant_ = NAN;     // loss of the best constant output
  double first_loss_ = NAN;   // of the first step
  double recent_ = NAN;       // mean loss of the latest steps
  double lowest_ = INFINITY;  // that recent_ has been
  double weight_of_recent_ = 0;
  double largest_update_ = 0;  // of any layer in any window
  std::vector<double> norms_;
  std::vector<double> latest_;  // losses of the last steps
  double largest_norm_ = 0;     // of those that are finite
  std::vector<Epoch> epochs_;
  // Of all epochs so far, so that an epoch costs the same however many there were.
  std::size_t best_epoch_ = 0;  // of the lowest validation loss
  double best_train_loss_ = INFINITY, best_validation_loss_ = INFINITY;
  double best_before_trend_ = INFINITY;  // training loss before the latest trend_epochs
};

/// The loss of the best constant output on `target`; NaN if it cannot be found. `output` shows the
/// shape, `loss_of` may be null: then cross-entropy for labels and squared error otherwise.
double best_constant_loss(const Context& run);

/// Says where the non-finite loss or gradient of the present step came from: from a parameter, from
/// the inputs, or from an operation, for which the step is done again in anomaly mode with the
/// random numbers that began at (seed, offset). Leaves everything as it was.
Finding blame_non_finite(Context& run, std::uint64_t seed, std::uint64_t offset);

/// "0.0123", to three digits; numbers that count something have all of theirs.
std::string rounded(double value);
std::string rounded(std::integral auto) = delete;
/// "12.3 %".
std::string percent(double share);
/// A learning rate with one digit.
std::string rate(double lr);
/// "in epoch 2 (step 41)".
std::string when(const Context& run);

}  // namespace gradus::train::detail
