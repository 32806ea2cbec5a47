#pragma once

#include <cmath>
#include <string>

#include "gradus/train/fit.hpp"

namespace gradus::train::detail {

/// Compares epochs by the monitored metric: which is best, and whether they still improve.
class Judge {
 public:
  Judge(const FitOptions& options, bool has_validation);

  const std::string& monitor() const { return monitor_; }
  /// The monitored metric; throws, with the names there are, if the epoch lacks it.
  double value(const Epoch& epoch) const;
  /// Takes note of an epoch; true if it is the best so far.
  bool judge(Index epoch, double value);
  /// True if `patience` epochs in a row brought no improvement.
  bool gives_up() const { return patience_ > 0 && bad_ >= patience_; }
  std::string verdict() const;

  Index best_epoch() const { return best_epoch_; }
  double best_value() const { return best_value_; }

  optim::StateDict state_dict() const;
  void load_state_dict(const optim::StateDict& state);

 private:
  bool exceeds(double value, double other, double margin) const;

  std::string monitor_;
  bool higher_;
  Index patience_;
  double min_delta_;
  Index best_epoch_ = 0, bad_ = 0;
  double best_value_ = NAN;
  double reference_ = NAN;  // what has to be exceeded by more than min_delta
};

}  // namespace gradus::train::detail
