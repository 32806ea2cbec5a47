#pragma once

#include "gradus/tensor.hpp"

namespace gradus {

// Activation functions. Integers are computed as float32. docs/subgradients.md lists the derivative
// at every corner.

/// 1 / (1 + e^-x). Gradient: g out (1 - out).
Tensor sigmoid(const Tensor& x);
/// ln sigmoid(x), without cancellation. Gradient: g sigmoid(-x).
Tensor logsigmoid(const Tensor& x);
/// max(x, 0); NaN stays; integers stay. Gradient: g where x > 0, else 0.
Tensor relu(const Tensor& x);
/// min(max(x, 0), 6). Gradient: g in (0, 6), else 0.
Tensor relu6(const Tensor& x);
/// ln(1 + e^(beta x)) / beta, and x where beta x > threshold. Gradient: g sigmoid(beta x).
Tensor softplus(const Tensor& x, double beta = 1, double threshold = 20);
/// x where x > 0, else slope x. Gradient: g where x > 0, else g slope.
Tensor leaky_relu(const Tensor& x, double negative_slope = 0.01);
/// x where x > 0, else alpha (e^x - 1). Gradient: g where x > 0, else g alpha e^x.
Tensor elu(const Tensor& x, double alpha = 1);
/// x where x > 0, else alpha (e^(x / alpha) - 1). Gradient: g where x > 0, else g e^(x / alpha).
Tensor celu(const Tensor& x, double alpha = 1);
/// 1.0507 elu(x, 1.6733), the self-normalizing constants of Klambauer et al. 2017. Gradient:
/// 1.0507 g where x > 0, else 1.7581 g e^x.
Tensor selu(const Tensor& x);

/// How gelu computes the normal distribution: exactly, or by tanh(sqrt(2/pi) (x + 0.044715 x^3)).
enum class GeluApproximate { none, tanh };
/// x Phi(x), Phi the distribution function of the standard normal (Hendrycks and Gimpel 2016).
/// Gradient: g (Phi(x) + x phi(x)), or that of the tanh form.
Tensor gelu(const Tensor& x, GeluApproximate approximate = GeluApproximate::none);
/// x sigmoid(x). Gradient: g s (1 + x (1 - s)), s = sigmoid(x).
Tensor silu(const Tensor& x);
/// x tanh(softplus(x)) (Misra 2019). Gradient: g (t + x sigmoid(x) (1 - t^2)), t =
/// tanh(softplus(x)).
Tensor mish(const Tensor& x);
/// x min(max(x + 3, 0), 6) / 6. Gradient: 0 up to -3, g from 3 on, g (x / 3 + 1/2) between.
Tensor hardswish(const Tensor& x);
/// min(max(x + 3, 0), 6) / 6. Gradient: g / 6 in (-3, 3), else 0.
Tensor hardsigmoid(const Tensor& x);
/// min(max(x, min), max), for min <= max. Gradient: g in (min, max), else 0.
Tensor hardtanh(const Tensor& x, double min = -1, double max = 1);
/// x / (1 + |x|). Gradient: g / (1 + |x|)^2.
Tensor softsign(const Tensor& x);
/// x - tanh(x). Gradient: g tanh(x)^2.
Tensor tanhshrink(const Tensor& x);

}  // namespace gradus
