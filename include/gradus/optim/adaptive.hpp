#pragma once

#include "gradus/optim/optimizer.hpp"

namespace gradus::optim {

struct AdagradOptions {
  double lr = 1e-2;
  double lr_decay = 0;
  double weight_decay = 0;  ///< L2: added to the gradient as weight_decay * p
  double initial_accumulator_value = 0;
  double eps = 1e-10;
  bool maximize = false;
};
extern template class OptimizerOf<AdagradOptions>;

/// Adagrad (Duchi, Hazan, Singer 2011): s += g^2, p -= lr / (1 + (t - 1) lr_decay) g / (sqrt(s) +
/// eps).
class Adagrad final : public OptimizerOf<AdagradOptions> {
 public:
  using OptimizerOf::OptimizerOf;

 private:
  void update(Slot& slot, double grad_scale) override;
  std::vector<const char*> moment_names(const Slot&) const override { return {"sum"}; }
  double initial_moment(const Slot& slot) const override {
    return options_of(slot).initial_accumulator_value;
  }
};

struct AdadeltaOptions {
  double lr = 1;
  double rho = 0.9;
  double eps = 1e-6;
  double weight_decay = 0;  ///< L2: added to the gradient as weight_decay * p
  bool maximize = false;
};
extern template class OptimizerOf<AdadeltaOptions>;

/// Adadelta (Zeiler 2012): s = rho s + (1 - rho) g^2, d = sqrt(u + eps) / sqrt(s + eps) g,
/// u = rho u + (1 - rho) d^2, p -= lr d.
class Adadelta final : public OptimizerOf<AdadeltaOptions> {
 public:
  using OptimizerOf::OptimizerOf;

 private:
  void update(Slot& slot, double grad_scale) override;
  std::vector<const char*> moment_names(const Slot&) const override {
    return {"square_avg", "acc_delta"};
  }
};

struct RMSpropOptions {
  double lr = 1e-2;
  double alpha = 0.99;
  double eps = 1e-8;
  double weight_decay = 0;  ///< L2: added to the gradient as weight_decay * p
  double momentum = 0;
  bool centered = false;  ///< divides by an estimate of the standard deviation
  bool maximize = false;
};
extern template class OptimizerOf<RMSpropOptions>;

/// RMSprop (Hinton 2012): s = alpha s + (1 - alpha) g^2, p -= lr g / (sqrt(s) + eps); centered
/// takes s - a^2 for s, with a = alpha a + (1 - alpha) g; with momentum b = momentum b + g / (…),
/// p -= lr b. There is no bias correction, so first steps are large.
class RMSprop final : public OptimizerOf<RMSpropOptions> {
 public:
  using OptimizerOf::OptimizerOf;

 private:
  void update(Slot& slot, double grad_scale) override;
  std::vector<const char*> moment_names(const Slot& slot) const override;
};

struct LionOptions {
  double lr = 1e-4;
  std::array<double, 2> betas = {0.9, 0.99};
  double weight_decay = 0;  ///< decoupled: p *= 1 - lr * weight_decay before the step
  bool maximize = false;
};
extern template class OptimizerOf<LionOptions>;

/// Lion (Chen et al. 2023): p *= 1 - lr weight_decay, p -= lr sign(b1 m + (1 - b1) g),
/// m = b2 m + (1 - b2) g. Wants a rate 3 to 10 times smaller, and a decay as much larger, than
/// AdamW.
class Lion final : public OptimizerOf<LionOptions> {
 public:
  using OptimizerOf::OptimizerOf;

 private:
  void update(Slot& slot, double grad_scale) override;
  std::vector<const char*> moment_names(const Slot&) const override { return {"exp_avg"}; }
};

}  // namespace gradus::optim
