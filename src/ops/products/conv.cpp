#include "gradus/ops/conv.hpp"

#include "ops/products/products.hpp"
#include "ops/products/window.hpp"

namespace gradus {

using detail::data;
using detail::first_and;
using detail::second_and;
using detail::WindowedOperation;
using detail::Zeros;
using kernels::Convolution;

namespace {

// <g, conv(x, w)> is linear in each of g, x and w: the gradient by one of them is a function of the
// other two, and so each of these three functions has the other two as its gradients. In these the
// zeros of the cotangent count, and those of a factor that was a cotangent itself.

Tensor convolution(Zeros zeros, const Convolution& c, const Tensor& x, const Tensor& w);
Tensor convolution_input(Zeros zeros, const Convolution& c, const Tensor& g, const Tensor& w);
Tensor convolution_weight(Zeros zeros, const Convolution& c, const Tensor& x, const Tensor& g);

Tensor convolution(Zeros zeros, const Convolution& c, const Tensor& x, const Tensor& w) {
  Tensor y = detail::empty(
      {c.images, c.groups * c.out_channels, c.plane.y.output, c.plane.x.output}, x.dtype());
  kernels::run(kernels::Convolve{x.dtype(), zeros, c, data(x), data(w), data(y)});
  return record("conv2d", std::move(y), {x, w}, [zeros, c](const Vjp& k) -> Grads<2> {
    Grads<2> grads;
    if (k.wants(0))
      grads[0] = convolution_input(first_and(has(zeros, Zeros::second)), c, k.grad, k.in(1));
    if (k.wants(1))
      grads[1] = convolution_weight(second_and(has(zeros, Zeros::first)), c, k.in(0), k.grad);
    return grads;
  });
}

Tensor convolution_input(Zeros zeros, const Convolution& c, const Tensor& g, const Tensor& w) {
  Tensor x = detail::empty({c.images, c.groups * c.in_channels, c.plane.y.input, c.plane.x.input},
                           g.dtype());
  kernels::run(kernels::ConvolveInput{g.dtype(), zeros, c, data(g), data(w), data(x)});
  return record("conv2d_input", std::move(x), {g, w}, [zeros, c](const Vjp& k) -> Grads<2> {
    Grads<2> grads;
    if (k.wants(0))
      grads[0] = convolution(first_and(has(zeros, Zeros::second)), c, k.grad, k.in(1));
    if (k.wants(1))
      grads[1] = convolution_weight(first_and(has(zeros, Zeros::first)), c, k.grad, k.in(0));
    return grads;
  });
}

Tensor convolution_weight(Zeros zeros, const Convolution& c, const Tensor& x, const Tensor& g) {
  Tensor w = detail::empty(
      {c.groups * c.out_channels, c.in_channels, c.plane.y.kernel, c.plane.x.kernel}, x.dtype());
  kernels::run(kernels::ConvolveWeight{x.dtype(), zeros, c, data(x), data(g), data(w)});
  return record("conv2d_weight", std::move(w), {x, g}, [zeros, c](const Vjp& k) -> Grads<2> {
    Grads<2> grads;
    if (k.wants(0))
      grads[0] = convolution_input(second_and(has(zeros, Zeros::second)), c, k.in(1), k.grad);
    if (k.wants(1))
      grads[1] = convolution(second_and(has(zeros, Zeros::first)), c, k.in(0), k.grad);
    return grads;
  });
}

void check_channels(const WindowedOperation& op, const Tensor& x, const Tensor& weight,
                    const Tensor& bias, Index groups) {
  detail::require_dtype(weight, x.dtype(), op.name, "a weight");
  if (weight.dim() != op.axes + 2)
    fail(op.name, "a weight of shape " + to_string(weight.shape()) +
                      " was given; (O, C / groups, " + (op.axes == 1 ? "K" : "K, M") +
                      ") is required");
  const Index channels = x.size(-1 - op.axes), out = weight.size(0);
  if (groups < 1 || out % groups != 0 || channels % groups != 0)
    fail(op.name, text_of(groups) + " groups were asked for with " + text_of(channels) +
                      " input and " + text_of(out) +
                      " output channels; a divisor of both, 1 or more, is required");
  if (channels / groups != weight.size(1))
    fail(op.name, "an input of shape " + to_string(x.shape()) + " has " + text_of(channels) +
                      " channels, and a weight of shape " + to_string(weight.shape()) + " with " +
                      text_of(groups) + " groups takes " + text_of(weight.size(1) * groups) +
                      "; these must be equal");
  if (!bias.defined()) return;
  detail::require_dtype(bias, x.dtype(), op.name, "a bias");
  if (!(bias.shape() == Shape{out}))
    fail(op.name, "a bias of shape " + to_string(bias.shape()) + " was given for " + text_of(out) +
                      " output channels; one value for each is required");
}

Tensor convolve(const WindowedOperation& op, const Tensor& x, const Tensor& weight,
                const Tensor& bias, const Conv2dOptions& options) {
  const Tensor planes = detail::as_planes(op, x);
  check_channels(op, x, weight, bias, options.groups);
  const Tensor w = op.axes == 1 ? unsqueeze(weight, 2) : weight;
  const Index out = w.size(0);
  const Convolution c{
      planes.size(0), options.groups, w.size(1), out / options.groups,
      detail::plane_of(
          op, planes, {{w.size(2), w.size(3)}, options.stride, options.padding, options.dilation})};
  Tensor y = convolution(Zeros::none, c, planes, w);
  if (bias.defined()) y = y + reshape(bias, {out, 1, 1});
  return detail::without_added_axes(op, y, x);
}

}  // namespace

Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias,
              const Conv1dOptions& options) {
  return convolve({"conv1d", 1}, x, weight, bias,
                  {.stride = {1, options.stride},
                   .padding = {0, options.padding},
                   .dilation = {1, options.dilation},
                   .groups = options.groups});
}

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
              const Conv2dOptions& options) {
  return convolve({"conv2d", 2}, x, weight, bias, options);
}

}  // namespace gradus
