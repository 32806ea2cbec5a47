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
  double second = 0;       // 1 / (1 - beta2^t)
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

struct AdamaxOptions {
  double lr = 2e-3;
  std::array<double, 2> betas = {0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0;  ///< L2: added to the gradient as weight_decay * p
  bool maximize = false;
};
extern template class OptimizerOf<AdamaxOptions>;

/// Adamax (Kingma, Ba 2014): u = max(b2 u, |g| + eps), p -= lr / (1 - b1^t) m / u.
class Adamax final : public OptimizerOf<AdamaxOptions> {
 public:
  using OptimizerOf::OptimizerOf;

 private:
  void update(Slot& slot, double grad_scale) override;
  std::vector<const char*> moment_names(const Slot&) const override {
    return {"exp_avg", "exp_inf"};
  }
  detail::BiasCorrection bias_;
};

struct NAdamOptions {
  double lr = 2e-3;
  std::array<double, 2> betas = {0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0;
  double momentum_decay = 4e-3;
  bool decoupled_weight_decay = false;  ///< p *= 1 - lr * weight_decay instead of L2
  bool maximize = false;
};
extern template class OptimizerOf<NAdamOptions>;

/// Adam with Nesterov's momentum (Dozat 2016): mu_t = b1 (1 - 0.96^(t momentum_decay) / 2), P_t =
/// mu_1 … mu_t, p -= lr ((1 - mu_t) / (1 - P_t) g + mu_(t+1) / (1 - P_(t+1)) m) / (sqrt(v / (1 -
/// b2^t)) + eps).
class NAdam final : public OptimizerOf<NAdamOptions> {
 public:
  using OptimizerOf::OptimizerOf;

 private:
  void update(Slot& slot, double grad_scale) override;
  std::vector<const char*> moment_names(const Slot&) const override {
    return {"exp_avg", "exp_avg_sq"};
  }
  const char* number_name() const override { return "mu_product"; }
  detail::BiasCorrection bias_;
};

struct RAdamOptions {
  double lr = 1e-3;
  std::array<double, 2> betas = {0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0;
  bool decoupled_weight_decay = false;  ///< p *= 1 - lr * weight_decay instead of L2
  bool maximize = false;
};
extern template class OptimizerOf<RAdamOptions>;

/// Rectified Adam (Liu et al. 2019): r = 2 / (1 - b2) - 1, r_t = r - 2 t b2^t / (1 - b2^t); while
/// r_t <= 5 the step is lr m / (1 - b1^t), then Adam's times
/// sqrt((r_t - 4) (r_t - 2) r / ((r - 4) (r - 2) r_t)).
class RAdam final : public OptimizerOf<RAdamOptions> {
 public:
  using OptimizerOf::OptimizerOf;

 private:
  void update(Slot& slot, double grad_scale) override;
  std::vector<const char*> moment_names(const Slot&) const override {
    return {"exp_avg", "exp_avg_sq"};
  }
  detail::BiasCorrection bias_;
};

}  // namespace gradus::optim
