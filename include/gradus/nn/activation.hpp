#pragma once

#include <string>
#include <vector>

#include "gradus/nn/module.hpp"

namespace gradus::nn {

/// An activation function by name, "relu" or "leaky_relu": see activation_names().
class Activation : public Module {
 public:
  /// Throws for an unknown name, with the list of the known ones.
  explicit Activation(const std::string& name);
  std::string describe() const override;
  /// The name, as nn::init::calculate_gain and for_activation_ know it.
  const std::string& name() const { return name_; }

 protected:
  using Function = Tensor (*)(const Tensor& x, double a, double b);
  Activation(const char* name, const char* text, double a, double b = 0);
  Tensor forward(const Tensor& x) const override { return function_(x, a_, b_); }

 private:
  std::string name_, text_;
  Function function_;
  double a_, b_;
};

/// The names that Activation knows.
std::vector<std::string> activation_names();

struct ReLU : Activation {
  ReLU() : Activation("relu") {}
};
struct ReLU6 : Activation {
  ReLU6() : Activation("relu6") {}
};
struct GELUOptions {
  bool tanh = false;  ///< the approximation by tanh
};
/// x Phi(x).
struct GELU : Activation {
  explicit GELU(GELUOptions options = {}) : Activation(options.tanh ? "gelu_tanh" : "gelu") {}
};
struct SiLU : Activation {
  SiLU() : Activation("silu") {}
};
struct Mish : Activation {
  Mish() : Activation("mish") {}
};
struct Tanh : Activation {
  Tanh() : Activation("tanh") {}
};
struct Sigmoid : Activation {
  Sigmoid() : Activation("sigmoid") {}
};
struct LogSigmoid : Activation {
  LogSigmoid() : Activation("logsigmoid") {}
};
struct Hardswish : Activation {
  Hardswish() : Activation("hardswish") {}
};
struct Hardsigmoid : Activation {
  Hardsigmoid() : Activation("hardsigmoid") {}
};
struct Softsign : Activation {
  Softsign() : Activation("softsign") {}
};
struct Tanhshrink : Activation {
  Tanhshrink() : Activation("tanhshrink") {}
};
struct SELU : Activation {
  SELU() : Activation("selu") {}
};
struct LeakyReLU : Activation {
  explicit LeakyReLU(double negative_slope = 0.01)
      : Activation("leaky_relu", "LeakyReLU", negative_slope) {}
};
struct ELU : Activation {
  explicit ELU(double alpha = 1) : Activation("elu", "ELU", alpha) {}
};
struct CELU : Activation {
  explicit CELU(double alpha = 1) : Activation("celu", "CELU", alpha) {}
};
struct Softplus : Activation {
  explicit Softplus(double beta = 1, double threshold = 20)
      : Activation("softplus", "Softplus", beta, threshold) {}
};
struct Hardtanh : Activation {
  explicit Hardtanh(double min = -1, double max = 1)
      : Activation("hardtanh", "Hardtanh", min, max) {}
};
struct Softmax : Activation {
  explicit Softmax(Index axis = -1) : Activation("softmax", "Softmax", static_cast<double>(axis)) {}
};
struct LogSoftmax : Activation {
  explicit LogSoftmax(Index axis = -1)
      : Activation("log_softmax", "LogSoftmax", static_cast<double>(axis)) {}
};

}  // namespace gradus::nn
