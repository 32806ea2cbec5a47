#include <array>

#include "base/messages.hpp"
#include "gradus/ops/nn.hpp"
#include "kernels/products/gemm.hpp"
#include "kernels/products/linear_small.hpp"
#include "kernels/rows/rows.hpp"
#include "ops/elementwise/activation_table.hpp"
#include "ops/products/products.hpp"

namespace gradus {

using detail::data;
using detail::memory_of;
using detail::Zeros;

namespace {

void check_linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  detail::require_floating(x, "linear");
  if (weight.dim() != 2 || x.dim() < 1 || x.size(-1) != weight.size(1))
    fail("linear", "x of shape ", x.shape(), " and weight of shape ", weight.shape(),
         " were given; x (..., in) and weight (out, in) are required");
  detail::require_dtype(weight, x.dtype(), "linear", "a weight");
  if (!bias.defined()) return;
  detail::require_dtype(bias, x.dtype(), "linear", "a bias");
  if (bias.dim() != 1 || bias.size(0) != weight.size(0))
    fail("linear", "bias of shape ", bias.shape(), " and weight of shape ", weight.shape(),
         " were given; bias (out) is required");
}

/// The product of all lengths but the last.
Index leading(const Shape& shape) {
  Index rows = 1;
  for (int i = 0; i + 1 < shape.size(); ++i) rows *= shape[i];
  return rows;
}

/// x with all leading axes as one: (…, n) -> (rows, n).
Tensor as_rows(const Tensor& x) {
  return x.dim() == 2 ? x : reshape(x, {leading(x.shape()), x.size(-1)});
}

/// How an activation is fused with the product before it: its gradient takes the product or, where
/// `from_out`, the result.
struct FusedActivation {
  const char* name;
  kernels::Activation kernel;
  kernels::Binary gradient;
  bool from_out;
  Tensor (*composite)(const Tensor&);
};

/// The cotangent of the product.
Tensor cotangent(const Vjp& k, const FusedActivation* act, const Tensor& saved) {
  if (!act) return k.grad;
  Tensor g = detail::over_cotangent(k, act->gradient, saved);
  return g.defined() ? g : detail::zip(act->name, act->gradient, k.grad, saved);
}

/// The gradients of x (..., in), weight (out, in) and, if there is one, bias of
/// act(x weight^T + bias): with g, the cotangent of the product, g weight, g^T x, and the rows of g
/// summed.
Grads<3> layer_gradients(const Vjp& k, const FusedActivation* act, bool has_bias) {
  const Tensor &x = k.in(0), &weight = k.in(1);
  const Tensor saved = !act ? Tensor() : act->from_out ? k.out() : k.in(k.arity() - 1);
  const Index out = weight.size(0), in = weight.size(1), rows = leading(x.shape());
  const DType type = x.dtype();
  const bool is_small = kernels::is_small_linear(type, rows, out, in);
  const Tensor g = is_small ? k.grad : cotangent(k, act, saved);
  const Tensor dx = k.wants(0) ? detail::empty_like(x) : Tensor();
  const detail::Target dw = detail::target(k, 1, {out, in}, type);
  const detail::Target db = has_bias ? detail::target(k, 2, {out}, type) : detail::Target();
  if (is_small) {
    kernels::run(kernels::SmallLinearBackward{
        act ? act->kernel : kernels::Activation::none, dw.into, db.into, rows, out, in, data(g),
        memory_of(saved), data(x), data(weight), memory_of(dx), dw.data(), db.data()});
  } else {
    if (dx.defined())
      kernels::run(kernels::Gemm{type, false, false, rows, in, out, data(g), out, data(weight), in,
                                 0, data(dx), in, Zeros::first});
    if (dw.tensor.defined())
      kernels::run(kernels::Gemm{type, true, false, out, in, rows, data(g), out, data(x), in,
                                 dw.into ? 1. : 0., dw.data(), in, Zeros::first});
    if (db.tensor.defined())
      kernels::run(kernels::SumRows{type, data(g), db.data(), rows, out, db.into ? 1. : 0.});
  }
  return {dx, dw.gradient(), db.gradient()};
}

/// The same for a linear layer, in tensor operations.
Grads<3> recorded_gradients(const Vjp& k, bool has_bias) {
  Grads<3> grads;
  const Tensor rows = as_rows(k.grad);
  if (k.wants(0))
    grads[0] = reshape(detail::zero_matmul(Zeros::first, rows, k.in(1)), k.in(0).shape());
  if (k.wants(1)) grads[1] = detail::zero_matmul(Zeros::first, rows, as_rows(k.in(0)), true);
  if (has_bias && k.wants(2)) grads[2] = sum(rows, {0});
  return grads;
}

/// Room for a product of x and weight.
Tensor empty_product(const Tensor& x, const Tensor& weight) {
  Shape shape = x.shape();
  shape[shape.size() - 1] = weight.size(0);
  return detail::empty(shape, x.dtype());
}

/// out = act(x weight^T + bias), and what it is before the activation in `pre`, if that is there.
void run_layer(kernels::Activation act, const Tensor& x, const Tensor& weight, const Tensor& bias,
               const Tensor& out, const Tensor& pre) {
  kernels::run(kernels::Linear{x.dtype(), act, leading(x.shape()), weight.size(0), weight.size(1),
                               data(x), data(weight), memory_of(bias), data(out), memory_of(pre)});
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  check_linear(x, weight, bias);
  Tensor value = empty_product(x, weight);
  run_layer(kernels::Activation::none, x, weight, bias, value, {});
  const auto rule = [](const Vjp& k) {
    const bool has_bias = k.arity() == 3;
    return k.create_graph() ? recorded_gradients(k, has_bias)
                            : layer_gradients(k, nullptr, has_bias);
  };
  if (bias.defined()) return record("linear", std::move(value), {x, weight, bias}, rule);
  return record("linear", std::move(value), {x, weight}, rule);
}

#define GRADUS_ENTRY(name, from_out)                                                   \
  {"linear_" #name, kernels::Activation::name, kernels::Binary::name##_grad, from_out, \
   [](const Tensor& x) { return name(x); }},
constexpr FusedActivation fused_activations[] = {GRADUS_FUSED(GRADUS_ENTRY)};
#undef GRADUS_ENTRY

std::optional<LinearActivation> detail::linear_activation(std::string_view name) {
#define GRADUS_CASE(known, ...)                                                        \
  static_assert(fused_activations[static_cast<int>(LinearActivation::known)].kernel == \
                kernels::Activation::known);                                           \
  if (name == #known) return LinearActivation::known;
  GRADUS_FUSED(GRADUS_CASE)
#undef GRADUS_CASE
  return {};
}

Tensor linear_act(const Tensor& x, const Tensor& weight, const Tensor& bias,
                  LinearActivation activation) {
  check_linear(x, weight, bias);
  const bool has_bias = bias.defined();
  const FusedActivation* const act = &fused_activations[static_cast<std::size_t>(activation)];
  std::array<Tensor, 4> inputs{x, weight, bias, Tensor()};
  std::size_t count = has_bias ? 3 : 2;
  Tensor value = empty_product(x, weight);
  const std::span<const Tensor> given(inputs.data(), count);
  const Tensor product = !act->from_out && detail::should_record(given)
                             ? detail::empty_like(value)
                             : Tensor();  // before the activation
  run_layer(act->kernel, x, weight, bias, value, product);
  if (product.defined()) inputs[count++] = product;
  return fused(
      act->name, std::move(value), std::span<const Tensor>(inputs.data(), count),
      [act, has_bias](const Vjp& k) { return layer_gradients(k, act, has_bias); },
      [act, has_bias](const std::vector<Tensor>& in) {
        return act->composite(linear(in[0], in[1], has_bias ? in[2] : Tensor()));
      });
}

}  // namespace gradus
