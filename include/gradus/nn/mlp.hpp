#pragma once

#include <string>

#include "gradus/nn/container.hpp"

namespace gradus::nn {

struct MLPOptions {
  std::string activation = "relu";  ///< of the hidden layers, see activation_names()
  std::string norm = "none";        ///< before it: "none", "layer", "batch" or "rms"
  double dropout = 0;               ///< after every hidden activation
  bool residual = false;            ///< adds the input to hidden layers that keep the width
  /// "auto": what suits the activation, biases 0 (see init::for_activation_, and Xavier for the
  /// last layer); "default": nn::Linear's own; or "he", "xavier", "lecun", "orthogonal".
  std::string init = "auto";
  bool bias = true;
  DType dtype = float32;
  Generator* generator = nullptr;  ///< of the initial values, default this thread's
};

/// A multi-layer perceptron: sizes {in, hidden…, out}; each hidden layer is Linear ("fc1"),
/// norm ("norm1"), activation ("act1") and dropout ("drop1"), and the last is Linear alone.
class MLP : public Sequential {
 public:
  explicit MLP(const std::vector<Index>& sizes, const MLPOptions& options = {});
  std::string describe() const override { return "MLP"; }
};

}  // namespace gradus::nn
