#include <cmath>
#include <limits>

#include "base/messages.hpp"
#include "gradus/ops/nn.hpp"
#include "ops/common.hpp"
#include "ops/products/linalg.hpp"
#include "ops/products/products.hpp"

namespace gradus {

namespace {

void check_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                     const AttentionOptions& options) {
  const char* const name = "scaled_dot_product_attention";
  detail::require_floating(q, name);
  detail::require_dtype(k, q.dtype(), name, "k");
  detail::require_dtype(v, q.dtype(), name, "v");
  const auto shapes = [&] {
    return compose("q of shape ", q.shape(), ", k of shape ", k.shape(), ", v of shape ",
                   v.shape());
  };
  if (q.dim() < 2 || k.dim() < 2 || v.dim() < 2 || q.size(-1) != k.size(-1) ||
      k.size(-2) != v.size(-2))
    fail(name, shapes(), " were given; (..., L, E), (..., S, E), (..., S, Ev) are required");
  const auto batch = [](const Tensor& x) { return detail::batch_of(x.shape()); };
  Shape scores;
  try {
    scores = broadcast_shapes(batch(q), batch(k), name);
    broadcast_shapes(scores, batch(v), name);
  } catch (const Error&) {
    fail(name, shapes(), " were given; their batch axes ", batch(q), ", ", batch(k), " and ",
         batch(v), " do not broadcast: aligned at the right, lengths must be equal or 1");
  }
  scores.push_back(q.size(-2));
  scores.push_back(k.size(-2));
  if (options.mask.defined() && !detail::broadcasts_to(options.mask.shape(), scores))
    fail(name, "a mask of shape ", options.mask.shape(), " was given for ", shapes(),
         "; a shape that broadcasts to that of the scores, ", scores, ", is required");
  if (options.is_causal && options.mask.defined())
    fail(name, "a mask and is_causal were given; one of them is required; merge them into a mask");
  if (options.mask.defined() && options.mask.dtype() != boolean &&
      !is_floating_point(options.mask.dtype()))
    fail(name, "a mask of ", detail::describe(options.mask),
         " was given; bool (true: may look) or floating-point (added to the scores) is "
         "required");
}

}  // namespace

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options) {
  check_attention(q, k, v, options);
  const double scale = options.scale.value_or(1 / std::sqrt(static_cast<double>(q.size(-1))));
  constexpr double infinity = std::numeric_limits<double>::infinity();
  Tensor scores =
      matmul(q * scale, k, {.transpose_b = true});  // (…, L, E) x (…, S, E)^T -> (…, L, S)
  Tensor blocked = {};
  if (options.is_causal)
    blocked = logical_not(tril(ones({q.size(-2), k.size(-2)})));
  else if (options.mask.defined() && options.mask.dtype() == boolean)
    blocked = logical_not(options.mask);
  else if (options.mask.defined())
    blocked = eq(options.mask, -infinity);
  if (options.mask.defined() && options.mask.dtype() != boolean)
    scores = scores + options.mask.to(q.dtype());
  if (blocked.defined()) scores = masked_fill(scores, blocked, -infinity);
  Tensor weights = softmax(scores, -1);
  // A row without a key has no softmax: it weighs nothing. Nor does a cotangent of what must not be
  // looked at count.
  if (blocked.defined()) weights = masked_fill(weights, blocked, 0);
  weights = dropout(weights, options.dropout_p,
                    {.training = options.dropout_p > 0, .generator = options.generator});
  // PyTorch multiplies 0 by what must not be looked at, where a NaN or infinity gives NaN.
  return detail::zero_matmul(blocked.defined() ? detail::Zeros::first : detail::Zeros::none,
                             weights, v);
}

}  // namespace gradus
