#include "gradus/ops/arithmetic.hpp"

#include <cmath>
#include <limits>

#include "autograd/capture.hpp"
#include "autograd/gradients.hpp"
#include "kernels/elementwise/functions.hpp"
#include "ops/common.hpp"

namespace gradus {

using detail::Node;
using detail::node;
using detail::promoted;
using kernels::Binary;
using kernels::Unary;

namespace {

/// f(values…) of scalars of one floating-point dtype, without the machinery of arrays.
template <class F, class... More>
Tensor on_scalars(F f, const Node* x, const More*... more) {
  Tensor out = detail::empty_scalar(x->dtype);
  const auto put = [&]<class T>(T) {
    *static_cast<T*>(node(out)->data) =
        f(*static_cast<const T*>(x->data), *static_cast<const T*>(more->data)...);
  };
  x->dtype == DType::float32 ? put(float()) : put(double());
  return out;
}

/// The value of a binary operation, promoted and broadcast.
template <Binary op>
Tensor compute(const char* name, const Tensor& a, const Tensor& b) {
  const Node *x = node(a), *y = node(b);
  if (x->rank == 0 && y->rank == 0 && x->dtype == y->dtype && is_floating_point(x->dtype) &&
      !detail::is_capturing())
    return on_scalars([](auto u, auto v) { return kernels::apply<op>(u, v); }, x, y);
  return detail::zip(name, op, a, b);
}

/// The value of an operation on x and a number.
template <Unary op>
Tensor compute(const Tensor& x, double number) {
  const Node* from = node(x);
  if (from->rank != 0 || !is_floating_point(from->dtype) || detail::is_capturing())
    return detail::map(op, x, number);
  return on_scalars(
      [number](auto u) { return kernels::apply<op>(u, static_cast<decltype(u)>(number)); }, from);
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) {
  return promoted(a, b, [](const Tensor& x, const Tensor& y) {
    return record("add", compute<Binary::add>("add", x, y), {x, y}, [](const Vjp& k) -> Grads<2> {
      if (detail::give_scaled(k, {1, 1})) return {};
      return {k.grad, k.grad};
    });
  });
}

Tensor sub(const Tensor& a, const Tensor& b) {
  return promoted(a, b, [](const Tensor& x, const Tensor& y) {
    return record("sub", compute<Binary::sub>("sub", x, y), {x, y}, [](const Vjp& k) -> Grads<2> {
      if (detail::give_scaled(k, {1, -1})) return {};
      return {k.grad, k.wants(1) ? -k.grad : Tensor()};
    });
  });
}

namespace {

/// The gradient g d of a factor whose partner is d, written over the cotangent once nothing `more`
/// will read it, where that may be.
Tensor factor_gradient(const Vjp& k, const Tensor& d, bool more) {
  if (!more)
    if (Tensor own = detail::over_cotangent(k, Binary::safe_mul, d); own.defined()) return own;
  return detail::safe_mul(k.grad, d);
}

}  // namespace

Tensor mul(const Tensor& a, const Tensor& b) {
  return promoted(a, b, [](const Tensor& x, const Tensor& y) {
    return record("mul", compute<Binary::mul>("mul", x, y), {x, y}, [](const Vjp& k) -> Grads<2> {
      if (detail::give_scaled(k, {detail::Factor::input(1), detail::Factor::input(0)})) return {};
      const bool first = k.wants(0), second = k.wants(1);
      Grads<2> grads;
      if (second) grads[1] = factor_gradient(k, k.in(0), first);
      if (first) grads[0] = factor_gradient(k, k.in(1), false);
      return grads;
    });
  });
}

Tensor div(const Tensor& a, const Tensor& b) {
  return promoted(a, b, float32, [](const Tensor& x, const Tensor& y) {
    return record("div", compute<Binary::div>("div", x, y), {x, y}, [](const Vjp& k) -> Grads<2> {
      return {k.wants(0) ? detail::safe_div(k.grad, k.in(1)) : Tensor(),
              k.wants(1)
                  ? -detail::safe_div(detail::safe_mul(k.grad, detail::quotient(k.in(0), k.in(1))),
                                      k.in(1))
                  : Tensor()};
    });
  });
}

namespace detail {

Tensor sum_of(const Tensor& a, const Tensor& b) { return a + b; }

Tensor zero_mul(const Tensor& a, const Tensor& b) {
  Tensor value = compute<Binary::zero_mul>("mul", a, b);
  return record("zero_mul", std::move(value), {a, b}, [](const Vjp& k) -> Grads<2> {
    return {k.wants(0) ? zero_mul(k.grad, k.in(1)) : Tensor(),
            k.wants(1) ? zero_mul(k.grad, k.in(0)) : Tensor()};
  });
}

Tensor safe_mul(const Tensor& g, const Tensor& d) {
  Tensor value = compute<Binary::safe_mul>("mul", g, d);
  return record("safe_mul", std::move(value), {g, d}, [](const Vjp& k) -> Grads<2> {
    return {k.wants(0) ? safe_mul(k.grad, k.in(1)) : Tensor(),
            k.wants(1) ? zero_mul(k.grad, k.in(0)) : Tensor()};
  });
}

Tensor safe_div(const Tensor& num, const Tensor& den) {
  Tensor value = compute<Binary::safe_div>("div", num, den);
  return record("safe_div", std::move(value), {num, den}, [](const Vjp& k) -> Grads<2> {
    return {k.wants(0) ? safe_div(k.grad, k.in(1)) : Tensor(),
            k.wants(1) ? -safe_div(zero_mul(k.grad, k.out()), k.in(1)) : Tensor()};
  });
}

Tensor quotient(const Tensor& a, const Tensor& b) {
  Tensor value = compute<Binary::quotient>("div", a, b);
  return record("quotient", std::move(value), {a, b}, [](const Vjp& k) -> Grads<2> {
    return {k.wants(0) ? safe_div(k.grad, k.in(1)) : Tensor(),
            k.wants(1) ? -safe_div(safe_mul(k.grad, k.out()), k.in(1)) : Tensor()};
  });
}

Tensor scaled(const Tensor& g, double b) {
  // Of a scalar also -0 gives 0, as in the sweep.
  const bool is_ordinary = std::abs(b) <= static_cast<double>(std::numeric_limits<float>::max());
  if (is_ordinary && node(g)->rank > 0) return g * b;
  return safe_mul(g, full_scalar(b, node(g)->dtype));
}

}  // namespace detail

Tensor add(const Tensor& a, double b) {
  const Tensor x = detail::to_dtype_with(a, b);
  return record("add", compute<Unary::add_scalar>(x, b), {x}, [](const Vjp& k) { return k.grad; });
}

Tensor rsub(const Tensor& a, double b) {
  const Tensor x = detail::to_dtype_with(a, b);
  return record("rsub", compute<Unary::rsub_scalar>(x, b), {x},
                [](const Vjp& k) { return -k.grad; });
}

Tensor mul(const Tensor& a, double b) {
  const Tensor x = detail::to_dtype_with(a, b);
  return record("mul", compute<Unary::mul_scalar>(x, b), {x}, [b](const Vjp& k) {
    return detail::give_scaled(k, {b}) ? Tensor() : detail::scaled(k.grad, b);
  });
}

Tensor operator/(const Tensor& a, double b) {
  if (!is_floating_point(node(a)->dtype)) return a.to(float32) / b;
  // Dividing, not multiplying by 1 / b, keeps the last bit.
  const Tensor divisor = detail::full_scalar(b, node(a)->dtype);
  return record("div", compute<Binary::div>("div", a, divisor), {a}, [b](const Vjp& k) {
    if (b == b && b != 0) return k.grad / b;
    return detail::safe_div(k.grad, detail::full_scalar(b, node(k.grad)->dtype));
  });
}

Tensor rdiv(const Tensor& a, double b) {
  const Tensor x = detail::to_floating(a);
  return record("rdiv", compute<Unary::rdiv_scalar>(x, b), {x}, [b](const Vjp& k) {
    const Tensor& in = k.in(0);
    if (b == 0) {  // 0, but for a NaN
      const Tensor zero = detail::full_scalar(0, node(in)->dtype);
      return -detail::safe_mul(k.grad, detail::quotient(detail::quotient(zero, in), in));
    }
    return -detail::safe_div(detail::safe_div(detail::scaled(k.grad, b), in), in);
  });
}

Tensor neg(const Tensor& x) {
  const Tensor a = detail::to_arithmetic(x);
  return record("neg", compute<Unary::neg>(a, 0), {a}, [](const Vjp& k) { return -k.grad; });
}

}  // namespace gradus
