#include <cmath>
#include <limits>

#include "base/messages.hpp"
#include "kernels/rows/rows.hpp"
#include "ops/reduce/reduction.hpp"

namespace gradus {

using detail::kept;
using kernels::Binary;
using kernels::ReduceOp;
using kernels::Unary;

namespace {

/// sign(x), a constant.
Tensor sign_of(const Tensor& x) { return detail::map(Unary::sign, x); }

Tensor norm_1(const Tensor& x, const Axes& over, bool keepdim) {
  return record("norm", detail::reduce(ReduceOp::sum_abs, x, over, keepdim), {x},
                [over](const Vjp& k) {
                  return detail::safe_mul(kept(k.grad, over, k.in(0)), sign_of(k.in(0)));
                });
}

/// The p-norm, recording nothing. Axes that are not neighbours go one run after another: the norm
/// of norms is that of all.
Tensor length(const Tensor& x, double p, const Axes& over, bool keepdim) {
  Tensor value = x;
  detail::for_runs(x.shape(), over, [&](const detail::Lengths& of, const Shape& left) {
    const Tensor powers =
        p == 2 ? value : detail::map(Unary::pow_scalar, detail::map(Unary::abs, value), p);
    Tensor out = detail::empty(left, x.dtype());
    kernels::run(kernels::Reduce{p == 2 ? ReduceOp::sum_squares : ReduceOp::sum, x.dtype(),
                                 detail::data(powers), detail::data(out), of});
    kernels::run(kernels::RootOfSums{x.dtype(), p, detail::data(value), detail::data(out), of});
    value = std::move(out);
  });
  const NoGrad guard;
  if (over.empty()) return abs(x);
  return reshape(value, detail::reduced_shape(x.shape(), over, keepdim));
}

// PyTorch squares without looking at the range: its norm of 1e-30 in float32 is 0, of 1e25
// infinite.
Tensor norm_2(const Tensor& x, const Axes& over, bool keepdim) {
  return record("norm", length(x, 2, over, keepdim), {x}, [over](const Vjp& k) {
    const Tensor& in = k.in(0);
    const detail::Run run = detail::run_of(in.shape(), over);
    if (k.create_graph() || !run.is_one)
      return detail::safe_mul(kept(k.grad, over, in),
                              detail::quotient(in, kept(k.out(), over, in)));
    Tensor dx = detail::empty_like(in);
    kernels::run(kernels::SpreadBackward{in.dtype(), detail::data(k.grad), detail::data(in),
                                         nullptr, detail::data(k.out()), 1, detail::data(dx), run});
    return dx;
  });
}

/// The number of elements that are not 0, whose gradient is 0.
Tensor norm_0(const Tensor& x, const Axes& over, bool keepdim) {
  const Tensor ones = x.detach().to(boolean).to(x.dtype());
  return record("norm", detail::reduce(ReduceOp::sum, ones, over, keepdim), {x},
                [](const Vjp& k) { return zeros_like(k.in(0)); });
}

/// The largest or smallest absolute value.
Tensor norm_extreme(ReduceOp op, const Tensor& x, const Axes& over, bool keepdim) {
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
  return record("norm", length(x, p, over, keepdim), {x}, [over, p](const Vjp& k) {
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

Tensor norm(const Tensor& x, double p, const Axes& axes, ReduceOptions options) {
  detail::require_floating(x, "norm");
  const Axes over = normalize_axes(axes, x.dim(), "norm");
  if (std::isnan(p)) fail("norm", "the order p = NaN was given; a number or infinity is required");
  if (p == 2) return norm_2(x, over, options.keepdim);
  if (p == 1) return norm_1(x, over, options.keepdim);
  if (p == 0) return norm_0(x, over, options.keepdim);
  if (std::isinf(p))
    return norm_extreme(p > 0 ? ReduceOp::max : ReduceOp::min, x, over, options.keepdim);
  return norm_p(x, p, over, options.keepdim);
}

Tensor normalize(const Tensor& x, double p, Index axis, double eps) {
  detail::require_floating(x, "normalize");
  if (!(p >= 1) || !(eps > 0))
    fail("normalize", "p = ", p, " and eps = ", eps,
         " were given; p of 1 or more and eps above 0 are required");
  const int a = normalize_axis(axis, x.dim(), "normalize");
  return x / clamp_min(norm(x, p, {a}, {.keepdim = true}), eps);
}

}  // namespace gradus
