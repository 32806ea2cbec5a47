#pragma once

#include <optional>

#include "gradus/nn/module.hpp"

namespace gradus::nn {

struct EmbeddingOptions {
  std::optional<Index> padding_idx = {};  ///< this row is 0 at first, and gets no gradient
  bool sparse = false;  ///< optimizers leave rows without a gradient, and their moments, alone
  DType dtype = float32;
  Generator* generator = nullptr;
};

/// A table of vectors, called with int64 indices: (…) -> (…, dim). Parameter weight (num, dim),
/// standard normal at first. Rows that no index names get the gradient 0: plain SGD leaves them,
/// but momentum, Adam's moments and weight decay still move them. With `sparse` no optimizer does:
/// a row whose gradient is 0 throughout is left alone, and so are its moments, which do not decay
/// (lazy, as in PyTorch's SparseAdam; bias corrections count the steps of the whole table). The
/// gradient itself stays dense.
class Embedding : public Module {
 public:
  Embedding(Index num_embeddings, Index embedding_dim, const EmbeddingOptions& options = {});
  std::string describe() const override;

 protected:
  Tensor forward(const Tensor& index) const override;

 private:
  std::optional<Index> padding_idx_;

 public:
  const Tensor weight;
};

}  // namespace gradus::nn
