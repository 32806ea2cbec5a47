#include "gradus/ops/pointwise.hpp"

#include <numbers>

#include "ops/common.hpp"

namespace gradus {

using detail::safe_div;
using detail::safe_mul;
using detail::zero_mul;
using kernels::Binary;
using kernels::Unary;

namespace {

/// op(x) in floating point.
template <class Rule>
Tensor floating(Unary op, const Tensor& x, Rule rule) {
  const Tensor a = detail::to_floating(x);
  return record(name_of(op), detail::map(op, a), {a}, rule);
}

/// op(x) in the dtype of x; bool as int64.
template <class Rule>
Tensor arithmetic(Unary op, const Tensor& x, Rule rule) {
  const Tensor a = detail::to_arithmetic(x);
  return record(name_of(op), detail::map(op, a), {a}, rule);
}

/// A step function: the gradient is 0 wherever there is one.
Tensor step(Unary op, const Tensor& x) {
  return arithmetic(op, x, [](const Vjp& k) { return zeros_like(k.grad); });
}

/// 1 - x^2 without cancellation near -1 and 1.
Tensor one_minus_square(const Tensor& x) { return (1 - x) * (1 + x); }

/// sqrt(1 + x^2), also where x^2 is beyond the range. Its derivative is x / sqrt(1 + x^2).
Tensor hypot_one(const Tensor& x) {
  return record("hypot_one", detail::map(Unary::hypot_one, x), {x},
                [](const Vjp& k) { return safe_mul(k.grad, k.in(0) / k.out()); });
}

/// g 2/sqrt(pi) e^(-x^2)
Tensor erf_grad(const Tensor& g, const Tensor& x) {
  return detail::record_pair(
      "erf_grad", detail::zip("erf_grad", Binary::erf_grad, g, x), g, x,
      [](const Vjp& k) { return erf_grad(k.grad, k.in(1)); },
      [](const Vjp& k) { return zero_mul(zero_mul(k.grad, k.out()), k.in(1)) * -2; });
}

/// g (1 - out^2)
Tensor tanh_grad(const Tensor& g, const Tensor& out) {
  return detail::record_pair(
      "tanh_grad", detail::zip("tanh_grad", Binary::tanh_grad, g, out), g, out,
      [](const Vjp& k) { return tanh_grad(k.grad, k.in(1)); },
      [](const Vjp& k) { return zero_mul(zero_mul(k.grad, k.in(0)), k.in(1)) * -2; });
}

}  // namespace

Tensor abs(const Tensor& x) {
  return arithmetic(Unary::abs, x, [](const Vjp& k) { return k.grad * sign(k.in(0)); });
}
Tensor sign(const Tensor& x) { return step(Unary::sign, x); }
Tensor floor(const Tensor& x) { return step(Unary::floor, x); }
Tensor ceil(const Tensor& x) { return step(Unary::ceil, x); }
Tensor round(const Tensor& x) { return step(Unary::round, x); }
Tensor trunc(const Tensor& x) { return step(Unary::trunc, x); }

Tensor square(const Tensor& x) {
  return arithmetic(Unary::square, x, [](const Vjp& k) { return safe_mul(k.grad, k.in(0)) * 2; });
}

Tensor sqrt(const Tensor& x) {
  return floating(Unary::sqrt, x, [](const Vjp& k) { return safe_div(k.grad * 0.5, k.out()); });
}

Tensor rsqrt(const Tensor& x) {
  return floating(Unary::rsqrt, x,
                  [](const Vjp& k) { return safe_div(safe_mul(k.grad * -0.5, k.out()), k.in(0)); });
}

Tensor reciprocal(const Tensor& x) {
  return floating(Unary::reciprocal, x,
                  [](const Vjp& k) { return -safe_div(safe_div(k.grad, k.in(0)), k.in(0)); });
}

Tensor exp(const Tensor& x) {
  return floating(Unary::exp, x, [](const Vjp& k) { return safe_mul(k.grad, k.out()); });
}

Tensor exp2(const Tensor& x) {
  return floating(Unary::exp2, x,
                  [](const Vjp& k) { return safe_mul(k.grad, k.out()) * std::numbers::ln2; });
}

Tensor expm1(const Tensor& x) {
  return floating(Unary::expm1, x, [](const Vjp& k) { return safe_mul(k.grad, exp(k.in(0))); });
}

Tensor log(const Tensor& x) {
  return floating(Unary::log, x, [](const Vjp& k) { return safe_div(k.grad, k.in(0)); });
}

Tensor log1p(const Tensor& x) {
  return floating(Unary::log1p, x, [](const Vjp& k) { return safe_div(k.grad, k.in(0) + 1); });
}

Tensor log2(const Tensor& x) {
  return floating(Unary::log2, x,
                  [](const Vjp& k) { return safe_div(k.grad * std::numbers::log2e, k.in(0)); });
}

Tensor log10(const Tensor& x) {
  return floating(Unary::log10, x,
                  [](const Vjp& k) { return safe_div(k.grad * std::numbers::log10e, k.in(0)); });
}

Tensor sin(const Tensor& x) {
  return floating(Unary::sin, x, [](const Vjp& k) { return safe_mul(k.grad, cos(k.in(0))); });
}

Tensor cos(const Tensor& x) {
  return floating(Unary::cos, x, [](const Vjp& k) { return -safe_mul(k.grad, sin(k.in(0))); });
}

Tensor tan(const Tensor& x) {
  return floating(Unary::tan, x,
                  [](const Vjp& k) { return safe_mul(k.grad, square(k.out()) + 1); });
}

Tensor asin(const Tensor& x) {
  return floating(Unary::asin, x,
                  [](const Vjp& k) { return safe_div(k.grad, sqrt(one_minus_square(k.in(0)))); });
}

Tensor acos(const Tensor& x) {
  return floating(Unary::acos, x,
                  [](const Vjp& k) { return -safe_div(k.grad, sqrt(one_minus_square(k.in(0)))); });
}

Tensor atan(const Tensor& x) {
  return floating(Unary::atan, x, [](const Vjp& k) {
    const Tensor root = hypot_one(k.in(0));
    return safe_div(safe_div(k.grad, root), root);
  });
}

Tensor sinh(const Tensor& x) {
  return floating(Unary::sinh, x, [](const Vjp& k) { return safe_mul(k.grad, cosh(k.in(0))); });
}

Tensor cosh(const Tensor& x) {
  return floating(Unary::cosh, x, [](const Vjp& k) { return safe_mul(k.grad, sinh(k.in(0))); });
}

Tensor tanh(const Tensor& x) {
  return floating(Unary::tanh, x, [](const Vjp& k) { return tanh_grad(k.grad, k.out()); });
}

Tensor asinh(const Tensor& x) {
  return floating(Unary::asinh, x,
                  [](const Vjp& k) { return safe_div(k.grad, hypot_one(k.in(0))); });
}

Tensor acosh(const Tensor& x) {
  return floating(Unary::acosh, x, [](const Vjp& k) {
    return safe_div(safe_div(k.grad, sqrt(k.in(0) - 1)), sqrt(k.in(0) + 1));
  });
}

Tensor atanh(const Tensor& x) {
  return floating(Unary::atanh, x,
                  [](const Vjp& k) { return safe_div(k.grad, one_minus_square(k.in(0))); });
}

Tensor erf(const Tensor& x) {
  return floating(Unary::erf, x, [](const Vjp& k) { return erf_grad(k.grad, k.in(0)); });
}

Tensor erfc(const Tensor& x) {
  return floating(Unary::erfc, x, [](const Vjp& k) { return -erf_grad(k.grad, k.in(0)); });
}

}  // namespace gradus
