#include "ops/common.hpp"

#include <algorithm>
#include <limits>

#include "base/messages.hpp"

namespace gradus::detail {

DType promote(const Tensor& a, const Tensor& b) {
  const Node *x = node(a), *y = node(b);
  const bool same_kind = is_floating_point(x->dtype) == is_floating_point(y->dtype) &&
                         x->dtype != DType::boolean && y->dtype != DType::boolean;
  if (same_kind && (x->rank == 0) != (y->rank == 0)) return x->rank == 0 ? y->dtype : x->dtype;
  return std::max(x->dtype, y->dtype);
}

void require_floating(const Tensor& x, const char* operation) {
  if (!is_floating_point(node(x)->dtype))
    fail(operation, "a tensor of ", describe(x),
         " was given; float32 or float64 is required; convert it with to()");
}

void require_dtype(const Tensor& x, DType dtype, const char* operation, const char* what) {
  if (node(x)->dtype != dtype)
    fail(operation, what, " of ", describe(x), " was given; dtype ", name_of(dtype),
         " is required; convert it with to()");
}

Tensor map(kernels::Unary op, const Tensor& x, double p0, double p1) {
  const Node* n = node(x);
  Tensor out = empty_like(x);
  kernels::run(kernels::Map{op, n->dtype, n->data, data(out), n->numel, p0, p1});
  return out;
}

Tensor zip(const char* operation, kernels::Binary op, const Tensor& a, const Tensor& b, double p0,
           double p1) {
  const Node *x = node(a), *y = node(b);
  if (same_shape(x, y)) {
    Tensor out = empty_like(a);
    kernels::run(kernels::Zip{op, x->dtype, x->data, y->data, data(out),
                              kernels::same_shape(x->numel), p0, p1});
    return out;
  }
  const auto call = [=](const void* u, const void* v) {
    return kernels::Zip{op, x->dtype, u, v, nullptr, {}, p0, p1};
  };
  return over_broadcast(broadcast_shapes(a.shape(), b.shape(), operation), x->dtype, call, a, b);
}

Tensor over_cotangent(const Vjp& k, kernels::Binary op, const Tensor& saved, double p0, double p1) {
  if (k.create_graph() || !same_type(node(k.grad), node(saved))) return {};
  Tensor own = spare(k);
  if (own.defined())
    kernels::run(kernels::Zip{op, node(own)->dtype, data(own), data(saved), data(own),
                              kernels::same_shape(node(own)->numel), p0, p1});
  return own;
}

Target target(const Vjp& k, int i, const Shape& shape, DType dtype) {
  if (!k.wants(i)) return {};
  if (Tensor sum = accumulator(k, i); sum.defined()) return {std::move(sum), true};
  return {empty(shape, dtype), false};
}

Tensor full_scalar(double value, DType dtype) {
  Tensor out = empty({}, dtype);
  kernels::run(kernels::Fill{dtype, data(out), value, 1});
  return out;
}

Lengths split(const Shape& shape, Index first, Index last) {
  Lengths s;
  for (int i = 0; i < shape.size(); ++i)
    (i < first ? s.outer : i <= last ? s.axis : s.inner) *= shape[i];
  return s;
}

Shape strides_of(const Shape& shape) {
  Shape strides = shape;
  Index step = 1;
  for (int i = shape.size() - 1; i >= 0; --i) {
    strides[i] = step;
    step *= shape[i];
  }
  return strides;
}

std::vector<Tensor> in_one_dtype(const std::vector<Tensor>& tensors) {
  DType common = tensors[0].dtype();
  for (const Tensor& t : tensors) common = std::max(common, t.dtype());
  std::vector<Tensor> out;
  out.reserve(tensors.size());
  for (const Tensor& t : tensors) out.push_back(t.to(common));
  return out;
}

bool is_ordinary(double b) {
  return std::abs(b) <= static_cast<double>(std::numeric_limits<float>::max());
}

}  // namespace gradus::detail
