#pragma once

#include <cmath>

#include "gradus/optim/adam.hpp"
#include "optim/sweep.hpp"

namespace gradus::optim::detail {

/// Adam's step with both kinds of decay: p *= 1 - lr * decoupled; g += l2 * p.
template <class O, class Slot>
void adam_step(Slot& slot, const O& o, const BiasCorrection& bias, double grad_scale, double l2_,
               double decoupled) {
  dispatch(slot.dtype, [&]<class T>(T) {
    const T scale = static_cast<T>(signed_scale(grad_scale, o.maximize)), l2 = static_cast<T>(l2_),
            keep = static_cast<T>(1 - o.lr * decoupled), beta1 = static_cast<T>(o.betas[0]),
            fresh1 = static_cast<T>(1 - o.betas[0]), beta2 = static_cast<T>(o.betas[1]),
            fresh2 = static_cast<T>(1 - o.betas[1]), rate = static_cast<T>(o.lr * bias.first),
            root = static_cast<T>(bias.second_root), eps = static_cast<T>(o.eps);
    if (o.amsgrad)
      sweep<T, 3>(slot, [=](T& p, T g, T& m, T& v, T& largest) {
        const T d = scale * g + l2 * p;
        m = beta1 * m + fresh1 * d;
        v = beta2 * v + fresh2 * d * d;
        largest = largest < v ? v : largest;
        p = keep * p - rate * m / (std::sqrt(largest) * root + eps);
      });
    else
      sweep<T, 2>(slot, [=](T& p, T g, T& m, T& v) {
        const T d = scale * g + l2 * p;
        m = beta1 * m + fresh1 * d;
        v = beta2 * v + fresh2 * d * d;
        p = keep * p - rate * m / (std::sqrt(v) * root + eps);
      });
  });
}

}  // namespace gradus::optim::detail
