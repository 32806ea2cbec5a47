#include "gradus/ops/scan.hpp"

#include <limits>

#include "ops/reduce/reduction.hpp"

namespace gradus {

using detail::data;
using kernels::ScanOp;

namespace {

Tensor scanned(ScanOp op, const Tensor& x, int axis, bool reverse) {
  Tensor out = detail::empty_like(x);
  kernels::run(
      kernels::Scan{op, x.dtype(), data(x), data(out), detail::split(x.shape(), axis), reverse});
  return out;
}

Tensor cumsum_along(const Tensor& x, int axis, bool reverse) {
  return record("cumsum", scanned(ScanOp::cumsum, x, axis, reverse), {x},
                [axis, reverse](const Vjp& k) { return cumsum_along(k.grad, axis, !reverse); });
}

/// h[t] = a[t] h[t - 1] + b[t]: the recurrence that the gradients of products obey, and that its
/// own gradient obeys too: with s[t] = g[t] + a[t + 1] s[t + 1], db = s and da[t] = s[t] h[t - 1].
/// An h of 0 stays 0 beside an infinite or NaN a: it is a sum of cotangents.
Tensor linear_scan(const Tensor& a, const Tensor& b, int axis, bool reverse) {
  Tensor out = detail::empty_like(b);
  kernels::run(kernels::LinearScan{b.dtype(), data(a), data(b), data(out),
                                   detail::split(b.shape(), axis), reverse});
  return record("linear_scan", std::move(out), {a, b}, [axis, reverse](const Vjp& k) -> Grads<2> {
    const Tensor next = detail::shifted(k.in(0), axis, !reverse, 0);
    const Tensor sums = linear_scan(next, k.grad, axis, !reverse);
    return {
        k.wants(0) ? detail::zero_mul(sums, detail::shifted(k.out(), axis, reverse, 0)) : Tensor(),
        sums};
  });
}

/// f(x, axis), where a scalar is an axis of length 1.
template <class F>
Tensor along(const char* name, const Tensor& x, Index axis, F f) {
  const int a = normalize_axis(axis, x.dim(), name);
  return x.dim() ? f(x, a) : reshape(f(reshape(x, {1}), 0), {});
}

}  // namespace

namespace detail {

Tensor shifted(const Tensor& x, int axis, bool reverse, double fill) {
  std::vector<Index> amounts(2 * static_cast<std::size_t>(x.dim() - axis), 0);
  amounts[amounts.size() - 2] = reverse ? -1 : 1;
  amounts[amounts.size() - 1] = reverse ? 1 : -1;
  return x.size(axis) ? pad(x, amounts, "constant", fill) : x;
}

Tensor cumprod(const Tensor& x, int axis, bool reverse) {
  return record("cumprod", scanned(ScanOp::cumprod, x, axis, reverse), {x},
                [axis, reverse](const Vjp& k) {
                  const Tensor next = shifted(k.in(0), axis, !reverse, 0);
                  return safe_mul(linear_scan(next, k.grad, axis, !reverse),
                                  shifted(k.out(), axis, reverse, 1));
                });
}

}  // namespace detail

Tensor cumsum(const Tensor& x, Index axis) {
  return along("cumsum", detail::to_arithmetic(x), axis,
               [](const Tensor& in, int a) { return cumsum_along(in, a, false); });
}

Tensor cumprod(const Tensor& x, Index axis) {
  return along("cumprod", detail::to_arithmetic(x), axis,
               [](const Tensor& in, int a) { return detail::cumprod(in, a, false); });
}

Tensor logcumsumexp(const Tensor& x, Index axis) {
  return along("logcumsumexp", detail::to_floating(x), axis, [](const Tensor& in, int a) {
    return record("logcumsumexp", scanned(ScanOp::logcumsumexp, in, a, false), {in},
                  [a](const Vjp& k) {
                    // The sum over t >= i of g[t] exp(x[i] - m[t]) / s[t], with the largest value m
                    // so far, a constant that cancels, and s[t] = sum over i <= t of exp(x[i] -
                    // m[t]). Differences of values, never of a value and the result: that is
                    // rounded, by more than 1 if it is large.
                    const double lowest = -std::numeric_limits<double>::infinity();
                    const Tensor& from = k.in(0);
                    const Tensor m = scanned(ScanOp::cummax, from, a, false);
                    const Tensor decay = detail::exp_below(detail::shifted(m, a, false, lowest), m);
                    const Tensor terms = detail::exp_below(from, m);
                    const Tensor sums = linear_scan(decay, terms, a, false);
                    const Tensor back = detail::shifted(decay, a, true, 0);
                    return detail::safe_mul(
                        linear_scan(back, detail::safe_div(k.grad, sums), a, true), terms);
                  });
  });
}

}  // namespace gradus
