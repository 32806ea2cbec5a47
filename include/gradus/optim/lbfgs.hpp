#pragma once

#include <deque>

#include "gradus/optim/optimizer.hpp"

namespace gradus::optim {

enum class LineSearch {
  none,         ///< steps of lr (the first one of lr min(1, 1 / |g|_1))
  strong_wolfe  ///< sufficient decrease 1e-4 and curvature 0.9, by cubic interpolation
};

struct LBFGSOptions {
  double lr = 1;
  int max_iter = 20;  ///< iterations per step()
  /// Calls of the closure per step(), which are never more: a line search ends with the best point
  /// so far, and a single call leaves no line search. Default (0): max_iter * 5 / 4, where a line
  /// search may go on up to 25.
  int max_eval = 0;
  double tolerance_grad = 1e-7;    ///< of the largest entry of the gradient
  double tolerance_change = 1e-9;  ///< of the loss, and of the largest change of a parameter
  int history_size = 100;
  LineSearch line_search = LineSearch::strong_wolfe;
};
extern template class OptimizerOf<LBFGSOptions>;

/// Quasi-Newton steps from a limited history (Nocedal 1980; Nocedal, Wright 2006, algorithms 7.4,
/// 3.5, 3.6), for deterministic functions; computes in double. Takes one group, and step(closure)
/// alone: the closure is called several times, and must clear the gradients, evaluate and call
/// backward().
class LBFGS final : public OptimizerOf<LBFGSOptions> {
 public:
  explicit LBFGS(const std::vector<Tensor>& params, const LBFGSOptions& options = {});
  explicit LBFGS(const std::vector<Group>& groups);
  /// How often the closure was called by all steps.
  std::int64_t evaluations() const { return evaluations_; }

 private:
  using Vector = std::vector<double>;
  struct Pair {
    Vector step, change;  // of the parameters and of the gradient
    double rho;           // 1 / <step, change>
  };

  Tensor step_closure(const Closure& closure) override;
  void update(Slot& slot, double grad_scale) override;
  std::vector<const char*> moment_names(const Slot&) const override { return {}; }
  void save_more(StateDict& state) const override;
  std::function<void()> load_more(detail::StateReader& reader) override;

  double evaluate(const Closure& closure, Tensor* result = nullptr);
  Vector gather_gradient() const;
  Vector gather_values() const;
  void scatter(const Vector& from, double t, const Vector& direction);
  void remember(const Vector& grad);
  Vector find_direction(const Vector& grad) const;

  std::size_t size_ = 0;  // of all parameters together
  std::int64_t evaluations_ = 0;
  std::int64_t iterations_ = 0;
  Vector direction_, last_grad_;
  double t_ = 1;      // the last step is t * direction
  double scale_ = 1;  // of the initial inverse Hessian
  std::deque<Pair> history_;
};

}  // namespace gradus::optim
