#include <cmath>
#include <numbers>

#include "gradus/ops/activation.hpp"
#include "support/catch.hpp"
#include "support/table/op_table.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {
using Real = long double;
Real logistic(Real x) { return 1 / (1 + std::exp(-x)); }
Real clip(Real x, Real low, Real high) { return std::min(std::max(x, low), high); }
Real normal_cdf(Real x) { return std::erfc(-x / std::numbers::sqrt2_v<Real>) / 2; }
}  // namespace

TEST_CASE("smooth activations agree with their references", "[ops]") {
  unary_row("sigmoid", sigmoid, logistic, -4, 4);
  unary_row(
      "logsigmoid", logsigmoid, [](Real x) { return std::log(logistic(x)); }, -4, 4);
  unary_row(
      "gelu", [](const Tensor& x) { return gelu(x); }, [](Real x) { return x * normal_cdf(x); }, -4,
      4);
  unary_row(
      "gelu in its tanh form", [](const Tensor& x) { return gelu(x, GeluApproximate::tanh); },
      [](Real x) {
        const Real inner = std::sqrt(2 / std::numbers::pi_v<Real>) * (x + 0.044715L * x * x * x);
        return x / 2 * (1 + std::tanh(inner));
      },
      -4, 4, {.float32_gradient_tolerance = 2e-5});
  unary_row(
      "silu", silu, [](Real x) { return x * logistic(x); }, -4, 4);
  unary_row(
      "mish", mish, [](Real x) { return x * std::tanh(std::log1p(std::exp(x))); }, -4, 4);
  unary_row("softsign", softsign, [](Real x) { return x / (1 + std::abs(x)); }, -4, 4,
            {.kinks = {0}, .step = 3e-4});
  unary_row(
      "tanhshrink", tanhshrink, [](Real x) { return x - std::tanh(x); }, -4, 4);
  for (const double beta : {1.0, 0.5, 3.0})
    unary_row(
        "softplus", [beta](const Tensor& x) { return softplus(x, beta); },
        [beta](Real x) { return std::log1p(std::exp(beta * x)) / beta; }, -4, 4);
  unary_row(
      "softplus beyond its threshold", [](const Tensor& x) { return softplus(x, 2, 3); },
      [](Real x) { return 2 * x > 3 ? x : std::log1p(std::exp(2 * x)) / 2; }, -4, 4,
      {.kinks = {1.5}});
}

TEST_CASE("activations with corners agree with their references", "[ops]") {
  const Options at_zero{.low = -4, .high = 4, .kinks = {0}};
  unary_row(
      "relu", relu, [](Real x) { return std::max(x, 0.0L); }, at_zero);
  unary_row("relu6", relu6, [](Real x) { return clip(x, 0, 6); },
            {.low = -8, .high = 8, .kinks = {0, 6}});
  for (const double slope : {0.01, 0.25, 0.0, -1.0})
    unary_row(
        "leaky_relu", [slope](const Tensor& x) { return leaky_relu(x, slope); },
        [slope](Real x) { return x > 0 ? x : slope * x; }, at_zero);
  for (const double alpha : {1.0, 0.5, 2.0}) {
    unary_row(
        "elu", [alpha](const Tensor& x) { return elu(x, alpha); },
        [alpha](Real x) { return x > 0 ? x : alpha * std::expm1(x); }, at_zero);
    unary_row(
        "celu", [alpha](const Tensor& x) { return celu(x, alpha); },
        [alpha](Real x) { return x > 0 ? x : alpha * std::expm1(x / alpha); }, at_zero);
  }
  unary_row(
      "selu", selu,
      [](Real x) {
        return 1.0507009873554804934193349852946L *
               (x > 0 ? x : 1.6732632423543772848170429916717L * std::expm1(x));
      },
      at_zero);
  const Options at_three{.low = -5, .high = 5, .kinks = {-3, 3}};
  unary_row(
      "hardswish", hardswish, [](Real x) { return x * clip(x + 3, 0, 6) / 6; }, at_three);
  unary_row(
      "hardsigmoid", hardsigmoid, [](Real x) { return clip(x + 3, 0, 6) / 6; }, at_three);
  unary_row(
      "hardtanh", [](const Tensor& x) { return hardtanh(x); },
      [](Real x) { return clip(x, -1, 1); }, {.kinks = {-1, 1}});
  unary_row(
      "hardtanh with bounds", [](const Tensor& x) { return hardtanh(x, -0.5, 1.5); },
      [](Real x) { return clip(x, -0.5L, 1.5L); }, {.kinks = {-0.5, 1.5}});
}
