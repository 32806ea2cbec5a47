#include "gradus/nn/attention.hpp"

#include <limits>

#include "base/messages.hpp"
#include "gradus/nn/init.hpp"
#include "gradus/ops.hpp"

namespace gradus::nn {

// ------------------------------------------------------------------ MultiheadAttention

namespace {

Index checked_heads(Index embed_dim, Index num_heads) {
  if (embed_dim < 1 || num_heads < 1 || embed_dim % num_heads != 0)
    fail("MultiheadAttention", "embed_dim ", embed_dim, " and ", num_heads,
         " heads were given; a number of heads that divides embed_dim is "
         "required");
  return num_heads;
}

/// (N, L, E) or (L, N, E) -> (N, heads, L, E / heads)
Tensor split_heads(const Tensor& x, Index heads, bool batch_first) {
  const Tensor parts = reshape(x, {x.size(0), x.size(1), heads, x.size(2) / heads});
  return permute(parts, batch_first ? Axes{0, 2, 1, 3} : Axes{1, 2, 0, 3});
}

/// (N, heads, L, E / heads) -> (N, L, E) or (L, N, E)
Tensor merge_heads(const Tensor& x, bool batch_first) {
  const Tensor parts = permute(x, batch_first ? Axes{0, 2, 1, 3} : Axes{2, 0, 1, 3});
  return reshape(parts, {parts.size(0), parts.size(1), x.size(1) * x.size(3)});
}

/// The mask of scaled_dot_product_attention, true where a query may look, for L queries and S keys.
Tensor merged_mask(const Attend& options, Index queries, Index keys) {
  Tensor mask = options.mask;
  if (mask.defined() && mask.dtype() == boolean) mask = logical_not(mask);
  const Tensor& padding = options.key_padding_mask;
  if (!padding.defined()) return mask;
  const Tensor hidden = reshape(padding, {padding.size(0), 1, 1, keys});
  if (mask.defined() && mask.dtype() != boolean)
    return masked_fill(mask, hidden, -std::numeric_limits<double>::infinity());
  if (options.is_causal) mask = gt(tril(ones({queries, keys})), 0);
  return mask.defined() ? logical_and(mask, logical_not(hidden)) : logical_not(hidden);
}

}  // namespace

MultiheadAttention::MultiheadAttention(Index embed_dim, Index num_heads,
                                       const MultiheadAttentionOptions& options)
    : embed_dim_(embed_dim),
      heads_(checked_heads(embed_dim, num_heads)),
      dropout_(options.dropout),
      batch_first_(options.batch_first),
      generator_(options.generator),
      in_proj_weight(parameter(
          "in_proj_weight", init::xavier_uniform_(zeros({3 * embed_dim, embed_dim}, options.dtype),
                                                  1, options.generator))),
      in_proj_bias(options.bias ? parameter("in_proj_bias", zeros({3 * embed_dim}, options.dtype))
                                : Tensor()),
      out_proj(add(
          "out_proj",
          Linear(embed_dim, embed_dim,
                 {.bias = options.bias, .dtype = options.dtype, .generator = options.generator}))) {
  gradus::detail::require(dropout_ >= 0 && dropout_ <= 1, "MultiheadAttention", "dropout", dropout_,
                          "0 to 1");
  if (options.bias) init::zeros_(out_proj.bias);
}

std::string MultiheadAttention::describe() const {
  return compose("MultiheadAttention(", embed_dim_, ", ", heads_, ")");
}

Tensor MultiheadAttention::operator()(const Tensor& query, const Tensor& key, const Tensor& value,
                                      const Attend& options) const {
  const Pass pass(*this);
  const bool batched = query.dim() == 3;
  const int batch = batch_first_ ? 0 : 1, length = batched ? 1 - batch : 0;
  const auto fits = [&](const Tensor& x) {
    return x.dim() == query.dim() && x.dim() >= 2 && x.dim() <= 3 && x.size(-1) == embed_dim_ &&
           (!batched || x.size(batch) == query.size(batch));
  };
  if (!fits(query) || !fits(key) || !fits(value) || key.size(length) != value.size(length))
    fail("MultiheadAttention", "query ", query.shape(), ", key ", key.shape(), ", value ",
         value.shape(), " were given; ",
         (batch_first_ ? "(N, L, E), (N, S, E), (N, S, E)" : "(L, N, E), (S, N, E), (S, N, E)"),
         " or all without N, with E = ", embed_dim_, ", are required; batch_first says where N is");
  const Tensor& padding = options.key_padding_mask;
  if (padding.defined() && (padding.dtype() != boolean ||
                            padding.shape() != (batched ? Shape{key.size(batch), key.size(length)}
                                                        : Shape{key.size(0)})))
    fail("MultiheadAttention", "key_padding_mask ", padding.shape(), " was given for key ",
         key.shape(), "; bool (N, S), or (S) without N, is required");
  if (options.mask.defined()) {
    const Shape scores{batched ? query.size(batch) : 1, heads_, query.size(length),
                       key.size(length)};
    Shape joined;
    try {
      joined = broadcast_shapes(options.mask.shape(), scores, "MultiheadAttention");
    } catch (const Error&) {
    }
    if (!(joined == scores))
      fail("MultiheadAttention", "a mask of shape ", options.mask.shape(), " was given for query ",
           query.shape(), " and key ", key.shape(),
           "; (L, S), or a shape that broadcasts to (N, heads, L, S), here ", scores,
           ", is required");
  }
  if (options.is_causal && options.mask.defined())
    fail("MultiheadAttention",
         "a mask and is_causal were given; one of them is required; merge them into a mask");
  if (!batched) {
    Attend with_batch = options;
    if (padding.defined()) with_batch.key_padding_mask = unsqueeze(padding, 0);
    const auto one = [batch](const Tensor& x) { return unsqueeze(x, batch); };
    const Tensor x = one(query), y = key.is(query) ? x : one(key),
                 z = value.is(key) ? y : one(value);
    return squeeze((*this)(x, y, z, with_batch), {batch});
  }
  Tensor q, k, v;
  if (query.is(key) && key.is(value)) {
    const Tensor all = linear(query, in_proj_weight, in_proj_bias);
    q = slice(all, -1, 0, embed_dim_);
    k = slice(all, -1, embed_dim_, 2 * embed_dim_);
    v = slice(all, -1, 2 * embed_dim_, 3 * embed_dim_);
  } else {
    const auto project = [&](const Tensor& x, Index part) {
      const Index from = part * embed_dim_, to = from + embed_dim_;
      return linear(x, slice(in_proj_weight, 0, from, to),
                    in_proj_bias.defined() ? slice(in_proj_bias, 0, from, to) : Tensor());
    };
    q = project(query, 0);
    k = project(key, 1);
    v = project(value, 2);
  }
  const Tensor attended = scaled_dot_product_attention(
      split_heads(q, heads_, batch_first_), split_heads(k, heads_, batch_first_),
      split_heads(v, heads_, batch_first_),
      {.mask = merged_mask(options, query.size(length), key.size(length)),
       .is_causal = options.is_causal && !padding.defined(),
       .dropout_p = is_training() ? dropout_ : 0,
       .generator = generator_});
  return out_proj(merge_heads(attended, batch_first_));
}

// ------------------------------------------------------------------ TransformerEncoderLayer

TransformerEncoderLayer::TransformerEncoderLayer(Index d_model, Index nhead,
                                                 const TransformerEncoderLayerOptions& o)
    : norm_first_(o.norm_first),
      self_attn(add("self_attn", MultiheadAttention(d_model, nhead,
                                                    {.dropout = o.dropout,
                                                     .batch_first = o.batch_first,
                                                     .dtype = o.dtype,
                                                     .generator = o.generator}))),
      linear1(add("linear1", Linear(d_model, o.dim_feedforward,
                                    {.dtype = o.dtype, .generator = o.generator}))),
      linear2(add("linear2", Linear(o.dim_feedforward, d_model,
                                    {.dtype = o.dtype, .generator = o.generator}))),
      norm1(add("norm1", LayerNorm(d_model, {.eps = o.layer_norm_eps, .dtype = o.dtype}))),
      norm2(add("norm2", LayerNorm(d_model, {.eps = o.layer_norm_eps, .dtype = o.dtype}))),
      activation(add("activation", Activation(o.activation))),
      dropout(add("dropout", Dropout(o.dropout, o.generator))),
      dropout1(add("dropout1", Dropout(o.dropout, o.generator))),
      dropout2(add("dropout2", Dropout(o.dropout, o.generator))) {}

Tensor TransformerEncoderLayer::feed_forward(const Tensor& x) const {
  return dropout2(linear2(dropout(activation(linear1(x)))));
}

Tensor TransformerEncoderLayer::operator()(const Tensor& x, const Attend& options) const {
  const Pass pass(*this);
  const auto attend = [&](const Tensor& y) { return dropout1(self_attn(y, y, y, options)); };
  if (norm_first_) {
    const Tensor y = x + attend(norm1(x));
    return y + feed_forward(norm2(y));
  }
  const Tensor y = norm1(x + attend(x));
  return norm2(y + feed_forward(y));
}

// ------------------------------------------------------------------ SwiGLU

SwiGLU::SwiGLU(Index dim, Index hidden, const SwiGLUOptions& o)
    : w1(add("w1",
             Linear(dim, hidden, {.bias = o.bias, .dtype = o.dtype, .generator = o.generator}))),
      w2(add("w2",
             Linear(hidden, dim, {.bias = o.bias, .dtype = o.dtype, .generator = o.generator}))),
      w3(add("w3",
             Linear(dim, hidden, {.bias = o.bias, .dtype = o.dtype, .generator = o.generator}))) {}

Tensor SwiGLU::forward(const Tensor& x) const { return w2(silu(w1(x)) * w3(x)); }

}  // namespace gradus::nn
