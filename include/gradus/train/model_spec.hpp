#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gradus/nn/module.hpp"
#include "gradus/train/callback.hpp"

namespace gradus {
class Generator;
}

namespace gradus::train {

/// What a model is built from: enough to build it again when its weights are read from a file.
struct ModelSpec {
  Index inputs = 0;  ///< columns of x, of which the last ones may be numbers of categories:
  std::vector<Index> categories = {};       ///< so many of each, plus one for unknown ones (0)
  std::vector<Index> embedding_sizes = {};  ///< length of the vectors that stand for them
  std::vector<Index> hidden = {};
  Index outputs = 0;
  std::string activation = "relu", norm = "none", init = "auto";
  std::string output = "none";  ///< activation of the last layer
  double dropout = 0;
  bool residual = false, bias = true;
};

/// x (n, numbers and then codes): the codes replaced by vectors, codes out of range an Error.
/// Parameters "0.weight", "1.weight", …, one for each column of codes.
class ColumnEmbedding : public nn::Module {
 public:
  ColumnEmbedding(Index inputs, const std::vector<Index>& categories,
                  const std::vector<Index>& sizes, DType dtype = float32,
                  Generator* generator = nullptr);
  std::string describe() const override;
  /// Columns of the output.
  Index outputs() const { return outputs_; }

 protected:
  Tensor forward(const Tensor& x) const override;

 private:
  Index numbers_ = 0, outputs_ = 0;
  std::vector<std::shared_ptr<nn::Module>> tables_;
};

/// A multi-layer perceptron, "fc1", "act1", …; with embeddings "embed" before it and "mlp" around
/// it; with an output activation "out" at its end.
std::shared_ptr<nn::Module> build_model(const ModelSpec& spec, DType dtype = float32,
                                        Generator* generator = nullptr);

/// The specification as JSON, and back. Throws, naming `file`, for JSON that is none, sizes out of
/// range, lists that do not fit each other and names that are not known.
std::string to_json(const ModelSpec& spec);
ModelSpec parse_model_spec(const std::string& json, const std::string& file = "");

}  // namespace gradus::train
