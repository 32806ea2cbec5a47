#include "gradus/ops/compare.hpp"

#include "ops/common.hpp"

namespace gradus {

using detail::node;
using kernels::CompareOp;
using kernels::TestOp;

namespace {

/// a op b for operands of one dtype.
Tensor compared(const char* name, CompareOp op, const Tensor& a, const Tensor& b) {
  detail::note_read({a, b});
  const Shape shape = broadcast_shapes(a.shape(), b.shape(), name);
  kernels::Compare call{op, node(a)->dtype, node(a)->data, node(b)->data, nullptr, {}};
  if (!kernels::make_broadcast(detail::dims(shape), detail::dims(a.shape()),
                               detail::dims(b.shape()), call.shape)) {
    const NoGrad guard;
    return compared(name, op, expand(a, shape), expand(b, shape));
  }
  Tensor out = detail::empty(shape, boolean);
  call.out = detail::data(out);
  kernels::run(call);
  return out;
}

Tensor promoted(const char* name, CompareOp op, const Tensor& a, const Tensor& b) {
  const NoGrad guard;
  const DType common = detail::promote(a, b);
  return compared(name, op, a.to(common), b.to(common));
}

Tensor with_number(const char* name, CompareOp op, const Tensor& a, double b) {
  const NoGrad guard;
  const Tensor x = detail::to_dtype_with(a, b);
  return compared(name, op, x, detail::full_scalar(b, node(x)->dtype));
}

Tensor logical(const char* name, CompareOp op, const Tensor& a, const Tensor& b) {
  const NoGrad guard;
  return compared(name, op, a.to(boolean), b.to(boolean));
}

Tensor tested(TestOp op, const Tensor& x) {
  detail::note_read({x});
  Tensor out = detail::empty_like(x, boolean);
  kernels::run(kernels::Test{op, node(x)->dtype, node(x)->data, node(out)->data, node(x)->numel});
  return out;
}

}  // namespace

Tensor eq(const Tensor& a, const Tensor& b) { return promoted("eq", CompareOp::eq, a, b); }
Tensor eq(const Tensor& a, double b) { return with_number("eq", CompareOp::eq, a, b); }
Tensor ne(const Tensor& a, const Tensor& b) { return promoted("ne", CompareOp::ne, a, b); }
Tensor ne(const Tensor& a, double b) { return with_number("ne", CompareOp::ne, a, b); }
Tensor lt(const Tensor& a, const Tensor& b) { return promoted("lt", CompareOp::lt, a, b); }
Tensor lt(const Tensor& a, double b) { return with_number("lt", CompareOp::lt, a, b); }
Tensor le(const Tensor& a, const Tensor& b) { return promoted("le", CompareOp::le, a, b); }
Tensor le(const Tensor& a, double b) { return with_number("le", CompareOp::le, a, b); }
Tensor gt(const Tensor& a, const Tensor& b) { return promoted("gt", CompareOp::gt, a, b); }
Tensor gt(const Tensor& a, double b) { return with_number("gt", CompareOp::gt, a, b); }
Tensor ge(const Tensor& a, const Tensor& b) { return promoted("ge", CompareOp::ge, a, b); }
Tensor ge(const Tensor& a, double b) { return with_number("ge", CompareOp::ge, a, b); }

Tensor logical_and(const Tensor& a, const Tensor& b) {
  return logical("logical_and", CompareOp::logical_and, a, b);
}
Tensor logical_or(const Tensor& a, const Tensor& b) {
  return logical("logical_or", CompareOp::logical_or, a, b);
}
Tensor logical_xor(const Tensor& a, const Tensor& b) {
  return logical("logical_xor", CompareOp::logical_xor, a, b);
}
Tensor logical_not(const Tensor& x) { return tested(TestOp::logical_not, x); }

Tensor isnan(const Tensor& x) { return tested(TestOp::isnan, x); }
Tensor isinf(const Tensor& x) { return tested(TestOp::isinf, x); }
Tensor isfinite(const Tensor& x) { return tested(TestOp::isfinite, x); }

}  // namespace gradus
