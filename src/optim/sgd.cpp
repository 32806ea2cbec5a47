#include "gradus/optim/sgd.hpp"

#include "base/messages.hpp"
#include "optim/options.hpp"
#include "optim/sweep.hpp"

namespace gradus::optim {

static constexpr const char* algorithm(const SGDOptions*) { return "SGD"; }

template <OptionsLike<SGDOptions> O, class F>
static void visit_options(O& o, F f) {
  f("lr", o.lr, detail::not_negative);
  f("momentum", o.momentum, detail::not_negative);
  f("dampening", o.dampening,
    detail::Rule{[](double x) { return std::isfinite(x); }, "a finite number"});
  f("weight_decay", o.weight_decay, detail::not_negative);
  f("nesterov", o.nesterov, detail::any);
  f("maximize", o.maximize, detail::any);
}

static void check(const SGDOptions& o) {
  if (o.nesterov && (o.momentum <= 0 || o.dampening != 0))
    fail("SGD", "nesterov with momentum = ", o.momentum, " and dampening = ", o.dampening,
         " was given; it requires a momentum above 0 and no dampening");
}

template class OptimizerOf<SGDOptions>;

std::vector<const char*> SGD::moment_names(const Slot& slot) const {
  if (options_of(slot).momentum == 0) return {};
  return {"momentum_buffer"};
}

void SGD::update(Slot& slot, double grad_scale) {
  const SGDOptions& o = options_of(slot);
  detail::dispatch(slot.dtype, [&]<class T>(T) {
    const T lr = static_cast<T>(o.lr), decay = static_cast<T>(o.weight_decay),
            momentum = static_cast<T>(o.momentum),
            scale = static_cast<T>(detail::signed_scale(grad_scale, o.maximize)),
            fresh = static_cast<T>(slot.step == 1 ? 1 : 1 - o.dampening);
    if (o.momentum == 0)
      detail::sweep<T, 0>(slot, [=](T& p, T g) { p -= lr * (scale * g + decay * p); });
    else if (o.nesterov)
      detail::sweep<T, 1>(slot, [=](T& p, T g, T& b) {
        const T d = scale * g + decay * p;
        b = momentum * b + d;
        p -= lr * (d + momentum * b);
      });
    else
      detail::sweep<T, 1>(slot, [=](T& p, T g, T& b) {
        b = momentum * b + fresh * (scale * g + decay * p);
        p -= lr * b;
      });
  });
}

}  // namespace gradus::optim
