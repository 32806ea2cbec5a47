#pragma once

#include "gradus/optim/optimizer.hpp"

namespace gradus::optim {

struct EmaOptions {
  double decay = 0.999;
  bool warmup = false;  ///< decays by min(decay, (1 + t) / (10 + t)) at update t, so it starts fast
};

/// An exponential moving average of parameters, a = decay a + (1 - decay) p, that starts at their
/// present values. apply() exchanges parameters and averages, restore() exchanges them back. Each
/// parameter is given once; where one changes its dtype, its average follows.
class Ema {
 public:
  explicit Ema(const std::vector<Tensor>& params, const EmaOptions& options = {});
  Ema(const Ema&) = default;
  Ema& operator=(const Ema&) = default;
  ~Ema();
  /// To be called after every step of the optimizer. Throws between apply() and restore().
  void update();
  void apply();
  void restore();
  bool applied() const { return applied_; }
  /// Copies of the averages.
  std::vector<Tensor> averages() const;

  /// "updates" and "average.<i>". Not between apply() and restore().
  StateDict state_dict() const;
  void load_state_dict(const StateDict& state);

 private:
  void require_applied(bool applied, const char* operation) const;
  void exchange();
  void follow_dtypes();

  std::vector<Tensor> params_, averages_;
  EmaOptions options_;
  std::int64_t updates_ = 0;
  bool applied_ = false;
};

}  // namespace gradus::optim
