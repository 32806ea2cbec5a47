#pragma once

#include "gradus/optim/adam.hpp"

namespace gradus::optim {

struct MuonOptions {
  double lr = 0.02;
  double momentum = 0.95;
  double weight_decay = 0;  ///< decoupled, for all parameters: p *= 1 - lr * weight_decay
  bool nesterov = true;
  int ns_steps = 5;
  bool orthogonalize = true;  ///< false: this group takes AdamW whatever its shapes
  double adamw_lr = 3e-4;     ///< of parameters that take AdamW; follows the schedule of lr
  std::array<double, 2> betas = {0.9, 0.95};
  double eps = 1e-10;
  bool maximize = false;
};
extern template class OptimizerOf<MuonOptions>;

/// Muon (Jordan 2024): momentum, made nearly orthogonal by Newton-Schulz steps, for parameters of 2
/// and more axes (those after the first are taken as one); AdamW for the others and for those with
/// sparse_grad(). m = momentum m +
/// (1 - momentum) g, u = (1 - momentum) g + momentum m, p -= lr sqrt(max(1, rows / columns)) O(u).
/// Put embeddings and the output layer into a group with orthogonalize = false.
class Muon final : public OptimizerOf<MuonOptions> {
 public:
  using OptimizerOf::OptimizerOf;

 private:
  void update(Slot& slot, double grad_scale) override;
  std::vector<const char*> moment_names(const Slot& slot) const override;
  void update_matrix(Slot& slot, double grad_scale);
  void update_adamw(Slot& slot, double grad_scale);
  bool takes_adamw(const Slot& slot) const;
  detail::BiasCorrection bias_;
};

/// The matrix x scaled to norm 1 and taken through `steps` of X = a X + (b A + c A A) X, A = X X^T,
/// with a = 3.4445, b = -4.7750, c = 2.0315: all singular values come near 1 (about 0.7 to 1.2).
/// Not recorded.
Tensor newton_schulz(const Tensor& x, int steps = 5);

}  // namespace gradus::optim
