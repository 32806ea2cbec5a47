#pragma once

#include "gradus/nn/activation.hpp"
#include "gradus/nn/linear.hpp"
#include "gradus/nn/norm.hpp"
#include "gradus/nn/simple.hpp"

namespace gradus::nn {

struct MultiheadAttentionOptions {
  double dropout = 0;  ///< of the attention weights, in training
  bool bias = true;
  bool batch_first = false;  ///< (N, L, E) instead of (L, N, E), as in RNN and in PyTorch
  DType dtype = float32;
  Generator* generator = nullptr;  ///< of the initial values and the dropout
};

struct Attend {
  /// (L, S), or with leading axes that broadcast to (N, heads): numbers are added to the scores;
  /// bool is true where a query may NOT look, as in PyTorch's module and unlike AttentionOptions.
  Tensor mask = {};
  bool is_causal = false;        ///< query i looks at keys 0 to i; not together with a mask
  Tensor key_padding_mask = {};  ///< bool (N, S), or (S) without a batch: true hides a key
};

/// Attention with several heads over (L, N, embed_dim), with batch_first (N, L, embed_dim), or
/// without a batch (L, embed_dim) (Vaswani et al. 2017). Parameters in_proj_weight (3 embed_dim,
/// embed_dim) for q, k and v in this order, in_proj_bias, out_proj.weight, out_proj.bias; Xavier
/// and 0 at first.
class MultiheadAttention : public Module {
 public:
  MultiheadAttention(Index embed_dim, Index num_heads,
                     const MultiheadAttentionOptions& options = {});
  std::string describe() const override;

  using Module::operator();
  /// Queries look at keys and fetch values.
  Tensor operator()(const Tensor& query, const Tensor& key, const Tensor& value,
                    const Attend& options = {}) const;

 protected:
  /// Self-attention.
  Tensor forward(const Tensor& x) const override { return (*this)(x, x, x); }

 private:
  Index embed_dim_, heads_;
  double dropout_;
  bool batch_first_;
  Generator* generator_;

 public:
  const Tensor in_proj_weight, in_proj_bias;
  const Linear out_proj;
};

struct TransformerEncoderLayerOptions {
  Index dim_feedforward = 2048;
  double dropout = 0.1;
  std::string activation = "relu";
  double layer_norm_eps = 1e-5;
  bool batch_first = false;  ///< (N, L, d_model) instead of (L, N, d_model)
  bool norm_first = false;
  DType dtype = float32;
  Generator* generator = nullptr;
};

/// Self-attention and a network of two layers, each with dropout, residual and layer norm (before
/// it with norm_first), over (L, N, d_model), or as MultiheadAttention. Parameters self_attn,
/// linear1, linear2, norm1, norm2.
class TransformerEncoderLayer : public Module {
 public:
  TransformerEncoderLayer(Index d_model, Index nhead,
                          const TransformerEncoderLayerOptions& options = {});

  using Module::operator();
  Tensor operator()(const Tensor& x, const Attend& options) const;

 protected:
  Tensor forward(const Tensor& x) const override { return (*this)(x, Attend()); }

 private:
  Tensor feed_forward(const Tensor& x) const;
  bool norm_first_;

 public:
  const MultiheadAttention self_attn;
  const Linear linear1, linear2;
  const LayerNorm norm1, norm2;
  const Activation activation;
  const Dropout dropout, dropout1, dropout2;
};

struct SwiGLUOptions {
  bool bias = false;
  DType dtype = float32;
  Generator* generator = nullptr;
};

/// w2(silu(w1 x) * w3 x): (…, dim) -> (…, dim) through `hidden` (Shazeer 2020).
class SwiGLU : public Module {
 public:
  SwiGLU(Index dim, Index hidden, const SwiGLUOptions& options = {});

  const Linear w1, w2, w3;

 protected:
  Tensor forward(const Tensor& x) const override;
};

}  // namespace gradus::nn
