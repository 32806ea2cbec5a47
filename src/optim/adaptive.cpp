#include "gradus/optim/adaptive.hpp"

#include <cmath>

#include "optim/options.hpp"
#include "optim/sweep.hpp"

namespace gradus::optim {

static constexpr const char* algorithm(const AdagradOptions*) { return "Adagrad"; }
static constexpr const char* algorithm(const AdadeltaOptions*) { return "Adadelta"; }
static constexpr const char* algorithm(const RMSpropOptions*) { return "RMSprop"; }
static constexpr const char* algorithm(const LionOptions*) { return "Lion"; }

template <OptionsLike<AdagradOptions> O, class F>
static void visit_options(O& o, F f) {
  f("lr", o.lr, detail::not_negative);
  f("lr_decay", o.lr_decay, detail::not_negative);
  f("weight_decay", o.weight_decay, detail::not_negative);
  f("initial_accumulator_value", o.initial_accumulator_value, detail::not_negative);
  f("eps", o.eps, detail::not_negative);
  f("maximize", o.maximize, detail::any);
}
template <OptionsLike<AdadeltaOptions> O, class F>
static void visit_options(O& o, F f) {
  f("lr", o.lr, detail::not_negative);
  f("rho", o.rho, detail::Rule{[](double x) { return x >= 0 && x <= 1; }, "0 <= value <= 1"});
  f("eps", o.eps, detail::not_negative);
  f("weight_decay", o.weight_decay, detail::not_negative);
  f("maximize", o.maximize, detail::any);
}
template <OptionsLike<RMSpropOptions> O, class F>
static void visit_options(O& o, F f) {
  f("lr", o.lr, detail::not_negative);
  f("alpha", o.alpha, detail::fraction);
  f("eps", o.eps, detail::not_negative);
  f("weight_decay", o.weight_decay, detail::not_negative);
  f("momentum", o.momentum, detail::not_negative);
  f("centered", o.centered, detail::any);
  f("maximize", o.maximize, detail::any);
}
template <OptionsLike<LionOptions> O, class F>
static void visit_options(O& o, F f) {
  f("lr", o.lr, detail::not_negative);
  detail::visit_betas(o, f);
  f("weight_decay", o.weight_decay, detail::not_negative);
  f("maximize", o.maximize, detail::any);
}

template class OptimizerOf<AdagradOptions>;
template class OptimizerOf<AdadeltaOptions>;
template class OptimizerOf<RMSpropOptions>;
template class OptimizerOf<LionOptions>;

void Adagrad::update(Slot& slot, double grad_scale) {
  const AdagradOptions& o = options_of(slot);
  const double rate_ = o.lr / (1 + static_cast<double>(slot.step - 1) * o.lr_decay);
  detail::dispatch(slot.dtype, [&]<class T>(T) {
    const T scale = static_cast<T>(detail::signed_scale(grad_scale, o.maximize)),
            decay = static_cast<T>(o.weight_decay), eps = static_cast<T>(o.eps),
            rate = static_cast<T>(rate_);
    detail::sweep<T, 1>(slot, [=](T& p, T g, T& s) {
      const T d = scale * g + decay * p;
      s += d * d;
      p -= rate * d / (std::sqrt(s) + eps);
    });
  });
}

void Adadelta::update(Slot& slot, double grad_scale) {
  const AdadeltaOptions& o = options_of(slot);
  detail::dispatch(slot.dtype, [&]<class T>(T) {
    const T scale = static_cast<T>(detail::signed_scale(grad_scale, o.maximize)),
            decay = static_cast<T>(o.weight_decay), eps = static_cast<T>(o.eps),
            rho = static_cast<T>(o.rho), fresh = static_cast<T>(1 - o.rho),
            lr = static_cast<T>(o.lr);
    detail::sweep<T, 2>(slot, [=](T& p, T g, T& s, T& u) {
      const T d = scale * g + decay * p;
      s = rho * s + fresh * d * d;
      const T delta = std::sqrt(u + eps) / std::sqrt(s + eps) * d;
      u = rho * u + fresh * delta * delta;
      p -= lr * delta;
    });
  });
}

std::vector<const char*> RMSprop::moment_names(const Slot& slot) const {
  const RMSpropOptions& o = options_of(slot);
  if (o.centered) return {"square_avg", "momentum_buffer", "grad_avg"};
  if (o.momentum != 0) return {"square_avg", "momentum_buffer"};
  return {"square_avg"};
}

void RMSprop::update(Slot& slot, double grad_scale) {
  const RMSpropOptions& o = options_of(slot);
  detail::dispatch(slot.dtype, [&]<class T>(T) {
    const T scale = static_cast<T>(detail::signed_scale(grad_scale, o.maximize)),
            decay = static_cast<T>(o.weight_decay), eps = static_cast<T>(o.eps),
            alpha = static_cast<T>(o.alpha), fresh = static_cast<T>(1 - o.alpha),
            momentum = static_cast<T>(o.momentum), lr = static_cast<T>(o.lr);
    if (o.centered)
      detail::sweep<T, 3>(slot, [=](T& p, T g, T& s, T& b, T& a) {
        const T d = scale * g + decay * p;
        s = alpha * s + fresh * d * d;
        a = alpha * a + fresh * d;
        // Rounding may leave a variance just below 0.
        const T variance = s - a * a;
        b = momentum * b + d / (std::sqrt(variance > 0 ? variance : T{0}) + eps);
        p -= lr * b;
      });
    else if (o.momentum != 0)
      detail::sweep<T, 2>(slot, [=](T& p, T g, T& s, T& b) {
        const T d = scale * g + decay * p;
        s = alpha * s + fresh * d * d;
        b = momentum * b + d / (std::sqrt(s) + eps);
        p -= lr * b;
      });
    else
      detail::sweep<T, 1>(slot, [=](T& p, T g, T& s) {
        const T d = scale * g + decay * p;
        s = alpha * s + fresh * d * d;
        p -= lr * d / (std::sqrt(s) + eps);
      });
  });
}

void Lion::update(Slot& slot, double grad_scale) {
  const LionOptions& o = options_of(slot);
  detail::dispatch(slot.dtype, [&]<class T>(T) {
    const T scale = static_cast<T>(detail::signed_scale(grad_scale, o.maximize)),
            keep = static_cast<T>(1 - o.lr * o.weight_decay), lr = static_cast<T>(o.lr),
            beta1 = static_cast<T>(o.betas[0]), fresh1 = static_cast<T>(1 - o.betas[0]),
            beta2 = static_cast<T>(o.betas[1]), fresh2 = static_cast<T>(1 - o.betas[1]);
    detail::sweep<T, 1>(slot, [=](T& p, T g, T& m) {
      const T d = scale * g;
      const T c = beta1 * m + fresh1 * d;
      const T sign = static_cast<T>(c > 0) - static_cast<T>(c < 0);
      p = keep * p - lr * sign;
      m = beta2 * m + fresh2 * d;
    });
  });
}

}  // namespace gradus::optim
