#include "gradus/ops/conv.hpp"

#include "base/messages.hpp"
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

// <y, conv(x, w)> is linear in each of y, x and w: the gradient by one of them is a function of the
// other two, and so each of these three functions has the other two as its gradients. In these the
// zeros of the cotangent count, and those of a factor that was a cotangent itself.

enum Part { y_part, x_part, w_part };

struct Known {
  const char* name;
  Part first, second;  // what the part is a function of
};
constexpr Known known[] = {{"conv2d", x_part, w_part},
                           {"conv2d_input", y_part, w_part},
                           {"conv2d_weight", x_part, y_part}};

Shape shape_of(Part part, const Convolution& c) {
  const auto& [y, x] = c.plane;
  if (part == y_part) return {c.images, c.groups * c.out_channels, y.output, x.output};
  if (part == x_part) return {c.images, c.groups * c.in_channels, y.input, x.input};
  return {c.groups * c.out_channels, c.in_channels, y.kernel, x.kernel};
}

Tensor convolution(Part part, Zeros zeros, const Convolution& c, const Tensor& a, const Tensor& b) {
  const DType type = a.dtype();
  Tensor out = detail::empty(shape_of(part, c), type);
  if (part == y_part)
    kernels::run(kernels::Convolve{{type, zeros, c}, data(a), data(b), data(out)});
  else if (part == x_part)
    kernels::run(kernels::ConvolveInput{{type, zeros, c}, data(a), data(b), data(out)});
  else
    kernels::run(kernels::ConvolveWeight{{type, zeros, c}, data(a), data(b), data(out)});
  return record(known[part].name, std::move(out), {a, b},
                [part, zeros, c](const Vjp& k) -> Grads<2> {
                  const auto gradient = [&](int i, Part of, Zeros other) {
                    if (!k.wants(i)) return Tensor();
                    const bool counts = has(zeros, other);
                    if (known[of].first == part)
                      return convolution(of, first_and(counts), c, k.grad, k.in(1 - i));
                    return convolution(of, second_and(counts), c, k.in(1 - i), k.grad);
                  };
                  return {gradient(0, known[part].first, Zeros::second),
                          gradient(1, known[part].second, Zeros::first)};
                });
}

void check_channels(const WindowedOperation& op, const Tensor& x, const Tensor& weight,
                    const Tensor& bias, Index groups) {
  detail::require_dtype(weight, x.dtype(), op.name, "a weight");
  if (weight.dim() != op.axes + 2)
    fail(op.name, "a weight of shape ", weight.shape(), " was given; (O, C / groups, ",
         (op.axes == 1 ? "K" : "K, M"), ") is required");
  const Index channels = x.size(-1 - op.axes), out = weight.size(0);
  if (groups < 1 || out % groups != 0 || channels % groups != 0)
    fail(op.name, groups, " groups were asked for with ", channels, " input and ", out,
         " output channels; a divisor of both, 1 or more, is required");
  if (channels / groups != weight.size(1))
    fail(op.name, "an input of shape ", x.shape(), " has ", channels,
         " channels, and a weight of shape ", weight.shape(), " with ", groups, " groups takes ",
         weight.size(1) * groups, "; these must be equal");
  if (!bias.defined()) return;
  detail::require_dtype(bias, x.dtype(), op.name, "a bias");
  if (!(bias.shape() == Shape{out}))
    fail(op.name, "a bias of shape ", bias.shape(), " was given for ", out,
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
  Tensor y = convolution(y_part, Zeros::none, c, planes, w);
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
