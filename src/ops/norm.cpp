#include <cmath>
#include <limits>

#include "ops/reduction.hpp"

namespace gradus {

using kernels::Binary;
using kernels::Reduce;
using kernels::Unary;

namespace {

Tensor kept(const Tensor& g, const Axes& over, const Tensor& x) {
  return reshape(g, detail::reduced_shape(x.shape(), over, true));
}

/// sign(x), a constant.
Tensor sign_of(const Tensor& x) { return detail::map(Unary::sign, x); }

Tensor norm_1(const Tensor& x, const Axes& over, bool keepdim) {
  return record("norm", detail::reduce(Reduce::sum_abs, x, over, keepdim), {x},
                [over](const Vjp& k) {
                  return detail::safe_mul(kept(k.grad, over, k.in(0)), sign_of(k.in(0)));
                });
}

Tensor norm_2(const Tensor& x, const Axes& over, bool keepdim) {
  const Tensor squares = detail::reduce(Reduce::sum_squares, x, over, keepdim);
  return record("norm", detail::map(Unary::sqrt, squares), {x}, [over](const Vjp& k) {
    return detail::safe_mul(kept(detail::safe_div(k.grad, k.out()), over, k.in(0)), k.in(0));
  });
}

/// The number of elements that are not 0, whose gradient is 0.
Tensor norm_0(const Tensor& x, const Axes& over, bool keepdim) {
  const Tensor ones = x.detach().to(boolean).to(x.dtype());
  return record("norm", detail::reduce(Reduce::sum, ones, over, keepdim), {x},
                [](const Vjp& k) { return zeros_like(k.in(0)); });
}

/// The largest or smallest absolute value.
Tensor norm_extreme(Reduce op, const Tensor& x, const Axes& over, bool keepdim) {
  detail::require_nonempty(x, over, "norm");
  const Tensor sizes = detail::map(Unary::abs, x);
  return record("norm", detail::reduce(op, sizes, over, keepdim), {x}, [over](const Vjp& k) {
    const Tensor& in = k.in(0);
    const Tensor shares = detail::tie_shares(detail::map(Unary::abs, in), k.out(), over);
    return detail::safe_mul(kept(k.grad, over, in),
                            detail::zip("norm", Binary::mul, shares, sign_of(in)));
  });
}

/// (sum |x|^p)^(1/p).
Tensor norm_p(const Tensor& x, double p, const Axes& over, bool keepdim) {
  const Tensor powers = detail::map(Unary::pow_scalar, detail::map(Unary::abs, x), p);
  const Tensor sums = detail::reduce(Reduce::sum, powers, over, keepdim);
  return record("norm", detail::map(Unary::pow_scalar, sums, 1 / p), {x}, [over, p](const Vjp& k) {
    // sign(x) (|x| / norm)^(p - 1), where a zero stays zero for any p and order.
    const Tensor& in = k.in(0);
    const Tensor zero = eq(in, 0.0);
    const Tensor norm = kept(k.out(), over, in);
    const Tensor ratio = where(zero, 1.0, detail::safe_div(abs(in), norm));
    const Tensor none = detail::quotient(detail::full_scalar(0, in.dtype()), norm);  // or NaN
    const Tensor slope = where(zero, none, pow(ratio, p - 1) * sign_of(in));
    return detail::safe_mul(kept(k.grad, over, in), slope);
  });
}

}  // namespace

Tensor norm(const Tensor& x, double p, const Axes& axes, bool keepdim) {
  detail::require_floating(x, "norm");
  const Axes over = normalize_axes(axes, x.dim(), "norm");
  if (std::isnan(p)) fail("norm", "the order p = NaN was given; a number or infinity is required");
  if (p == 2) return norm_2(x, over, keepdim);
  if (p == 1) return norm_1(x, over, keepdim);
  if (p == 0) return norm_0(x, over, keepdim);
  if (std::isinf(p)) return norm_extreme(p > 0 ? Reduce::max : Reduce::min, x, over, keepdim);
  return norm_p(x, p, over, keepdim);
}

}  // namespace gradus
