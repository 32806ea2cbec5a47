#pragma once

#include "gradus/optim/optimizer.hpp"

namespace gradus::optim {

namespace detail {
/// The factors that undo the bias of moments at step t, remembered: the parameters of a group
/// mostly have the same t.
class BiasCorrection {
 public:
  void set(const std::array<double, 2>& betas, std::int64_t step);
  double first = 0;        // 1 / (1 - beta1^t)
  double second_root = 0;  // 1 / sqrt(1 - beta2^t)

 private:
  std::array<double, 2> betas_ = {-1, -1};
  std::int64_t step_ = 0;
};
}  // namespace detail

struct AdamOptions {
  double lr = 1e-3;
  std::array<double, 2> betas = {0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0;  ///< L2: added to the gradient as weight_decay * p
  bool amsgrad = false;     ///< divides by the largest second moment so far
  bool maximize = false;
};
extern template class OptimizerOf<AdamOptions>;

/// Adam (Kingma, Ba 2014): m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2,
/// p -= lr / (1 - b1^t) m / (sqrt(v / (1 - b2^t)) + eps).
class Adam final : public OptimizerOf<AdamOptions> {
 public:
  using OptimizerOf::OptimizerOf;

 private:
  void update(Slot& slot, double grad_scale) override;
  std::vector<const char*> moment_names(const Slot& slot) const override;
  detail::BiasCorrection bias_;
};

struct AdamWOptions {
  double lr = 1e-3;
  std::array<double, 2> betas = {0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0.01;  ///< decoupled: p *= 1 - lr * weight_decay before the step
  bool amsgrad = false;        ///< divides by the largest second moment so far
  bool maximize = false;
};
extern template class OptimizerOf<AdamWOptions>;

/// Adam with decoupled weight decay (Loshchilov, Hutter 2017): p *= 1 - lr weight_decay, then
/// Adam's step.
class AdamW final : public OptimizerOf<AdamWOptions> {
 public:
  using OptimizerOf::OptimizerOf;

 private:
  void update(Slot& slot, double grad_scale) override;
  std::vector<const char*> moment_names(const Slot& slot) const override;
  detail::BiasCorrection bias_;
};

}  // namespace gradus::optim
