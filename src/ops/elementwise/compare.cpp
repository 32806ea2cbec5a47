#include "gradus/ops/compare.hpp"

#include "ops/common.hpp"

namespace gradus {

using detail::node;
using kernels::CompareOp;
using kernels::TestOp;

namespace {

/// a op b for operands of one dtype.
Tensor compared(CompareOp op, const Tensor& a, const Tensor& b) {
  detail::note_read({a, b});
  const auto call = [op, type = node(a)->dtype](const void* x, const void* y) {
    return kernels::Compare{op, type, x, y, nullptr, {}};
  };
  const Shape shape = broadcast_shapes(a.shape(), b.shape(), name_of(op));
  return detail::over_broadcast(shape, boolean, call, a, b);
}

Tensor promoted(CompareOp op, const Tensor& a, const Tensor& b) {
  const NoGrad guard;
  const DType common = detail::promote(a, b);
  return compared(op, a.to(common), b.to(common));
}

Tensor with_number(CompareOp op, const Tensor& a, double b) {
  const NoGrad guard;
  const Tensor x = detail::to_dtype_with(a, b);
  return compared(op, x, detail::full_scalar(b, node(x)->dtype));
}

Tensor logical(CompareOp op, const Tensor& a, const Tensor& b) {
  const NoGrad guard;
  return compared(op, a.to(boolean), b.to(boolean));
}

Tensor tested(TestOp op, const Tensor& x) {
  detail::note_read({x});
  Tensor out = detail::empty_like(x, boolean);
  kernels::run(kernels::Test{op, node(x)->dtype, node(x)->data, node(out)->data, node(x)->numel});
  return out;
}

}  // namespace

Tensor eq(const Tensor& a, const Tensor& b) { return promoted(CompareOp::eq, a, b); }
Tensor eq(const Tensor& a, double b) { return with_number(CompareOp::eq, a, b); }
Tensor ne(const Tensor& a, const Tensor& b) { return promoted(CompareOp::ne, a, b); }
Tensor ne(const Tensor& a, double b) { return with_number(CompareOp::ne, a, b); }
Tensor lt(const Tensor& a, const Tensor& b) { return promoted(CompareOp::lt, a, b); }
Tensor lt(const Tensor& a, double b) { return with_number(CompareOp::lt, a, b); }
Tensor le(const Tensor& a, const Tensor& b) { return promoted(CompareOp::le, a, b); }
Tensor le(const Tensor& a, double b) { return with_number(CompareOp::le, a, b); }
Tensor gt(const Tensor& a, const Tensor& b) { return promoted(CompareOp::gt, a, b); }
Tensor gt(const Tensor& a, double b) { return with_number(CompareOp::gt, a, b); }
Tensor ge(const Tensor& a, const Tensor& b) { return promoted(CompareOp::ge, a, b); }
Tensor ge(const Tensor& a, double b) { return with_number(CompareOp::ge, a, b); }

Tensor logical_and(const Tensor& a, const Tensor& b) {
  return logical(CompareOp::logical_and, a, b);
}
Tensor logical_or(const Tensor& a, const Tensor& b) { return logical(CompareOp::logical_or, a, b); }
Tensor logical_xor(const Tensor& a, const Tensor& b) {
  return logical(CompareOp::logical_xor, a, b);
}
Tensor logical_not(const Tensor& x) { return tested(TestOp::logical_not, x); }

Tensor isnan(const Tensor& x) { return tested(TestOp::isnan, x); }
Tensor isinf(const Tensor& x) { return tested(TestOp::isinf, x); }
Tensor isfinite(const Tensor& x) { return tested(TestOp::isfinite, x); }

}  // namespace gradus
