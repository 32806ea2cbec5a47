#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "gradus/data/loader.hpp"
#include "gradus/nn/module.hpp"
#include "gradus/optim/optimizer.hpp"

namespace gradus {
class Generator;
}

namespace gradus::train {

struct LrFinderOptions {
  double low = 1e-7, high = 10;  ///< the rates of the first and the last step, 0 < low < high
  Index steps = 100;             ///< 10 or more; the data are begun again as often as needed
  double smoothing = 0.9;        ///< of the exponential mean, 0 (none) to below 1
  double divergence = 4;         ///< ends where the smoothed loss exceeds so many times its lowest
  /// Random generators that the model uses beside this thread's own, to be put back, too.
  std::vector<Generator*> generators = {};
  std::function<void(Index step, double lr, double loss)> on_step = {};
  /// Looked at after every step; once true, the sweep ends, without a suggestion.
  const std::atomic<bool>* stop = nullptr;
};

/// The losses of a sweep over learning rates, and what they suggest.
struct LrCurve {
  std::vector<double> lr, loss, smoothed;  ///< step by step; loss before the step with this rate
  std::optional<double> steepest;          ///< where the smoothed loss falls fastest in log lr
  std::optional<double> valley;            ///< after two thirds of the longest fall before the rise
  bool diverged = false;                   ///< ended before the last step
  std::string reason;                      ///< why there is no suggestion, in a sentence; or ""

  /// The valley, else the steepest descent, else nothing.
  std::optional<double> suggestion() const { return valley ? valley : steepest; }
};

/// Trains for a few steps with learning rates from low to high, evenly spaced on a logarithmic
/// scale (Smith 2015), and puts everything back to the bit: parameters, buffers, gradients, modes,
/// the optimizer, random numbers. `loader` itself is not moved: its data, order and batch size are
/// used by another. Groups of the optimizer keep the proportions of their initial rates. Throws for
/// options out of range, and passes on what the model or the loss throws, with everything put back.
LrCurve find_lr(nn::Module& model,
                const std::function<Tensor(const Tensor& output, const Tensor& target)>& loss,
                optim::Optimizer& optimizer, const data::DataLoader& loader,
                const LrFinderOptions& options = {});

}  // namespace gradus::train
