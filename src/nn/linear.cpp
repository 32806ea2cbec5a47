#include "gradus/nn/linear.hpp"

#include <cmath>

#include "base/messages.hpp"
#include "gradus/nn/init.hpp"
#include "gradus/ops.hpp"

namespace gradus::nn {

namespace {

/// PyTorch's first values of weights and biases: uniform in ±1/sqrt(fan_in).
Tensor uniform_by(Index fan_in, const Shape& shape, const LinearOptions& options) {
  const double bound = 1 / std::sqrt(static_cast<double>(fan_in));
  return init::uniform_(zeros(shape, options.dtype), -bound, bound, options.generator);
}

Tensor checked_weight(Index in, Index out, const LinearOptions& options) {
  gradus::detail::require(in >= 1, "Linear", "in_features", in, "1 or more");
  gradus::detail::require(out >= 1, "Linear", "out_features", out, "1 or more");
  return uniform_by(in, {out, in}, options);
}

Tensor checked_weight(Index in1, Index in2, Index out, const LinearOptions& options) {
  gradus::detail::require(in1 >= 1, "Bilinear", "in1_features", in1, "1 or more");
  gradus::detail::require(in2 >= 1, "Bilinear", "in2_features", in2, "1 or more");
  gradus::detail::require(out >= 1, "Bilinear", "out_features", out, "1 or more");
  return uniform_by(in1, {out, in1, in2}, options);
}

}  // namespace

Linear::Linear(Index in_features, Index out_features, const LinearOptions& options)
    : weight(parameter("weight", checked_weight(in_features, out_features, options))),
      bias(options.bias ? parameter("bias", uniform_by(in_features, {out_features}, options))
                        : Tensor()) {}

std::string Linear::describe() const {
  return compose("Linear(", in_features(), ", ", out_features(),
                 (bias.defined() ? ")" : ", bias = false)"));
}

Tensor Linear::forward(const Tensor& x) const { return linear(x, weight, bias); }

Bilinear::Bilinear(Index in1_features, Index in2_features, Index out_features,
                   const LinearOptions& options)
    : weight(
          parameter("weight", checked_weight(in1_features, in2_features, out_features, options))),
      bias(options.bias ? parameter("bias", uniform_by(in1_features, {out_features}, options))
                        : Tensor()) {}

std::string Bilinear::describe() const {
  return compose("Bilinear(", weight.size(1), ", ", weight.size(2), ", ", weight.size(0), ")");
}

Tensor Bilinear::operator()(const Tensor& x1, const Tensor& x2) const {
  const Pass pass(*this);
  const Index out = weight.size(0), in1 = weight.size(1), in2 = weight.size(2);
  Shape lead = x1.shape(), lead2 = x2.shape();
  const bool fits = x1.dim() > 0 && x2.dim() > 0 && x1.size(-1) == in1 && x2.size(-1) == in2;
  if (!lead.empty()) lead.erase(lead.size() - 1);
  if (!lead2.empty()) lead2.erase(lead2.size() - 1);
  if (!fits || !(lead == lead2))
    fail("Bilinear", "x1 of shape ", x1.shape(), " and x2 of shape ", x2.shape(),
         " were given; (..., ", in1, ") and (..., ", in2,
         ") with the same leading axes are required");
  const Index rows = numel(lead);
  // (rows, in1) x (in1, out in2) -> (rows, out, in2), times x2 (rows, in2, 1)
  const Tensor w = reshape(transpose(weight, 0, 1), {in1, out * in2});
  const Tensor half = reshape(matmul(reshape(x1, {rows, in1}), w), {rows, out, in2});
  Shape shape = lead;
  shape.push_back(out);
  const Tensor y = reshape(matmul(half, reshape(x2, {rows, in2, 1})), shape);
  return bias.defined() ? y + bias : y;
}

}  // namespace gradus::nn
