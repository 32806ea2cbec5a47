#include "gradus/ops/arithmetic.hpp"

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
      !kernels::listener)
    return on_scalars([](auto u, auto v) { return kernels::apply<op>(u, v); }, x, y);
  return detail::zip(name, op, a, b);
}

/// The value of an operation on x and a number.
template <Unary op>
Tensor compute(const Tensor& x, double number) {
  const Node* from = node(x);
  if (from->rank != 0 || !is_floating_point(from->dtype) || kernels::listener)
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
    return detail::record_pair(
        "div", compute<Binary::div>("div", x, y), x, y,
        [](const Vjp& k) { return detail::safe_div(k.grad, k.in(1)); },
        [](const Vjp& k) {
          const Tensor out = detail::quotient(k.in(0), k.in(1));
          return -detail::safe_div(detail::safe_mul(k.grad, out), k.in(1));
        });
  });
}

namespace detail {

Tensor sum_of(const Tensor& a, const Tensor& b) { return a + b; }

Tensor zero_mul(const Tensor& a, const Tensor& b) {
  return record_pair(
      "zero_mul", compute<Binary::zero_mul>("mul", a, b), a, b,
      [](const Vjp& k) { return zero_mul(k.grad, k.in(1)); },
      [](const Vjp& k) { return zero_mul(k.grad, k.in(0)); });
}

Tensor safe_mul(const Tensor& g, const Tensor& d) {
  return record_pair(
      "safe_mul", compute<Binary::safe_mul>("mul", g, d), g, d,
      [](const Vjp& k) { return safe_mul(k.grad, k.in(1)); },
      [](const Vjp& k) { return zero_mul(k.grad, k.in(0)); });
}

Tensor safe_div(const Tensor& num, const Tensor& den) {
  return record_pair(
      "safe_div", compute<Binary::safe_div>("div", num, den), num, den,
      [](const Vjp& k) { return safe_div(k.grad, k.in(1)); },
      [](const Vjp& k) { return -safe_div(zero_mul(k.grad, k.out()), k.in(1)); });
}

Tensor quotient(const Tensor& a, const Tensor& b) {
  return record_pair(
      "quotient", compute<Binary::quotient>("div", a, b), a, b,
      [](const Vjp& k) { return safe_div(k.grad, k.in(1)); },
      [](const Vjp& k) { return -safe_div(safe_mul(k.grad, k.out()), k.in(1)); });
}

Tensor scaled(const Tensor& g, double b) {
  // Of a scalar also -0 gives 0, as in the sweep.
  if (is_ordinary(b) && node(g)->rank > 0) return g * b;
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
