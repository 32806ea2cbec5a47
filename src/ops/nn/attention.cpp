#include <cmath>
#include <limits>

#include "gradus/ops/nn.hpp"
#include "ops/common.hpp"
#include "ops/products/linalg.hpp"
#include "ops/products/products.hpp"

namespace gradus {

Tensor embedding(const Tensor& weight, const Tensor& index, std::optional<Index> padding_idx) {
  detail::require_dtype(index, int64, "embedding", "an index");
  if (weight.dim() != 2)
    fail("embedding", "a weight of shape " + to_string(weight.shape()) +
                          " was given; (number of rows, length of a row) is required");
  const Index rows = weight.size(0);
  const std::int64_t* at = index.data<std::int64_t>();
  for (Index i = 0; i < index.numel(); ++i)
    if (at[i] < 0 || at[i] >= rows)
      fail("embedding", "index " + text_of(at[i]) + " at element " + text_of(i) +
                            " was given; the weight has rows 0 to " + text_of(rows - 1));
  const Tensor flat = reshape(index, {index.numel()});
  Tensor out = index_select(weight, 0, flat);
  if (padding_idx) {
    if (*padding_idx < -rows || *padding_idx >= rows)
      fail("embedding", "padding_idx " + text_of(*padding_idx) +
                            " was given; the weight has rows 0 to " + text_of(rows - 1));
    const Index row = *padding_idx < 0 ? *padding_idx + rows : *padding_idx;
    const Tensor is_padding = reshape(eq(flat, static_cast<double>(row)), {index.numel(), 1});
    out = where(is_padding, out.detach(), out);
  }
  Shape shape = index.shape();
  shape.push_back(weight.size(1));
  return reshape(out, shape);
}

Tensor normalize(const Tensor& x, double p, Index axis, double eps) {
  detail::require_floating(x, "normalize");
  if (!(p >= 1) || !(eps > 0))
    fail("normalize", "p = " + text_of(p) + " and eps = " + text_of(eps) +
                          " were given; p of 1 or more and eps above 0 are required");
  const int a = normalize_axis(axis, x.dim(), "normalize");
  return x / clamp_min(norm(x, p, {a}, true), eps);
}

namespace {

void check_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                     const AttentionOptions& options) {
  const char* const name = "scaled_dot_product_attention";
  detail::require_floating(q, name);
  detail::require_dtype(k, q.dtype(), name, "k");
  detail::require_dtype(v, q.dtype(), name, "v");
  if (q.dim() < 2 || k.dim() < 2 || v.dim() < 2 || q.size(-1) != k.size(-1) ||
      k.size(-2) != v.size(-2))
    fail(name, "q of shape " + to_string(q.shape()) + ", k of shape " + to_string(k.shape()) +
                   ", v of shape " + to_string(v.shape()) +
                   " were given; (..., L, E), (..., S, E), (..., S, Ev) are required");
  const auto shapes = [&] {
    return "q of shape " + to_string(q.shape()) + ", k of shape " + to_string(k.shape()) +
           ", v of shape " + to_string(v.shape());
  };
  const auto batch = [](const Tensor& x) {
    return Shape(x.shape().data(), static_cast<std::size_t>(x.dim() - 2));
  };
  Shape scores;
  try {
    scores = broadcast_shapes(batch(q), batch(k), name);
    broadcast_shapes(scores, batch(v), name);
  } catch (const Error&) {
    fail(name, shapes() + " were given; their batch axes " + to_string(batch(q)) + ", " +
                   to_string(batch(k)) + " and " + to_string(batch(v)) +
                   " do not broadcast: aligned at the right, lengths must be equal or 1");
  }
  scores.push_back(q.size(-2));
  scores.push_back(k.size(-2));
  if (options.mask.defined() && !detail::broadcasts_to(options.mask.shape(), scores))
    fail(name, "a mask of shape " + to_string(options.mask.shape()) + " was given for " + shapes() +
                   "; a shape that broadcasts to that of the scores, " + to_string(scores) +
                   ", is required");
  if (options.is_causal && options.mask.defined())
    fail(name, "a mask and is_causal were given; one of them is required; merge them into a mask");
  if (options.mask.defined() && options.mask.dtype() != boolean &&
      !is_floating_point(options.mask.dtype()))
    fail(name, "a mask of " + detail::describe(options.mask) +
                   " was given; bool (true: may look) or floating-point (added to the scores) is "
                   "required");
}

}  // namespace

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options) {
  check_attention(q, k, v, options);
  const double scale = options.scale.value_or(1 / std::sqrt(static_cast<double>(q.size(-1))));
  constexpr double infinity = std::numeric_limits<double>::infinity();
  Tensor scores = matmul(q * scale, k, false, true);  // (…, L, E) x (…, S, E)^T -> (…, L, S)
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
  weights = dropout(weights, options.dropout_p, options.dropout_p > 0, options.generator);
  // PyTorch multiplies 0 by what must not be looked at, where a NaN or infinity gives NaN.
  return detail::zero_matmul(blocked.defined() ? detail::Zeros::first : detail::Zeros::none,
                             weights, v);
}

}  // namespace gradus
