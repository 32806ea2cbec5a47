#include "gradus/ops/nn.hpp"
#include "kernels/rows/rows.hpp"
#include "ops/common.hpp"

namespace gradus {

using detail::data;
using detail::safe_mul;

namespace {

/// softmax or, if `log`, its logarithm. Records nothing.
Tensor softmax_along(const Tensor& x, int axis, bool log) {
  const NoGrad guard;
  const bool last = axis == x.dim() - 1;
  const Tensor y = last ? x : transpose(x, axis, -1);
  Tensor out = detail::empty_like(y);
  const Index cols = y.size(-1);
  kernels::run(kernels::Softmax{y.dtype(), log, data(y), data(out),
                                y.numel() / std::max<Index>(cols, 1), cols});
  return last ? out : transpose(out, axis, -1);
}

/// Its gradient where the axis is the last, for the result `out`.
Tensor softmax_gradient(const Tensor& g, const Tensor& out, bool log) {
  Tensor dx = detail::empty_like(out);
  const Index cols = out.size(-1);
  kernels::run(kernels::SoftmaxBackward{out.dtype(), log, data(g), data(out), data(dx),
                                        out.numel() / std::max<Index>(cols, 1), cols});
  return dx;
}

/// The position of the axis; a scalar counts as one element.
int checked_axis(const Tensor& x, Index axis, const char* operation) {
  detail::require_floating(x, operation);
  return normalize_axis(axis, std::max(x.dim(), 1), operation);
}

}  // namespace

Tensor softmax(const Tensor& x, Index axis) {
  const int a = checked_axis(x, axis, "softmax");
  if (x.dim() == 0) return reshape(softmax(reshape(x, {1})), {});
  return record("softmax", softmax_along(x, a, false), {x}, [a](const Vjp& k) {
    const Tensor &g = k.grad, &out = k.out();
    if (k.create_graph() || a != out.dim() - 1)
      return safe_mul(g - sum(safe_mul(g, out), {a}, {.keepdim = true}), out);
    return softmax_gradient(g, out, false);
  });
}

Tensor log_softmax(const Tensor& x, Index axis) {
  const int a = checked_axis(x, axis, "log_softmax");
  if (x.dim() == 0) return reshape(log_softmax(reshape(x, {1})), {});
  return record("log_softmax", softmax_along(x, a, true), {x}, [a](const Vjp& k) {
    const Tensor& g = k.grad;
    if (!k.create_graph() && a == g.dim() - 1) return softmax_gradient(g, k.out(), true);
    // Multiplied by 1, or by NaN in rows of NaN, where a sum of 0 would hide them.
    const Tensor p = softmax(k.in(0), a), one = p.detach() * 0 + 1;
    return g - safe_mul(sum(safe_mul(g, one), {a}, {.keepdim = true}), p);
  });
}

}  // namespace gradus
