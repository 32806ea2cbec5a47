#include <cmath>

#include "gradus/optim/adam.hpp"

namespace gradus::optim::detail {
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

}  // namespace gradus::optim::detail
