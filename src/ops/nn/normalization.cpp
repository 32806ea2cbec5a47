#include <limits>

#include "base/messages.hpp"
#include "gradus/ops/nn.hpp"
#include "kernels/rows/rows.hpp"
#include "ops/reduce/reduction.hpp"

namespace gradus {

using detail::centred;
using detail::data;
using detail::memory_of;
using detail::node;

namespace {

/// What a rule has to know beside its tensors: inputs are x, then weight and bias if there are,
/// then the saved statistics.
struct NormTerms {
  bool has_weight, has_bias;
  Index rows, cols;
  int axes;  // how many of the last axes are normalized
  double eps;
  int weight() const { return 1; }
  int bias() const { return 1 + has_weight; }
  int saved() const { return 1 + has_weight + has_bias; }
};

void check_affine(const Tensor& t, const Tensor& x, const Shape& shape, const char* operation,
                  const char* what) {
  if (!t.defined()) return;
  detail::require_dtype(t, x.dtype(), operation, what);
  if (!(t.shape() == shape))
    fail(operation, what, " of shape ", t.shape(), " was given; ", shape, " is required");
}

NormTerms last_axes(const Tensor& x, const Shape& normalized, double eps, const char* operation) {
  detail::require_floating(x, operation);
  const Shape shape = x.shape();
  const int lead = shape.size() - normalized.size();
  bool fits = lead >= 0 && !normalized.empty();
  for (int i = 0; fits && i < normalized.size(); ++i) fits = shape[lead + i] == normalized[i];
  if (!fits)
    fail(operation, "x of shape ", shape, " was given with normalized_shape ", normalized,
         "; x must end with these axes, at least one");
  if (!(eps >= 0)) fail(operation, "eps = ", eps, " was given; 0 or more is required");
  NormTerms terms{false, false, 1, 1, normalized.size(), eps};
  for (int i = 0; i < shape.size(); ++i) (i < lead ? terms.rows : terms.cols) *= shape[i];
  return terms;
}

Axes trailing(int count) {
  Axes axes;
  for (int i = count; i > 0; --i) axes.push_back(-i);
  return axes;
}

/// What there is of them, in their order.
std::vector<Tensor> inputs_of(std::initializer_list<Tensor> tensors) {
  std::vector<Tensor> inputs;
  for (const Tensor& tensor : tensors)
    if (tensor.defined()) inputs.push_back(tensor);
  return inputs;
}

Tensor affine(const Tensor& y, const std::vector<Tensor>& in, const NormTerms& t) {
  Tensor out = y;
  if (t.has_weight) out = out * in[static_cast<std::size_t>(t.weight())];
  if (t.has_bias) out = out + in[static_cast<std::size_t>(t.bias())];
  return out;
}

/// x / sqrt(mean(x^2) + eps) in recorded operations. It is the same for (c x) and (c^2 eps): with
/// the saved 1 / sqrt(...) as the constant c, the squares stay in range for any x.
Tensor standardized(const std::vector<Tensor>& in, const NormTerms& t, const Tensor& x,
                    const Axes& over) {
  const Axes axes = normalize_axes(over, x.dim(), "norm");
  const Tensor c = reshape(in.back().detach(), detail::reduced_shape(x.shape(), axes, true));
  const Tensor y = x * c;
  return y * rsqrt(mean(square(y), axes, {.keepdim = true}) + square(c * std::sqrt(t.eps)));
}

/// Memory for the i-th input's gradient, or nothing if it is not wanted.
Tensor room_for(const Vjp& k, int i, bool there) {
  return there && k.wants(i) ? detail::empty_like(k.in(i)) : Tensor();
}

/// The gradients of x, weight and bias by a call such as RowNormBackward; the last inputs are the
/// saved statistics: means, if there are, and 1 / deviation.
template <class Call>
std::vector<Tensor> backward_with(const Vjp& k, const NormTerms& t) {
  const Tensor dx = room_for(k, 0, true), dweight = room_for(k, t.weight(), t.has_weight),
               dbias = room_for(k, t.bias(), t.has_bias);
  const Tensor& x = k.in(0);
  const int rstd = k.arity() - 1;
  kernels::run(Call{x.dtype(), data(k.grad), data(x),
                    t.has_weight ? data(k.in(t.weight())) : nullptr,
                    rstd > t.saved() ? data(k.in(t.saved())) : nullptr, data(k.in(rstd)),
                    memory_of(dx), memory_of(dweight), memory_of(dbias), t.rows, t.cols});
  std::vector<Tensor> grads{dx};
  if (t.has_weight) grads.push_back(dweight);
  if (t.has_bias) grads.push_back(dbias);
  return grads;
}

/// Normalizes the rows of x, less their means if it `centres`.
Tensor by_rows(const char* name, const Tensor& x, NormTerms t, const Tensor& weight,
               const Tensor& bias, bool centres) {
  t.has_weight = weight.defined();
  t.has_bias = bias.defined();
  Tensor value = detail::empty_like(x);
  const Tensor means = centres ? detail::empty({2, t.rows}, x.dtype()) : Tensor(),
               rstd = detail::empty({t.rows}, x.dtype());
  kernels::run(kernels::RowNorm{x.dtype(), data(x), memory_of(weight), memory_of(bias), t.eps,
                                data(value), memory_of(means), data(rstd), t.rows, t.cols});
  return fused(
      name, std::move(value), inputs_of({x, weight, bias, means, rstd}),
      [t](const Vjp& k) { return backward_with<kernels::RowNormBackward>(k, t); },
      [t, centres](const std::vector<Tensor>& in) {
        const Axes over = trailing(t.axes);
        return affine(standardized(in, t, centres ? centred(in[0], over) : in[0], over), in, t);
      });
}

}  // namespace

Tensor layer_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight,
                  const Tensor& bias, double eps) {
  const NormTerms t = last_axes(x, normalized_shape, eps, "layer_norm");
  check_affine(weight, x, normalized_shape, "layer_norm", "a weight");
  check_affine(bias, x, normalized_shape, "layer_norm", "a bias");
  return by_rows("layer_norm", x, t, weight, bias, true);
}

Tensor rms_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight,
                std::optional<double> eps) {
  const double smallest = x.dtype() == float32
                              ? static_cast<double>(std::numeric_limits<float>::epsilon())
                              : std::numeric_limits<double>::epsilon();
  const NormTerms t = last_axes(x, normalized_shape, eps.value_or(smallest), "rms_norm");
  check_affine(weight, x, normalized_shape, "rms_norm", "a weight");
  return by_rows("rms_norm", x, t, weight, {}, false);
}

namespace {

/// (C) as (C, 1, …), to broadcast with (N, C, …).
Tensor per_channel(const Tensor& t, const Tensor& x) {
  if (x.dim() == 2) return t;
  Shape shape{t.size(0)};
  for (int i = 2; i < x.dim(); ++i) shape.push_back(1);
  return reshape(t, shape);
}

void check_channels(const Tensor& x, const Tensor& weight, const Tensor& bias,
                    const char* operation) {
  detail::require_floating(x, operation);
  if (x.dim() < 2)
    fail(operation, "x of shape ", x.shape(), " was given; (N, C) or (N, C, ...) is required");
  check_affine(weight, x, {x.size(1)}, operation, "a weight");
  check_affine(bias, x, {x.size(1)}, operation, "a bias");
}

/// (N, C, d…) with the channels last, and back.
Tensor channels_last(const Tensor& x) { return x.dim() == 2 ? x : movedim(x, {1}, {-1}); }
Tensor channels_second(const Tensor& x) { return x.dim() == 2 ? x : movedim(x, {-1}, {1}); }

/// running + momentum (batch - running), unrecorded: equal values stay what they are.
void move_towards(const Tensor& running, const void* batch, double momentum) {
  node(running)->bump_version();
  kernels::run(kernels::Zip{kernels::Binary::lerp_scalar, running.dtype(), data(running), batch,
                            data(running), kernels::same_shape(running.numel()), momentum});
}

/// Normalizes x (…, C) by the statistics of the batch, which move the running ones.
Tensor by_batch(const Tensor& x, const Tensor& running_mean, const Tensor& running_var,
                const Tensor& weight, const Tensor& bias, double momentum, double eps) {
  const Index cols = x.size(-1), rows = cols ? x.numel() / cols : 0;
  if (rows < 2)
    fail("batch_norm",
         "one value per channel was given in training; its variance is unknown; use a batch of 2 "
         "or more, drop or merge a last batch of 1, or call eval()");
  const NormTerms t{weight.defined(), bias.defined(), rows, cols, x.dim() - 1, eps};
  Tensor value = detail::empty_like(x);
  const Tensor means = detail::empty({2, cols}, x.dtype()),
               variances = detail::empty({cols}, x.dtype()), rstd = detail::empty_like(variances);
  kernels::run(kernels::BatchNorm{x.dtype(), data(x), memory_of(weight), memory_of(bias), eps,
                                  data(value), data(means), data(variances), data(rstd), rows,
                                  cols});
  if (running_mean.defined()) {
    const NoGrad guard;
    const double n = static_cast<double>(rows);
    move_towards(running_mean, data(means), momentum);
    move_towards(running_var, data(variances * (n / (n - 1))), momentum);
  }
  return fused(
      "batch_norm", std::move(value), inputs_of({x, weight, bias, means, rstd}),
      [t](const Vjp& k) { return backward_with<kernels::BatchNormBackward>(k, t); },
      [t](const std::vector<Tensor>& in) {
        Axes batch;
        for (int i = 0; i < t.axes; ++i) batch.push_back(i);
        return affine(standardized(in, t, centred(in[0], batch), batch), in, t);
      });
}

}  // namespace

Tensor group_norm(const Tensor& x, Index num_groups, const Tensor& weight, const Tensor& bias,
                  double eps) {
  check_channels(x, weight, bias, "group_norm");
  const Shape shape = x.shape();
  const Index channels = shape[1];
  if (num_groups < 1 || channels % num_groups != 0)
    fail("group_norm", num_groups, " groups were given for ", channels,
         " channels; a number that divides the channels is required");
  Index field = channels / num_groups;
  for (int i = 2; i < shape.size(); ++i) field *= shape[i];
  const Tensor groups = reshape(x, {shape[0] * num_groups, field});
  Tensor out = reshape(layer_norm(groups, {field}, {}, {}, eps), shape);
  if (weight.defined()) out = out * per_channel(weight, x);
  if (bias.defined()) out = out + per_channel(bias, x);
  return out;
}

Tensor batch_norm(const Tensor& x, const Tensor& running_mean, const Tensor& running_var,
                  const Tensor& weight, const Tensor& bias, const BatchNormOptions& options) {
  check_channels(x, weight, bias, "batch_norm");
  if (running_mean.defined() != running_var.defined())
    fail("batch_norm", "one of running_mean and running_var was given; both or none are required");
  check_affine(running_mean, x, {x.size(1)}, "batch_norm", "a running_mean");
  check_affine(running_var, x, {x.size(1)}, "batch_norm", "a running_var");
  if (options.training || !running_mean.defined())
    return channels_second(by_batch(channels_last(x), running_mean, running_var, weight, bias,
                                    options.momentum, options.eps));
  // The mean comes off first: x scale and mean scale may be large and almost equal.
  Tensor scale = rsqrt(running_var + options.eps);
  if (weight.defined()) scale = scale * weight;
  const Tensor y = (x - per_channel(running_mean, x)) * per_channel(scale, x);
  return bias.defined() ? y + per_channel(bias, x) : y;
}

}  // namespace gradus
