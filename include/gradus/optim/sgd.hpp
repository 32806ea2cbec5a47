#pragma once

#include "gradus/optim/optimizer.hpp"

namespace gradus::optim {

struct SGDOptions {
  double lr = 1e-3;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;  ///< L2: added to the gradient as weight_decay * p
  bool nesterov = false;    ///< needs momentum > 0 and no dampening
  bool maximize = false;
};
extern template class OptimizerOf<SGDOptions>;

/// Gradient descent with momentum: b = momentum b + (1 - dampening) g, where the first b is g;
/// p -= lr b, or with nesterov p -= lr (g + momentum b).
class SGD final : public OptimizerOf<SGDOptions> {
 public:
  using OptimizerOf::OptimizerOf;

 private:
  void update(Slot& slot, double grad_scale) override;
  std::vector<const char*> moment_names(const Slot& slot) const override;
};

}  // namespace gradus::optim
