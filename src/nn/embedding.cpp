#include "gradus/nn/embedding.hpp"

#include "base/messages.hpp"
#include "gradus/autograd.hpp"
#include "gradus/ops.hpp"
#include "gradus/random.hpp"

namespace gradus::nn {

namespace {

Tensor first_values(Index num, Index dim, const EmbeddingOptions& options) {
  if (num < 1 || dim < 1)
    fail("Embedding", num, " vectors of length ", dim,
         " were asked for; 1 or more of each is required");
  const Tensor weight = randn({num, dim}, options.dtype, options.generator);
  if (!options.padding_idx) return weight;
  const Index row = *options.padding_idx;
  if (row < -num || row >= num)
    fail("Embedding", "padding_idx ", row, " was given; there are rows 0 to ", num - 1);
  const Tensor at = reshape(arange(0, static_cast<double>(num), 1, int64), {num, 1});
  return masked_fill(weight, eq(at, static_cast<double>(row < 0 ? row + num : row)), 0);
}

}  // namespace

Embedding::Embedding(Index num_embeddings, Index embedding_dim, const EmbeddingOptions& options)
    : padding_idx_(options.padding_idx),
      weight(parameter("weight", first_values(num_embeddings, embedding_dim, options))) {
  if (options.sparse) set_sparse_grad(weight);
}

std::string Embedding::describe() const {
  return compose("Embedding(", weight.size(0), ", ", weight.size(1), ")");
}

Tensor Embedding::forward(const Tensor& index) const {
  return embedding(weight, index, padding_idx_);
}

}  // namespace gradus::nn
