// Operations that choose between values: bounds, extremes, masks.
#include <algorithm>

#include "base/messages.hpp"
#include "gradus/ops/pointwise.hpp"
#include "ops/common.hpp"

namespace gradus {

using detail::node;
using detail::safe_mul;
using kernels::Binary;
using kernels::Unary;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// g where min <= x <= max, else 0.
Tensor clamp_grad(const Tensor& g, const Tensor& x, double min, double max) {
  return detail::record_pair(
      "clamp_grad", detail::zip("clamp_grad", Binary::clamp_grad, g, x, min, max), g, x,
      [min, max](const Vjp& k) { return clamp_grad(k.grad, k.in(1), min, max); },
      [](const Vjp& k) { return zeros_like(k.grad); });
}

/// `op` with parameters p0, p1, which has the gradient of a clamp to [min, max].
Tensor clamped(const char* name, Unary op, const Tensor& x, double p0, double p1, double min,
               double max) {
  if (std::isnan(min) || std::isnan(max)) {
    const Tensor a = detail::to_floating(x);
    return record(name, full_like(a, std::numeric_limits<double>::quiet_NaN()), {a},
                  [](const Vjp& k) { return zeros_like(k.grad); });
  }
  // An infinite bound does not turn integers into floating point.
  Tensor a = detail::to_arithmetic(x);
  for (const double bound : {min, max})
    if (std::isfinite(bound)) a = detail::to_dtype_with(a, bound);
  return record(name, detail::map(op, a, p0, p1), {a},
                [min, max](const Vjp& k) { return clamp_grad(k.grad, k.in(0), min, max); });
}

/// The part of the gradient that maximum(a, b) gives to a: 1, 1/2 for equal values, or 0. Where one
/// is NaN, both get all.
Tensor share(const Tensor& a, const Tensor& b) { return detail::zip("share", Binary::share, a, b); }

/// maximum or minimum.
Tensor extreme(const char* name, Binary op, const Tensor& a, const Tensor& b) {
  return detail::promoted(a, b, [=](const Tensor& x, const Tensor& y) {
    return record(name, detail::zip(name, op, x, y), {x, y}, [op](const Vjp& k) -> Grads<2> {
      const auto part = [&](int i) {
        const int first = op == Binary::maximum ? i : 1 - i;
        return k.wants(i) ? safe_mul(k.grad, share(k.in(first), k.in(1 - first))) : Tensor();
      };
      return {part(0), part(1)};
    });
  });
}

void require_mask(const Tensor& mask, const char* name, const char* what) {
  if (node(mask)->dtype != DType::boolean)
    fail(name, what, " of ", detail::describe(mask),
         " was given; dtype bool is required; compare (as in x != 0: ne(x, 0)) or "
         "convert it with to()");
}

/// condition ? a : b, broadcast; a and b of one dtype.
Tensor selected(const char* name, const Tensor& condition, const Tensor& a, const Tensor& b) {
  const Shape shape =
      broadcast_shapes(condition.shape(), broadcast_shapes(a.shape(), b.shape(), name), name);
  const DType type = node(a)->dtype;
  const auto call = [type](const void* c, const void* x, const void* y) {
    return kernels::Where{type, c, x, y, nullptr, {}};
  };
  return detail::over_broadcast(shape, type, call, condition, a, b);
}

/// condition ? x : number (number ? if `flipped`), with x in the dtype of its arithmetic with it.
Tensor select_or_number(const char* name, const Tensor& condition, const Tensor& x, double number,
                        bool flipped) {
  const bool keeps_bool = node(x)->dtype == DType::boolean && (number == 0 || number == 1);
  const Tensor a = keeps_bool ? x : detail::to_dtype_with(x, number);
  const Tensor other = detail::full_scalar(number, node(a)->dtype);
  Tensor value =
      flipped ? selected(name, condition, other, a) : selected(name, condition, a, other);
  return record(name, std::move(value), {condition, a}, [flipped](const Vjp& k) -> Grads<2> {
    const Tensor &c = k.in(0), &g = k.grad;
    return {Tensor(), flipped ? where(c, 0, g) : where(c, g, 0)};
  });
}

}  // namespace

Tensor clamp(const Tensor& x, double min, double max) {
  return clamped("clamp", Unary::clamp, x, min, max, min, max);
}
Tensor clamp_min(const Tensor& x, double min) {
  return clamped("clamp_min", Unary::clamp_min, x, min, 0, min, infinity);
}
Tensor clamp_max(const Tensor& x, double max) {
  return clamped("clamp_max", Unary::clamp_max, x, max, 0, -infinity, max);
}

Tensor clamp(const Tensor& x, const Tensor& min, const Tensor& max) {
  if (!min.defined() && !max.defined())
    fail("clamp", "two undefined bounds were given; one or both are required");
  if (!min.defined() || !max.defined()) {
    const bool lower = min.defined();
    return detail::promoted(x, lower ? min : max, [lower](const Tensor& a, const Tensor& b) {
      const Binary op = lower ? Binary::maximum : Binary::minimum;
      return detail::record_pair(
          "clamp", detail::zip("clamp", op, a, b), a, b,
          [lower](const Vjp& k) {
            return where(lower ? k.in(0) >= k.in(1) : k.in(0) <= k.in(1), k.grad, 0);
          },
          [lower](const Vjp& k) {
            return where(lower ? k.in(0) < k.in(1) : k.in(0) > k.in(1), k.grad, 0);
          });
    });
  }
  const DType common =
      std::max(std::max(detail::promote(x, min), detail::promote(x, max)), DType::int64);
  const Tensor a = x.to(common), low = min.to(common), high = max.to(common);
  Tensor value =
      detail::zip("clamp", Binary::minimum, detail::zip("clamp", Binary::maximum, a, low), high);
  return record("clamp", std::move(value), {a, low, high}, [](const Vjp& k) -> Grads<3> {
    const Tensor &v = k.in(0), &lo = k.in(1), &hi = k.in(2), &g = k.grad;
    return {k.wants(0) ? where(logical_and(v >= lo, v <= hi), g, 0) : Tensor(),
            k.wants(1) ? where(logical_and(v < lo, lo < hi), g, 0) : Tensor(),
            k.wants(2) ? where(logical_or(v > hi, hi < lo), g, 0) : Tensor()};
  });
}

Tensor maximum(const Tensor& a, const Tensor& b) {
  return extreme("maximum", Binary::maximum, a, b);
}
Tensor minimum(const Tensor& a, const Tensor& b) {
  return extreme("minimum", Binary::minimum, a, b);
}

Tensor maximum(const Tensor& a, double b) {
  const Tensor x = detail::to_dtype_with(a, b);
  return maximum(x, detail::full_scalar(b, x.dtype()));
}
Tensor minimum(const Tensor& a, double b) {
  const Tensor x = detail::to_dtype_with(a, b);
  return minimum(x, detail::full_scalar(b, x.dtype()));
}

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  require_mask(condition, "where", "a condition");
  const DType common = detail::promote(a, b);
  const Tensor x = a.to(common), y = b.to(common);
  return record("where", selected("where", condition, x, y), {condition, x, y},
                [](const Vjp& k) -> Grads<3> {
                  return {Tensor(), k.wants(1) ? where(k.in(0), k.grad, 0) : Tensor(),
                          k.wants(2) ? where(k.in(0), 0, k.grad) : Tensor()};
                });
}

Tensor where(const Tensor& condition, const Tensor& a, double b) {
  require_mask(condition, "where", "a condition");
  return select_or_number("where", condition, a, b, false);
}

Tensor where(const Tensor& condition, double a, const Tensor& b) {
  require_mask(condition, "where", "a condition");
  return select_or_number("where", condition, b, a, true);
}

Tensor where(const Tensor& condition, double a, double b) {
  require_mask(condition, "where", "a condition");
  return selected("where", condition, detail::full_scalar(a, float32),
                  detail::full_scalar(b, float32));
}

Tensor masked_fill(const Tensor& x, const Tensor& mask, double value) {
  require_mask(mask, "masked_fill", "a mask");
  return select_or_number("masked_fill", mask, x, value, true);
}

}  // namespace gradus
