#include <algorithm>
#include <limits>

#include "base/messages.hpp"
#include "gradus/ops/compare.hpp"
#include "gradus/ops/pointwise.hpp"
#include "ops/common.hpp"

namespace gradus {

using detail::is_ordinary;
using detail::node;
using detail::promoted;
using detail::quotient;
using detail::record_pair;
using detail::safe_div;
using detail::safe_mul;
using detail::scaled;
using detail::zero_mul;
using kernels::Binary;
using kernels::Ternary;
using kernels::Unary;

namespace {

/// f(a, b) for a number b in the dtype of their arithmetic.
template <class F>
Tensor with_number(const Tensor& a, double b, F f) {
  const Tensor x = detail::to_dtype_with(a, b);
  return f(x, detail::full_scalar(b, node(x)->dtype));
}

// ---- powers: in derivatives, 0 stands where a power of 0 or its logarithm is infinite ----

/// x^p, and 0 where x is 0.
Tensor safe_pow(const Tensor& x, double p) {
  return record("safe_pow", detail::map(Unary::safe_pow_scalar, x, p), {x}, [p](const Vjp& k) {
    return safe_mul(scaled(k.grad, p), safe_pow(k.in(0), p - 1));
  });
}

/// ln x, and 0 where x is 0.
Tensor safe_log(const Tensor& x) {
  return record("safe_log", detail::map(Unary::safe_log, x), {x},
                [](const Vjp& k) { return safe_div(k.grad, k.in(0)); });
}

Tensor safe_pow(const Tensor& a, const Tensor& b);

// An infinite exponent or logarithm does not count beside a power of 0, nor a NaN beside an
// exponent of 0.
constexpr auto by_base = [](const Vjp& k) {
  const Tensor &a = k.in(0), &b = k.in(1);
  return safe_mul(k.grad, zero_mul(b, safe_pow(a, b - 1)));
};
constexpr auto by_exponent = [](const Vjp& k) {
  return safe_mul(k.grad, safe_mul(safe_pow(k.in(0), k.in(1)), safe_log(k.in(0))));
};

/// a^b, and 0 where a is 0 and b negative.
Tensor safe_pow(const Tensor& a, const Tensor& b) {
  return record_pair("safe_pow", detail::zip("pow", Binary::safe_pow, a, b), a, b, by_base,
                     by_exponent);
}

/// x^p for p >= 1 in its fast form; below, 0 at 0.
Tensor power_in_rule(const Tensor& x, double p) { return p >= 0 ? pow(x, p) : safe_pow(x, p); }

// ---- integer division ----

void require_nonzero(const Tensor& b, const char* name) {
  if (node(b)->dtype != DType::int64) return;
  detail::host_reads(b, name);
  const std::int64_t* values = b.data<std::int64_t>();
  if (std::find(values, values + b.numel(), 0) != values + b.numel())
    fail(name, "integers were divided by a tensor of ", detail::describe(b),
         " that holds 0; a divisor other than 0 is required; convert to floating point for "
         "infinity or NaN");
}

Tensor fmod_of(const Tensor& a, const Tensor& b) {
  require_nonzero(b, "fmod");
  return record_pair(
      "fmod", detail::zip("fmod", Binary::fmod, a, b), a, b, [](const Vjp& k) { return k.grad; },
      [](const Vjp& k) { return -safe_mul(k.grad, trunc(k.in(0) / k.in(1))); });
}

Tensor remainder_of(const Tensor& a, const Tensor& b) {
  require_nonzero(b, "remainder");
  return record_pair(
      "remainder", detail::zip("remainder", Binary::remainder, a, b), a, b,
      [](const Vjp& k) { return k.grad; },
      [](const Vjp& k) { return -safe_mul(k.grad, floor_divide(k.in(0), k.in(1))); });
}

Tensor floor_divide_of(const Tensor& a, const Tensor& b) {
  require_nonzero(b, "floor_divide");
  const auto rule = [](const Vjp& k) { return zeros_like(k.grad); };
  return record_pair("floor_divide", detail::zip("floor_divide", Binary::floor_divide, a, b), a, b,
                     rule, rule);
}

// ---- right triangles ----

/// a / hypot(a, b). With b's part c of the length h its derivatives are c^2 / h and -out c / h: in
/// (1 - out^2) / h nothing would be left of c where a is much the larger.
Tensor cosine(const Tensor& a, const Tensor& b) {
  return record("cosine", detail::zip("cosine", Binary::cosine, a, b), {a, b},
                [](const Vjp& k) -> Grads<2> {
                  const Tensor &x = k.in(0), &y = k.in(1), other = cosine(y, x);
                  const Tensor g = safe_mul(k.grad, other), h = hypot(x, y);
                  return {k.wants(0) ? safe_div(safe_mul(g, other), h) : Tensor(),
                          k.wants(1) ? -safe_div(safe_mul(g, k.out()), h) : Tensor()};
                });
}

// ---- three operands ----

/// op(a, b, c), broadcast and promoted to one floating-point dtype.
template <class Rule>
Tensor ternary(const char* name, Ternary op, const Tensor& a, const Tensor& b, const Tensor& c,
               double p0, Rule rule) {
  const auto promotes = [](const Tensor& x, const Tensor& y) {
    return std::max(detail::promote(x, y), DType::float32);
  };
  const DType common = std::max(promotes(a, b), promotes(b, c));
  const Tensor x = a.to(common), y = b.to(common), z = c.to(common);
  const Shape shape =
      broadcast_shapes(broadcast_shapes(x.shape(), y.shape(), name), z.shape(), name);
  Tensor value = detail::empty(shape, common);
  {
    const NoGrad guard;
    const Tensor u = expand(x, shape), v = expand(y, shape), w = expand(z, shape);
    kernels::run(kernels::Zip3{op, common, detail::data(u), detail::data(v), detail::data(w),
                               detail::data(value), value.numel(), p0});
  }
  return record(name, std::move(value), {x, y, z}, rule);
}

}  // namespace

Tensor pow(const Tensor& a, double p) {
  const Tensor x = detail::to_dtype_with(a, p);
  if (p == 0.5) return sqrt(x);
  if (p == 2) return square(x);
  if (!is_floating_point(node(x)->dtype)) {
    if (p < 0)
      fail("pow", "integers of shape ", a.shape(), " and the exponent ", p,
           " were given; an exponent of at least 0 is required; convert to floating "
           "point first");
    return pow(x, detail::full_scalar(p, int64));
  }
  return record("pow", detail::map(Unary::pow_scalar, x, p), {x}, [p](const Vjp& k) {
    if (p == 0) return zeros_like(k.grad);
    const Tensor power = power_in_rule(k.in(0), p - 1);
    if (is_ordinary(p)) return safe_mul(k.grad * p, power);
    return safe_mul(k.grad, scaled(power, p));
  });
}

Tensor pow(const Tensor& a, const Tensor& b) {
  return promoted(a, b, [](const Tensor& x, const Tensor& y) {
    return record_pair("pow", detail::zip("pow", Binary::pow, x, y), x, y, by_base, by_exponent);
  });
}

Tensor pow(double a, const Tensor& b) {
  const Tensor x = detail::to_floating(b);
  return record("pow", detail::map(Unary::rpow_scalar, x, a), {x}, [a](const Vjp& k) {
    if (a == 0) return zeros_like(k.grad);
    const double log_a = std::log(a);
    if (is_ordinary(log_a)) return safe_mul(k.grad * log_a, k.out());
    return safe_mul(k.grad, scaled(k.out(), log_a));
  });
}

Tensor atan2(const Tensor& a, const Tensor& b) {
  return promoted(a, b, float32, [](const Tensor& y, const Tensor& x) {
    return record("atan2", detail::zip("atan2", Binary::atan2, y, x), {y, x},
                  [](const Vjp& k) -> Grads<2> {
                    const Tensor &v = k.in(0), &u = k.in(1);
                    // Infinite beside a NaN, the radius would hide it; the angle does not. An
                    // infinite leg is as good as the largest number.
                    const Tensor radius = hypot(v, u) + k.out().detach() * 0;
                    const double most = v.dtype() == float32
                                            ? static_cast<double>(std::numeric_limits<float>::max())
                                            : std::numeric_limits<double>::max();
                    const auto part = [&](const Tensor& leg) {
                      const Tensor share = quotient(clamp(leg, -most, most), radius);
                      return safe_div(safe_mul(k.grad, share), radius);
                    };
                    return {k.wants(0) ? part(u) : Tensor(), k.wants(1) ? -part(v) : Tensor()};
                  });
  });
}

Tensor hypot(const Tensor& a, const Tensor& b) {
  return promoted(a, b, float32, [](const Tensor& x, const Tensor& y) {
    return record_pair(
        "hypot", detail::zip("hypot", Binary::hypot, x, y), x, y,
        [](const Vjp& k) { return safe_mul(k.grad, cosine(k.in(0), k.in(1))); },
        [](const Vjp& k) { return safe_mul(k.grad, cosine(k.in(1), k.in(0))); });
  });
}

Tensor fmod(const Tensor& a, const Tensor& b) { return promoted(a, b, fmod_of); }
Tensor fmod(const Tensor& a, double b) { return with_number(a, b, fmod_of); }
Tensor remainder(const Tensor& a, const Tensor& b) { return promoted(a, b, remainder_of); }
Tensor remainder(const Tensor& a, double b) { return with_number(a, b, remainder_of); }
Tensor floor_divide(const Tensor& a, const Tensor& b) { return promoted(a, b, floor_divide_of); }
Tensor floor_divide(const Tensor& a, double b) { return with_number(a, b, floor_divide_of); }

Tensor lerp(const Tensor& start, const Tensor& end, const Tensor& weight) {
  return ternary("lerp", Ternary::lerp, start, end, weight, 0, [](const Vjp& k) -> Grads<3> {
    return {k.wants(0) ? safe_mul(k.grad, 1 - k.in(2)) : Tensor(),
            k.wants(1) ? safe_mul(k.grad, k.in(2)) : Tensor(),
            k.wants(2) ? safe_mul(k.grad, k.in(1) - k.in(0)) : Tensor()};
  });
}

Tensor lerp(const Tensor& start, const Tensor& end, double weight) {
  return promoted(start, end, float32, [weight](const Tensor& x, const Tensor& y) {
    return record_pair(
        "lerp", detail::zip("lerp", Binary::lerp_scalar, x, y, weight), x, y,
        [weight](const Vjp& k) { return scaled(k.grad, 1 - weight); },
        [weight](const Vjp& k) { return scaled(k.grad, weight); });
  });
}

Tensor addcmul(const Tensor& x, const Tensor& a, const Tensor& b, double value) {
  return ternary("addcmul", Ternary::addcmul, x, a, b, value, [value](const Vjp& k) -> Grads<3> {
    return {k.grad, k.wants(1) ? safe_mul(scaled(k.grad, value), k.in(2)) : Tensor(),
            k.wants(2) ? safe_mul(scaled(k.grad, value), k.in(1)) : Tensor()};
  });
}

Tensor addcdiv(const Tensor& x, const Tensor& a, const Tensor& b, double value) {
  return ternary("addcdiv", Ternary::addcdiv, x, a, b, value, [value](const Vjp& k) -> Grads<3> {
    const Tensor g = scaled(k.grad, value);
    return {k.grad, k.wants(1) ? safe_div(g, k.in(2)) : Tensor(),
            k.wants(2) ? -safe_div(safe_mul(g, quotient(k.in(1), k.in(2))), k.in(2)) : Tensor()};
  });
}

}  // namespace gradus
