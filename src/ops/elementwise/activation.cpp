// Activation functions. A gradient g s(x) is an operation of its own, with a kernel for g s(x) and
// the slope's derivative s'(x) in tensor operations, so that any order exists.
#include "gradus/ops/activation.hpp"

#include <numbers>

#include "base/messages.hpp"
#include "gradus/ops/compare.hpp"
#include "gradus/ops/nn.hpp"
#include "gradus/ops/pointwise.hpp"
#include "ops/common.hpp"
#include "ops/elementwise/activation_table.hpp"

namespace gradus {

using detail::zero_mul;
using kernels::Binary;
using kernels::Unary;

namespace {

constexpr double selu_scale = 1.0507009873554804934193349852946;
constexpr double selu_alpha = 1.6732632423543772848170429916717;

/// g s(x) by kernel `op`; `curvature(x)` is s'(x).
template <class Curvature>
Tensor slope(const char* name, Binary op, const Tensor& g, const Tensor& x, Curvature curvature,
             double p0 = 0, double p1 = 0) {
  return detail::record_pair(
      name, detail::zip(name, op, g, x, p0, p1), g, x,
      [=](const Vjp& k) { return slope(name, op, k.grad, k.in(1), curvature, p0, p1); },
      [=](const Vjp& k) { return zero_mul(zero_mul(k.grad, k.in(0)), curvature(k.in(1))); });
}

/// f(x) by kernel `op`, whose gradient g s(x) is kernel `grad_op` with s'(x) = curvature(x).
template <class Curvature>
Tensor activation(const char* name, Unary op, const char* grad_name, Binary grad_op,
                  const Tensor& x, Curvature curvature, double p0 = 0, double p1 = 0) {
  const Tensor a = detail::to_floating(x);
  return record(name, detail::map(op, a, p0, p1), {a}, [=](const Vjp& k) {
    if (Tensor own = detail::over_cotangent(k, grad_op, k.in(0), p0, p1); own.defined()) return own;
    return slope(grad_name, grad_op, k.grad, k.in(0), curvature, p0, p1);
  });
}

/// The curvature of functions that are straight between their corners.
constexpr auto straight = [](const Tensor& x) { return zeros_like(x); };

/// g out (1 - out)
Tensor sigmoid_grad(const Tensor& g, const Tensor& out) {
  return slope("sigmoid_grad", Binary::sigmoid_grad, g, out,
               [](const Tensor& y) { return 1 - 2 * y; });
}

/// s (1 - s), s = sigmoid(x)
Tensor sigmoid_slope(const Tensor& x) {
  const Tensor s = sigmoid(x);
  return s * (1 - s);
}

/// g where out > 0, else 0.
Tensor relu_grad(const Tensor& g, const Tensor& out) {
  return slope("relu_grad", Binary::relu_grad, g, out, straight);
}

/// e^min(x, 0) where x <= 0, else 0
Tensor exp_below_zero(const Tensor& x) { return where(x > 0, 0, exp(clamp_max(x, 0))); }

Tensor gelu_curvature(const Tensor& x) {
  const Tensor y = clamp(x, -40, 40), square_of = square(y);
  const double density = 0.5 * std::numbers::sqrt2 * std::numbers::inv_sqrtpi;
  return exp(square_of * -0.5) * (2 - square_of) * density;
}

Tensor gelu_tanh_curvature(const Tensor& x) {
  const double scale = std::numbers::sqrt2 * std::numbers::inv_sqrtpi, cubic = 0.044715;
  const Tensor y = clamp(x, -40, 40), square_of = square(y);
  const Tensor t = tanh((y + square_of * y * cubic) * scale);
  const Tensor inner = (square_of * (3 * cubic) + 1) * scale;
  return (1 - square(t)) * (inner - y * t * square(inner) + square_of * (3 * cubic * scale));
}

Tensor silu_curvature(const Tensor& x) {
  const Tensor y = clamp(x, -1000, 1000), s = sigmoid(y);
  return s * (1 - s) * (2 + y * (1 - 2 * s));
}

Tensor mish_curvature(const Tensor& x) {
  const Tensor y = clamp(x, -1000, 1000), s = sigmoid(y), t = tanh(softplus(y));
  return s * (1 - square(t)) * (2 + y * (1 - s - 2 * s * t));
}

void require_positive(double value, const char* name, const char* option) {
  if (!(value > 0) || std::isinf(value))
    fail(name, option, " = ", value, " was given; a finite number above 0 is required");
}

}  // namespace

Tensor sigmoid(const Tensor& x) {
  const Tensor a = detail::to_floating(x);
  return record("sigmoid", detail::map(Unary::sigmoid, a), {a},
                [](const Vjp& k) { return sigmoid_grad(k.grad, k.out()); });
}

Tensor logsigmoid(const Tensor& x) {
  return activation("logsigmoid", Unary::logsigmoid, "logsigmoid_grad", Binary::logsigmoid_grad, x,
                    [](const Tensor& y) { return -sigmoid_slope(y); });
}

Tensor relu(const Tensor& x) {
  const Tensor a = detail::to_arithmetic(x);
  return record("relu", detail::map(Unary::relu, a), {a}, [](const Vjp& k) {
    if (Tensor own = detail::over_cotangent(k, Binary::relu_grad, k.out()); own.defined())
      return own;
    return relu_grad(k.grad, k.out());
  });
}

Tensor relu6(const Tensor& x) {
  return activation("relu6", Unary::relu6, "relu6_grad", Binary::relu6_grad, x, straight);
}

Tensor softplus(const Tensor& x, double beta, double threshold) {
  require_positive(beta, "softplus", "beta");
  return activation(
      "softplus", Unary::softplus, "softplus_grad", Binary::softplus_grad, x,
      [beta, threshold](const Tensor& y) {
        const Tensor z = y * beta;
        return where(z > threshold, 0, sigmoid_slope(z) * beta);
      },
      beta, threshold);
}

Tensor leaky_relu(const Tensor& x, double negative_slope) {
  return activation("leaky_relu", Unary::leaky_relu, "leaky_relu_grad", Binary::leaky_relu_grad, x,
                    straight, negative_slope);
}

Tensor elu(const Tensor& x, double alpha) {
  return activation(
      "elu", Unary::elu, "elu_grad", Binary::elu_grad, x,
      [alpha](const Tensor& y) { return exp_below_zero(y) * alpha; }, alpha);
}

Tensor celu(const Tensor& x, double alpha) {
  require_positive(alpha, "celu", "alpha");
  return activation(
      "celu", Unary::celu, "celu_grad", Binary::celu_grad, x,
      [alpha](const Tensor& y) { return exp_below_zero(y / alpha) / alpha; }, alpha);
}

Tensor selu(const Tensor& x) {
  return activation("selu", Unary::selu, "selu_grad", Binary::selu_grad, x,
                    [](const Tensor& y) { return exp_below_zero(y) * (selu_scale * selu_alpha); });
}

Tensor gelu(const Tensor& x, GeluApproximate approximate) {
  if (approximate == GeluApproximate::none)
    return activation("gelu", Unary::gelu, "gelu_grad", Binary::gelu_grad, x, gelu_curvature);
  return activation("gelu", Unary::gelu_tanh, "gelu_grad", Binary::gelu_tanh_grad, x,
                    gelu_tanh_curvature);
}

Tensor silu(const Tensor& x) {
  return activation("silu", Unary::silu, "silu_grad", Binary::silu_grad, x, silu_curvature);
}

Tensor mish(const Tensor& x) {
  return activation("mish", Unary::mish, "mish_grad", Binary::mish_grad, x, mish_curvature);
}

Tensor hardswish(const Tensor& x) {
  return activation("hardswish", Unary::hardswish, "hardswish_grad", Binary::hardswish_grad, x,
                    [](const Tensor& y) { return where(abs(y) < 3, 1.0 / 3, zeros_like(y)); });
}

Tensor hardsigmoid(const Tensor& x) {
  return activation("hardsigmoid", Unary::hardsigmoid, "hardsigmoid_grad", Binary::hardsigmoid_grad,
                    x, straight);
}

Tensor hardtanh(const Tensor& x, double min, double max) {
  if (!(min <= max))
    fail("hardtanh", "min = ", min, " and max = ", max, " were given; min <= max is required");
  return activation("hardtanh", Unary::clamp, "hardtanh_grad", Binary::hardtanh_grad, x, straight,
                    min, max);
}

Tensor softsign(const Tensor& x) {
  return activation("softsign", Unary::softsign, "softsign_grad", Binary::softsign_grad, x,
                    [](const Tensor& y) {
                      const Tensor d = abs(y) + 1;
                      return sign(y) * -2 / d / d / d;
                    });
}

Tensor tanhshrink(const Tensor& x) {
  const Tensor a = detail::to_floating(x);
  return a - tanh(a);
}

// ------------------------------------------------------------------ the table

namespace {

/// f with as many numbers as are named.
template <auto f, class... Numbers>
Tensor call(const Tensor& x, double a, double b) {
  if constexpr (sizeof...(Numbers) == 2)
    return f(x, a, b);
  else
    return f(x, static_cast<Numbers>(a)...);
}
template <GeluApproximate approximate>
Tensor gelu_as(const Tensor& x) {
  return gelu(x, approximate);
}

constexpr auto he = detail::Start::he, lecun = detail::Start::lecun, xavier = detail::Start::xavier;
constexpr double root_2 = std::numbers::sqrt2;

/// Name, module, function; how weights in front of it start, and its gain; then its parameters.
constexpr detail::ActivationEntry table[] = {
    {"none", "Identity", [](const Tensor& x, double, double) { return x; }},
    {"relu", "ReLU", call<relu>, he, root_2},
    {"gelu", "GELU", call<gelu_as<GeluApproximate::none>>, he, root_2},
    {"gelu_tanh", "GELU", call<gelu_as<GeluApproximate::tanh>>, he, root_2},
    {"silu", "SiLU", call<silu>, he, root_2},
    {"tanh", "Tanh", call<tanh>, xavier, 5.0 / 3},
    {"sigmoid", "Sigmoid", call<sigmoid>},
    {"leaky_relu", "LeakyReLU", call<leaky_relu, double>, he, root_2, 1, 0.01},  // gain for slope 0
    {"elu", "ELU", call<elu, double>, he, root_2, 1, 1},
    {"celu", "CELU", call<celu, double>, he, root_2, 1, 1},
    {"selu", "SELU", call<selu>, lecun, 0.75},
    {"softplus", "Softplus", call<softplus, double, double>, he, root_2, 2, 1, 20},
    {"mish", "Mish", call<mish>, he, root_2},
    {"relu6", "ReLU6", call<relu6>, he, root_2},
    {"hardswish", "Hardswish", call<hardswish>, he, root_2},
    {"hardsigmoid", "Hardsigmoid", call<hardsigmoid>},
    {"hardtanh", "Hardtanh", call<hardtanh, double, double>, xavier, 1, 2, -1, 1},
    {"softsign", "Softsign", call<softsign>},
    {"tanhshrink", "Tanhshrink", call<tanhshrink>},
    {"logsigmoid", "LogSigmoid", call<logsigmoid>},
    {"softmax", "Softmax", call<softmax, Index>, xavier, 1, 1, -1},
    {"log_softmax", "LogSoftmax", call<log_softmax, Index>, xavier, 1, 1, -1},
};

}  // namespace

std::span<const detail::ActivationEntry> detail::activations() { return table; }

const detail::ActivationEntry* detail::find_activation(std::string_view name) {
  for (const ActivationEntry& entry : table)
    if (entry.name == name) return &entry;
  return nullptr;
}

std::string detail::names_of_activations() {
  std::string names;
  for (const ActivationEntry& entry : table)
    names += (names.empty() ? "" : ", ") + std::string(entry.name);
  return names;
}

}  // namespace gradus
