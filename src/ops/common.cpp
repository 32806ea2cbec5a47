#include "ops/common.hpp"

#include <algorithm>

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
    fail(operation, "a tensor of " + describe(x) +
                        " was given; float32 or float64 is required; convert it with to()");
}

void require_dtype(const Tensor& x, DType dtype, const char* operation, const char* what) {
  if (node(x)->dtype != dtype)
    fail(operation, std::string(what) + " of " + describe(x) + " was given; dtype " +
                        name_of(dtype) + " is required; convert it with to()");
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
  const Shape shape = broadcast_shapes(a.shape(), b.shape(), operation);
  Tensor out = empty(shape, x->dtype);
  kernels::Zip call{op, x->dtype, x->data, y->data, data(out), {}, p0, p1};
  if (kernels::make_broadcast(dims(shape), dims(a.shape()), dims(b.shape()), call.shape)) {
    kernels::run(call);
    return out;
  }
  const NoGrad guard;  // too irregular for one pass: one operand is written out
  return zip(operation, op, expand(a, shape), expand(b, shape), p0, p1);
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

Split split(const Shape& shape, int axis) {
  Split s;
  for (int i = 0; i < shape.size(); ++i)
    (i < axis ? s.outer : i == axis ? s.axis : s.inner) *= shape[i];
  return s;
}

}  // namespace gradus::detail
