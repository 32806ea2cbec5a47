#include "gradus/optim/adam.hpp"

#include <algorithm>
#include <cmath>

#include "optim/options.hpp"
#include "optim/sweep.hpp"

namespace gradus::optim {

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

void detail::BiasCorrection::set(const std::array<double, 2>& betas, std::int64_t step) {
  if (step == step_ && betas == betas_) return;
  step_ = step;
  betas_ = betas;
  first = 1 / (1 - power(betas[0], step));
  second_root = 1 / std::sqrt(1 - power(betas[1], step));
}

static constexpr const char* algorithm(const AdamOptions*) { return "Adam"; }
static constexpr const char* algorithm(const AdamWOptions*) { return "AdamW"; }

template <class O>
concept AdamKind = std::is_same_v<std::remove_const_t<O>, AdamOptions> ||
    std::is_same_v<std::remove_const_t<O>, AdamWOptions>;

template <AdamKind O, class F>
static void visit_options(O& o, F f) {
  f("lr", o.lr);
  f("beta1", o.betas[0]);
  f("beta2", o.betas[1]);
  f("eps", o.eps);
  f("weight_decay", o.weight_decay);
  f("amsgrad", o.amsgrad);
  f("maximize", o.maximize);
}

template <AdamKind O>
static void check(const O& o) {
  const char* name = algorithm(&o);
  detail::require_fraction(name, "betas[0]", o.betas[0]);
  detail::require_fraction(name, "betas[1]", o.betas[1]);
  detail::require_not_negative(name, "eps", o.eps);
  detail::require_not_negative(name, "weight_decay", o.weight_decay);
}

template <AdamKind O>
static std::vector<const char*> adam_moments(const O& o) {
  if (o.amsgrad) return {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"};
  return {"exp_avg", "exp_avg_sq"};
}

/// Adam's step with both kinds of decay: p *= 1 - lr * decoupled; g += l2 * p.
template <AdamKind O, class Slot>
static void adam_step(Slot& slot, const O& o, const detail::BiasCorrection& bias, double grad_scale,
                      double l2_, double decoupled) {
  detail::dispatch(slot.dtype, [&]<class T>(T) {
    const T scale = static_cast<T>(detail::signed_scale(grad_scale, o.maximize)),
            l2 = static_cast<T>(l2_), keep = static_cast<T>(1 - o.lr * decoupled),
            beta1 = static_cast<T>(o.betas[0]), fresh1 = static_cast<T>(1 - o.betas[0]),
            beta2 = static_cast<T>(o.betas[1]), fresh2 = static_cast<T>(1 - o.betas[1]),
            rate = static_cast<T>(o.lr * bias.first), root = static_cast<T>(bias.second_root),
            eps = static_cast<T>(o.eps);
    if (o.amsgrad)
      detail::sweep<T, 3>(slot, [=](T& p, T g, T& m, T& v, T& largest) {
        const T d = scale * g + l2 * p;
        m = beta1 * m + fresh1 * d;
        v = beta2 * v + fresh2 * d * d;
        largest = largest < v ? v : largest;
        p = keep * p - rate * m / (std::sqrt(largest) * root + eps);
      });
    else
      detail::sweep<T, 2>(slot, [=](T& p, T g, T& m, T& v) {
        const T d = scale * g + l2 * p;
        m = beta1 * m + fresh1 * d;
        v = beta2 * v + fresh2 * d * d;
        p = keep * p - rate * m / (std::sqrt(v) * root + eps);
      });
  });
}

template class OptimizerOf<AdamOptions>;
template class OptimizerOf<AdamWOptions>;

std::vector<const char*> Adam::moment_names(const Slot& slot) const {
  return adam_moments(options_of(slot));
}

void Adam::update(Slot& slot, double grad_scale) {
  const AdamOptions& o = options_of(slot);
  bias_.set(o.betas, slot.step);
  adam_step(slot, o, bias_, grad_scale, o.weight_decay, 0);
}

std::vector<const char*> AdamW::moment_names(const Slot& slot) const {
  return adam_moments(options_of(slot));
}

void AdamW::update(Slot& slot, double grad_scale) {
  const AdamWOptions& o = options_of(slot);
  bias_.set(o.betas, slot.step);
  adam_step(slot, o, bias_, grad_scale, 0, o.weight_decay);
}

}  // namespace gradus::optim
