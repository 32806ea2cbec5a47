#include "gradus/ops/nn.hpp"

#include <array>

#include "autograd/capture.hpp"
#include "gradus/ops/linear_act.hpp"
#include "gradus/random.hpp"
#include "kernels/elementwise/random.hpp"
#include "kernels/products/gemm.hpp"
#include "kernels/products/linear_small.hpp"
#include "kernels/rows/rows.hpp"
#include "ops/products/products.hpp"

namespace gradus {

using detail::data;
using detail::node;
using detail::safe_mul;
using detail::Zeros;

// ------------------------------------------------------------------ linear

namespace {

void check_linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  detail::require_floating(x, "linear");
  if (weight.dim() != 2 || x.dim() < 1 || x.size(-1) != weight.size(1))
    fail("linear", "x of shape " + to_string(x.shape()) + " and weight of shape " +
                       to_string(weight.shape()) +
                       " were given; x (..., in) and weight (out, in) are required");
  detail::require_dtype(weight, x.dtype(), "linear", "a weight");
  if (!bias.defined()) return;
  detail::require_dtype(bias, x.dtype(), "linear", "a bias");
  if (bias.dim() != 1 || bias.size(0) != weight.size(0))
    fail("linear", "bias of shape " + to_string(bias.shape()) + " and weight of shape " +
                       to_string(weight.shape()) + " were given; bias (out) is required");
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
        act ? data(saved) : nullptr, data(x), data(weight), dx.defined() ? data(dx) : nullptr,
        dw.data(), db.data()});
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

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  check_linear(x, weight, bias);
  Tensor value = empty_product(x, weight);
  kernels::run(kernels::Linear{x.dtype(), kernels::Activation::none, leading(x.shape()),
                               weight.size(0), weight.size(1), data(x), data(weight),
                               bias.defined() ? data(bias) : nullptr, data(value), nullptr});
  const auto rule = [](const Vjp& k) {
    const bool has_bias = k.arity() == 3;
    return k.create_graph() ? recorded_gradients(k, has_bias)
                            : layer_gradients(k, nullptr, has_bias);
  };
  if (bias.defined()) return record("linear", std::move(value), {x, weight, bias}, rule);
  return record("linear", std::move(value), {x, weight}, rule);
}

namespace {

Tensor exact_gelu(const Tensor& x) { return gelu(x); }

constexpr std::array<FusedActivation, 5> fused_activations = {{
    {"linear_relu", kernels::Activation::relu, kernels::Binary::relu_grad, true, relu},
    {"linear_tanh", kernels::Activation::tanh, kernels::Binary::tanh_grad, true, tanh},
    {"linear_sigmoid", kernels::Activation::sigmoid, kernels::Binary::sigmoid_grad, true, sigmoid},
    {"linear_gelu", kernels::Activation::gelu, kernels::Binary::gelu_grad, false, exact_gelu},
    {"linear_silu", kernels::Activation::silu, kernels::Binary::silu_grad, false, silu},
}};

}  // namespace

bool detail::keeps_modules_apart() { return mode.anomaly; }

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
  kernels::run(kernels::Linear{x.dtype(), act->kernel, leading(x.shape()), weight.size(0),
                               weight.size(1), data(x), data(weight),
                               has_bias ? data(bias) : nullptr, data(value),
                               product.defined() ? data(product) : nullptr});
  if (product.defined()) inputs[count++] = product;
  return fused(
      act->name, std::move(value), std::span<const Tensor>(inputs.data(), count),
      [act, has_bias](const Vjp& k) { return layer_gradients(k, act, has_bias); },
      [act, has_bias](const std::vector<Tensor>& in) {
        return act->composite(linear(in[0], in[1], has_bias ? in[2] : Tensor()));
      });
}

// ------------------------------------------------------------------ softmax

namespace {

/// f(rows, cols) on x seen with `axis` last; the result in x's order of axes. Records nothing.
template <class F>
Tensor along_last(const Tensor& x, int axis, F f) {
  const NoGrad guard;
  const bool last = axis == x.dim() - 1;
  const Tensor y = last ? x : transpose(x, axis, -1);
  const Tensor out = f(y, y.numel() / std::max<Index>(y.size(-1), 1), y.size(-1));
  return last ? out : transpose(out, axis, -1);
}

/// The position of the axis; a scalar counts as one element.
int checked_axis(const Tensor& x, Index axis, const char* operation) {
  detail::require_floating(x, operation);
  return normalize_axis(axis, std::max(x.dim(), 1), operation);
}

}  // namespace

Tensor softmax(const Tensor& x, Index axis) {
  const int a = checked_axis(x, axis, "softmax");
  if (x.dim() == 0) return reshape(softmax(reshape(x, {1})), {});
  Tensor value = along_last(x, a, [](const Tensor& y, Index rows, Index cols) {
    Tensor out = detail::empty_like(y);
    kernels::run(kernels::Softmax{y.dtype(), false, data(y), data(out), rows, cols});
    return out;
  });
  return record("softmax", std::move(value), {x}, [a](const Vjp& k) {
    const Tensor &g = k.grad, &out = k.out();
    if (k.create_graph() || a != out.dim() - 1)
      return safe_mul(g - sum(safe_mul(g, out), {a}, true), out);
    Tensor dx = detail::empty_like(out);
    const Index cols = out.size(-1);
    kernels::run(kernels::SoftmaxBackward{out.dtype(), false, data(g), data(out), data(dx),
                                          out.numel() / std::max<Index>(cols, 1), cols});
    return dx;
  });
}

Tensor log_softmax(const Tensor& x, Index axis) {
  const int a = checked_axis(x, axis, "log_softmax");
  if (x.dim() == 0) return reshape(log_softmax(reshape(x, {1})), {});
  Tensor value = along_last(x, a, [](const Tensor& y, Index rows, Index cols) {
    Tensor out = detail::empty_like(y);
    kernels::run(kernels::Softmax{y.dtype(), true, data(y), data(out), rows, cols});
    return out;
  });
  return record("log_softmax", std::move(value), {x}, [a](const Vjp& k) {
    const Tensor& g = k.grad;
    if (k.create_graph() || a != g.dim() - 1) {
      // Multiplied by 1, or by NaN in rows of NaN, where a sum of 0 would hide them.
      const Tensor p = softmax(k.in(0), a), one = p.detach() * 0 + 1;
      return g - safe_mul(sum(safe_mul(g, one), {a}, true), p);
    }
    const Tensor& out = k.out();
    Tensor dx = detail::empty_like(out);
    const Index cols = out.size(-1);
    kernels::run(kernels::SoftmaxBackward{out.dtype(), true, data(g), data(out), data(dx),
                                          out.numel() / std::max<Index>(cols, 1), cols});
    return dx;
  });
}

// ------------------------------------------------------------------ dropout

namespace {

/// Linear in x, so it is its own derivative. Captures the numbers that make the mask, not the mask.
Tensor masked(const Tensor& x, double p, detail::Drawn drawn) {
  Tensor value = detail::empty_like(x);
  kernels::run(
      kernels::Dropout{x.dtype(), data(x), data(value), x.numel(), p, drawn.draw, drawn.replayed});
  return record("dropout", std::move(value), {x},
                [p, drawn](const Vjp& k) { return masked(k.grad, p, drawn); });
}

}  // namespace

Tensor dropout(const Tensor& x, double p, bool training, Generator* generator) {
  detail::require_floating(x, "dropout");
  if (!(p >= 0 && p <= 1))
    fail("dropout", "p = " + text_of(p) +
                        " was given; a probability from 0 to 1 is "
                        "required");
  if (!training || p == 0) return x;
  Generator& source = generator ? *generator : default_generator();
  return masked(x, p, detail::draw(source, mask_blocks(x.numel()), true));
}

}  // namespace gradus
