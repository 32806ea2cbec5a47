#include "base/messages.hpp"
#include "ops/move/indexing.hpp"
#include "ops/products/window.hpp"

namespace gradus {

using detail::data;
using detail::WindowedOperation;
using detail::WindowOptions;
using kernels::Plane;

namespace {

/// The options of a pooling: a stride of 0 is the kernel's size.
WindowOptions pool_options(Size2 kernel, Size2 stride, Size2 padding, Size2 dilation) {
  if (stride.height == 0) stride.height = kernel.height;
  if (stride.width == 0) stride.width = kernel.width;
  return {kernel, stride, padding, dilation};
}

/// A dilated window can step over all of a short input.
bool has_empty_window(const kernels::Window& w) {
  for (Index place = 0; place < w.output; ++place) {
    bool found = false;
    for (Index k = 0; k < w.kernel && !found; ++k) {
      const Index at = place * w.stride - w.padding + k * w.dilation;
      found = at >= 0 && at < w.input;
    }
    if (!found) return true;
  }
  return false;
}

/// Every window of a pooling has an element of the input.
Plane pool_plane(const WindowedOperation& op, const Tensor& x, const Tensor& planes,
                 const WindowOptions& options) {
  const Plane plane = detail::plane_of(op, planes, options);
  const Size2 &kernel = options.kernel, &padding = options.padding;
  if (padding.height > kernel.height / 2 || padding.width > kernel.width / 2)
    fail(op.name, "a padding of ", op.text(padding), " was given for a kernel of size ",
         op.text(kernel), "; at most half of the kernel is required");
  if (has_empty_window(plane.y) || has_empty_window(plane.x))
    fail(op.name, "an input of shape ", x.shape(), " was given for a kernel of ", op.text(kernel),
         " with dilation ", op.text(options.dilation), " and padding ", op.text(padding),
         ", some windows of which meet padding only; a longer input or less dilation "
         "is required");
  return plane;
}

Shape pooled_shape(const Tensor& planes, const Plane& plane) {
  return {planes.size(0), planes.size(1), plane.y.output, plane.x.output};
}

Tensor max_pool(const WindowedOperation& op, const Tensor& x, const WindowOptions& options) {
  const Tensor planes = detail::as_planes(op, x);
  const Plane plane = pool_plane(op, x, planes, options);
  const Index count = planes.size(0) * planes.size(1);
  const Tensor index = detail::empty({count, plane.outputs()}, int64);
  kernels::run(kernels::MaxPositions{x.dtype(), plane, count, data(planes),
                                     static_cast<Index*>(data(index))});
  const Tensor out = detail::gather_along(reshape(planes, {count, plane.inputs()}), 1, index);
  return detail::without_added_axes(op, reshape(out, pooled_shape(planes, plane)), x);
}

// The mean of windows is linear: its gradient is its adjoint, and that one's the mean.

/// (N, C, H, W) -> (N, C, H', W'), or back.
Tensor average(const Tensor& x, const Plane& plane, bool count_padding, bool adjoint) {
  const Shape shape = {x.size(0), x.size(1), adjoint ? plane.y.input : plane.y.output,
                       adjoint ? plane.x.input : plane.x.output};
  Tensor out = detail::empty(shape, x.dtype());
  const Index planes = x.size(0) * x.size(1);
  if (adjoint)
    kernels::run(
        kernels::AverageBackward{{x.dtype(), plane, planes, count_padding}, data(x), data(out)});
  else
    kernels::run(kernels::Average{{x.dtype(), plane, planes, count_padding}, data(x), data(out)});
  return record(adjoint ? "avg_pool2d_adjoint" : "avg_pool2d", std::move(out), {x},
                [plane, count_padding, adjoint](const Vjp& k) {
                  return average(k.grad, plane, count_padding, !adjoint);
                });
}

Tensor avg_pool(const WindowedOperation& op, const Tensor& x, const WindowOptions& options,
                bool count_include_pad) {
  const Tensor planes = detail::as_planes(op, x);
  const Plane plane = pool_plane(op, x, planes, options);
  return detail::without_added_axes(op, average(planes, plane, count_include_pad, false), x);
}

}  // namespace

Tensor max_pool1d(const Tensor& x, Index kernel, const MaxPool1dOptions& options) {
  return max_pool(
      {"max_pool1d", 1}, x,
      pool_options({1, kernel}, {1, options.stride}, {0, options.padding}, {1, options.dilation}));
}

Tensor max_pool2d(const Tensor& x, Size2 kernel, const MaxPool2dOptions& options) {
  return max_pool({"max_pool2d", 2}, x,
                  pool_options(kernel, options.stride, options.padding, options.dilation));
}

Tensor avg_pool1d(const Tensor& x, Index kernel, const AvgPool1dOptions& options) {
  return avg_pool({"avg_pool1d", 1}, x,
                  pool_options({1, kernel}, {1, options.stride}, {0, options.padding}, 1),
                  options.count_include_pad);
}

Tensor avg_pool2d(const Tensor& x, Size2 kernel, const AvgPool2dOptions& options) {
  return avg_pool({"avg_pool2d", 2}, x, pool_options(kernel, options.stride, options.padding, 1),
                  options.count_include_pad);
}

}  // namespace gradus
