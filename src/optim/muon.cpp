#include "gradus/optim/muon.hpp"

#include <algorithm>
#include <cmath>

#include "base/messages.hpp"
#include "gradus/autograd.hpp"
#include "gradus/ops.hpp"
#include "optim/adam_step.hpp"
#include "optim/options.hpp"

namespace gradus::optim {

static constexpr const char* algorithm(const MuonOptions*) { return "Muon"; }

template <OptionsLike<MuonOptions> O, class F>
static void visit_options(O& o, F f) {
  f("lr", o.lr, detail::not_negative);
  f("momentum", o.momentum, detail::fraction);
  f("weight_decay", o.weight_decay, detail::not_negative);
  f("nesterov", o.nesterov, detail::any);
  f("ns_steps", o.ns_steps,
    detail::Rule{[](double x) { return x >= 1 && x <= 100; }, "a number from 1 to 100"});
  f("orthogonalize", o.orthogonalize, detail::any);
  f("adamw_lr", o.adamw_lr, detail::not_negative);
  detail::visit_betas(o, f);
  f("eps", o.eps, detail::not_negative);
  f("maximize", o.maximize, detail::any);
}

template class OptimizerOf<MuonOptions>;

Tensor newton_schulz(const Tensor& x, int steps) {
  if (x.dim() != 2 || !is_floating_point(x.dtype()))
    fail("newton_schulz", "a tensor of shape ", x.shape(), ", ", name_of(x.dtype()),
         " was given; a floating-point matrix is required");
  const NoGrad guard;
  const double length = norm(x).item();
  Tensor y = x * (1 / (length + 1e-7));
  if (std::isinf(length)) {  // beyond x's dtype, maybe of finite values
    const Tensor wide = x.to(float64);
    y = (wide / norm(wide)).to(x.dtype());
  }
  // The smaller of X X^T and X^T X.
  const bool tall = x.size(0) > x.size(1);
  for (int i = 0; i < steps; ++i) {
    const Tensor a = matmul(y, y, {.transpose_a = tall, .transpose_b = !tall});
    const Tensor b = a * -4.7750 + matmul(a, a) * 2.0315;
    y = y * 3.4445 + (tall ? matmul(y, b) : matmul(b, y));
  }
  return y;
}

bool Muon::takes_adamw(const Slot& slot) const {
  return !options_of(slot).orthogonalize || slot.param.dim() < 2 || slot.row > 0;
}

std::vector<const char*> Muon::moment_names(const Slot& slot) const {
  if (takes_adamw(slot)) return {"exp_avg", "exp_avg_sq"};
  return {"momentum_buffer"};
}

void Muon::update(Slot& slot, double grad_scale) {
  if (slot.numel == 0) return;
  if (takes_adamw(slot))
    update_adamw(slot, grad_scale);
  else
    update_matrix(slot, grad_scale);
}

void Muon::update_adamw(Slot& slot, double grad_scale) {
  const MuonOptions& o = options_of(slot);
  const double start = initial_lr(slot.group);
  const AdamWOptions adamw{.lr = start > 0 ? o.adamw_lr * o.lr / start : o.adamw_lr,
                           .betas = o.betas,
                           .eps = o.eps,
                           .weight_decay = o.weight_decay,
                           .maximize = o.maximize};
  bias_.set(o.betas, slot.step);
  detail::adam_step(slot, adamw, bias_, grad_scale, 0, o.weight_decay);
}

void Muon::update_matrix(Slot& slot, double grad_scale) {
  const MuonOptions& o = options_of(slot);
  const Index rows = slot.param.size(0), columns = slot.numel / rows;
  Tensor direction = zeros({rows, columns}, slot.dtype);
  detail::dispatch(slot.dtype, [&]<class T>(T) {
    const T scale = static_cast<T>(detail::signed_scale(grad_scale, o.maximize)),
            keep = static_cast<T>(1 - o.lr * o.weight_decay), beta = static_cast<T>(o.momentum),
            fresh = static_cast<T>(1 - o.momentum), grad_part = o.nesterov ? fresh : T{0},
            moment_part = o.nesterov ? beta : T{1};
    T* const u = direction.mutable_data<T>();
    Tensor copy = slot.trial ? slot.moments[0].clone() : Tensor();
    T* const m = slot.trial ? copy.mutable_data<T>() : static_cast<T*>(slot.data[0]);
    const T* const g = static_cast<const T*>(slot.grad);
    detail::for_tiles(slot.numel, [=](Index begin, Index end) {
      const auto step = [=](T& out, T grad, T& moment) {
        const T d = scale * grad;
        moment = beta * moment + fresh * d;
        out = grad_part * d + moment_part * moment;
      };
      detail::loop(end - begin, u + begin, g + begin, step, m + begin);
    });
    if (slot.trial)
      slot.fails |= !std::all_of(m, m + slot.numel, [](T x) { return std::isfinite(x); });
    const Tensor orthogonal = newton_schulz(direction, o.ns_steps);
    const double shape = static_cast<double>(rows) / static_cast<double>(columns);
    const T rate = static_cast<T>(o.lr * std::sqrt(std::max(1.0, shape)));
    slot.grad = orthogonal.data<T>();
    detail::sweep<T, 0>(slot, [=](T& p, T d) { p = keep * p - rate * d; });
  });
}

}  // namespace gradus::optim
