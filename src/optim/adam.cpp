#include "gradus/optim/adam.hpp"

#include "optim/adam_step.hpp"
#include "optim/options.hpp"

namespace gradus::optim {

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
