#include <algorithm>
#include <cmath>

#include "gradus/optim/adam.hpp"
#include "optim/options.hpp"
#include "optim/sweep.hpp"

namespace gradus::optim {

static constexpr const char* algorithm(const AdamaxOptions*) { return "Adamax"; }
static constexpr const char* algorithm(const NAdamOptions*) { return "NAdam"; }
static constexpr const char* algorithm(const RAdamOptions*) { return "RAdam"; }

template <class O>
concept VariantKind =
    OptionsLike<O, AdamaxOptions> || OptionsLike<O, NAdamOptions> || OptionsLike<O, RAdamOptions>;

template <VariantKind O, class F>
static void visit_options(O& o, F f) {
  detail::visit_adam(o, f);
  if constexpr (OptionsLike<O, NAdamOptions>)
    f("momentum_decay", o.momentum_decay, detail::not_negative);
  if constexpr (!OptionsLike<O, AdamaxOptions>)
    f("decoupled_weight_decay", o.decoupled_weight_decay, detail::any);
  f("maximize", o.maximize, detail::any);
}

template class OptimizerOf<AdamaxOptions>;
template class OptimizerOf<NAdamOptions>;
template class OptimizerOf<RAdamOptions>;

void Adamax::update(Slot& slot, double grad_scale) {
  const AdamaxOptions& o = options_of(slot);
  bias_.set(o.betas, slot.step);
  detail::dispatch(slot.dtype, [&]<class T>(T) {
    const T scale = static_cast<T>(detail::signed_scale(grad_scale, o.maximize)),
            l2 = static_cast<T>(o.weight_decay), beta1 = static_cast<T>(o.betas[0]),
            fresh1 = static_cast<T>(1 - o.betas[0]), beta2 = static_cast<T>(o.betas[1]),
            rate = static_cast<T>(o.lr * bias_.first), eps = static_cast<T>(o.eps);
    detail::sweep<T, 2>(slot, [=](T& p, T g, T& m, T& u) {
      const T d = scale * g + l2 * p;
      m = beta1 * m + fresh1 * d;
      const T size = std::abs(d) + eps, before = beta2 * u;
      u = before > size ? before : size;
      p -= rate * m / u;
    });
  });
}

void NAdam::update(Slot& slot, double grad_scale) {
  const NAdamOptions& o = options_of(slot);
  bias_.set(o.betas, slot.step);
  const auto momentum_at = [&o](std::int64_t t) {
    return o.betas[0] * (1 - 0.5 * std::pow(0.96, static_cast<double>(t) * o.momentum_decay));
  };
  const double mu = momentum_at(slot.step), next = momentum_at(slot.step + 1);
  slot.number *= mu;
  const double by_grad = o.lr * (1 - mu) / (1 - slot.number),
               by_moment = o.lr * next / (1 - slot.number * next);
  detail::dispatch(slot.dtype, [&]<class T>(T) {
    const bool decoupled = o.decoupled_weight_decay;
    const T scale = static_cast<T>(detail::signed_scale(grad_scale, o.maximize)),
            l2 = static_cast<T>(decoupled ? 0 : o.weight_decay),
            keep = static_cast<T>(decoupled ? 1 - o.lr * o.weight_decay : 1),
            beta1 = static_cast<T>(o.betas[0]), fresh1 = static_cast<T>(1 - o.betas[0]),
            beta2 = static_cast<T>(o.betas[1]), fresh2 = static_cast<T>(1 - o.betas[1]),
            root = static_cast<T>(bias_.second_root), eps = static_cast<T>(o.eps),
            grad_rate = static_cast<T>(by_grad), moment_rate = static_cast<T>(by_moment);
    detail::sweep<T, 2>(slot, [=](T& p, T g, T& m, T& v) {
      const T d = scale * g + l2 * p;
      m = beta1 * m + fresh1 * d;
      v = beta2 * v + fresh2 * d * d;
      p = keep * p - (grad_rate * d + moment_rate * m) / (std::sqrt(v) * root + eps);
    });
  });
}

void RAdam::update(Slot& slot, double grad_scale) {
  const RAdamOptions& o = options_of(slot);
  bias_.set(o.betas, slot.step);
  const double limit = 2 / (1 - o.betas[1]) - 1;
  // b2^t / (1 - b2^t) = 1 / (1 - b2^t) - 1
  const double length = limit - 2 * static_cast<double>(slot.step) * (bias_.second - 1);
  const bool adaptive = length > 5;
  double rate_ = o.lr * bias_.first;
  if (adaptive)
    rate_ *= std::sqrt((length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)) /
             bias_.second_root;
  detail::dispatch(slot.dtype, [&]<class T>(T) {
    const bool decoupled = o.decoupled_weight_decay;
    const T scale = static_cast<T>(detail::signed_scale(grad_scale, o.maximize)),
            l2 = static_cast<T>(decoupled ? 0 : o.weight_decay),
            keep = static_cast<T>(decoupled ? 1 - o.lr * o.weight_decay : 1),
            beta1 = static_cast<T>(o.betas[0]), fresh1 = static_cast<T>(1 - o.betas[0]),
            beta2 = static_cast<T>(o.betas[1]), fresh2 = static_cast<T>(1 - o.betas[1]),
            eps = static_cast<T>(adaptive ? o.eps : 1), by_root = static_cast<T>(adaptive ? 1 : 0),
            rate = static_cast<T>(rate_);
    detail::sweep<T, 2>(slot, [=](T& p, T g, T& m, T& v) {
      const T d = scale * g + l2 * p;
      m = beta1 * m + fresh1 * d;
      v = beta2 * v + fresh2 * d * d;
      p = keep * p - rate * m / (by_root * std::sqrt(v) + eps);
    });
  });
}

}  // namespace gradus::optim
