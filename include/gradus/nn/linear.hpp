#pragma once

#include "gradus/nn/module.hpp"

namespace gradus::nn {

struct LinearOptions {
  bool bias = true;
  DType dtype = float32;
  Generator* generator = nullptr;  ///< of the initial values, default this thread's
};

/// x weight^T + bias: (…, in) -> (…, out). Parameters weight (out, in) and bias (out), both uniform
/// in ±1/sqrt(in) at first.
class Linear : public Module {
 public:
  Linear(Index in_features, Index out_features, const LinearOptions& options = {});
  std::string describe() const override;
  Index in_features() const { return weight.size(1); }
  Index out_features() const { return weight.size(0); }

  const Tensor weight;
  const Tensor bias;  ///< undefined without bias

 protected:
  Tensor forward(const Tensor& x) const override;
};

/// y_k = x1 W_k x2 + b_k: (…, in1), (…, in2) -> (…, out). Parameters weight (out, in1, in2) and
/// bias (out), both uniform in ±1/sqrt(in1) at first.
class Bilinear : public Module {
 public:
  Bilinear(Index in1_features, Index in2_features, Index out_features,
           const LinearOptions& options = {});
  std::string describe() const override;
  Tensor operator()(const Tensor& x1, const Tensor& x2) const;

  const Tensor weight;
  const Tensor bias;  ///< undefined without bias
};

}  // namespace gradus::nn
