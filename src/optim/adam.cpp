#include "gradus/optim/adam.hpp"

#include "optim/adam_step.hpp"
#include "optim/options.hpp"

namespace gradus::optim {

namespace detail {
namespace {

/// x^n for x in [0, 1) by squaring, which is quicker than std::pow. Powers that vanish beside 1 are
/// cut off before they become denormal and slow.
double power(double x, std::int64_t n) {
  double result = 1;
  for (; n > 0; n >>= 1, x *= x) {
    if (x < 1e-40) return 0;
    result *= n & 1 ? x : 1;
  }
  return result;
}

}  // namespace

void BiasCorrection::set(const std::array<double, 2>& betas, std::int64_t step) {
  if (step == step_ && betas == betas_) return;
  step_ = step;
  betas_ = betas;
  first = 1 / (1 - power(betas[0], step));
  second = 1 / (1 - power(betas[1], step));
  second_root = std::sqrt(second);
}

}  // namespace detail

static constexpr const char* algorithm(const AdamOptions*) { return "Adam"; }
static constexpr const char* algorithm(const AdamWOptions*) { return "AdamW"; }

template <class O>
concept AdamKind = std::is_same_v<std::remove_const_t<O>, AdamOptions> ||
    std::is_same_v<std::remove_const_t<O>, AdamWOptions>;

template <AdamKind O, class F>
static void visit_options(O& o, F f) {
  detail::visit_adam(o, f);
  f("amsgrad", o.amsgrad, detail::any);
  f("maximize", o.maximize, detail::any);
}

template <AdamKind O>
static std::vector<const char*> adam_moments(const O& o) {
  if (o.amsgrad) return {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"};
  return {"exp_avg", "exp_avg_sq"};
}

template class OptimizerOf<AdamOptions>;
template class OptimizerOf<AdamWOptions>;

std::vector<const char*> Adam::moment_names(const Slot& slot) const {
  return adam_moments(options_of(slot));
}

void Adam::update(Slot& slot, double grad_scale) {
  const AdamOptions& o = options_of(slot);
  bias_.set(o.betas, slot.step);
  detail::adam_step(slot, o, bias_, grad_scale, o.weight_decay, 0);
}

std::vector<const char*> AdamW::moment_names(const Slot& slot) const {
  return adam_moments(options_of(slot));
}

void AdamW::update(Slot& slot, double grad_scale) {
  const AdamWOptions& o = options_of(slot);
  bias_.set(o.betas, slot.step);
  detail::adam_step(slot, o, bias_, grad_scale, 0, o.weight_decay);
}

}  // namespace gradus::optim
