#include "ops/products/window.hpp"

#include "base/messages.hpp"

namespace gradus::detail {

namespace {

/// No sum or product of checked sizes overflows.
constexpr Index largest_option = Index{1} << 31;

void require_option(const WindowedOperation& op, const char* name, Size2 given, Index least) {
  for (const Index value : {given.height, given.width})
    if (value < least || value > largest_option)
      fail(op.name, name, " ", op.text(given), " was given; ", least,
           " or more, up to 2^31, is required");
}

kernels::Window window(const WindowedOperation& op, Index input, Index kernel, Index stride,
                       Index padding, Index dilation) {
  const Index room = input + 2 * padding, reach = dilation * (kernel - 1) + 1;
  if (reach > room)
    fail(op.name, "an axis of length ", input, " with padding ", padding, " has ", room,
         " places, and a kernel of ", kernel, " with dilation ", dilation, " needs ", reach,
         "; a longer input, more padding or a smaller kernel is required");
  return {input, kernel, stride, padding, dilation, (room - reach) / stride + 1};
}

}  // namespace

std::string WindowedOperation::text(Size2 size) const {
  return axes == 1 ? to_string(Shape{size.width}) : to_string(Shape{size.height, size.width});
}

Tensor as_planes(const WindowedOperation& op, const Tensor& x) {
  require_floating(x, op.name);
  if (x.dim() != op.axes + 1 && x.dim() != op.axes + 2)
    fail(op.name, "an input of shape ", x.shape(), " was given; (N, C, ",
         (op.axes == 1 ? "L) or (C, L)" : "H, W) or (C, H, W)"), " is required");
  Tensor planes = x.dim() == op.axes + 1 ? unsqueeze(x, 0) : x;
  return op.axes == 1 ? unsqueeze(planes, 2) : planes;
}

Tensor without_added_axes(const WindowedOperation& op, const Tensor& out, const Tensor& x) {
  Shape shape = out.shape();
  if (op.axes == 1) shape.erase(2);
  if (x.dim() == op.axes + 1) shape.erase(0);
  return reshape(out, shape);
}

kernels::Plane plane_of(const WindowedOperation& op, const Tensor& planes,
                        const WindowOptions& options) {
  const auto& [kernel, stride, padding, dilation] = options;
  require_option(op, "a kernel of size", kernel, 1);
  require_option(op, "a stride of", stride, 1);
  require_option(op, "a padding of", padding, 0);
  require_option(op, "a dilation of", dilation, 1);
  return {window(op, planes.size(2), kernel.height, stride.height, padding.height, dilation.height),
          window(op, planes.size(3), kernel.width, stride.width, padding.width, dilation.width)};
}

}  // namespace gradus::detail
