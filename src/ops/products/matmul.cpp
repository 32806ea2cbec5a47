#include <algorithm>

#include "base/messages.hpp"
#include "kernels/products/gemm.hpp"
#include "ops/common.hpp"
#include "ops/products/linalg.hpp"
#include "ops/products/products.hpp"

namespace gradus {

namespace detail {

bool broadcasts_to(const Shape& from, const Shape& to) {
  const int extra = to.size() - from.size();
  if (extra < 0) return false;
  for (int i = 0; i < from.size(); ++i)
    if (from[i] != 1 && from[i] != to[extra + i]) return false;
  return true;
}

Shape broadcast_batches(const Shape& batch_a, const Shape& batch_b, const Shape& a, const Shape& b,
                        const char* operation) {
  if (batch_a == batch_b) return batch_a;
  const int shared = std::min(batch_a.size(), batch_b.size());
  for (int i = 1; i <= shared; ++i) {
    const Index p = batch_a[batch_a.size() - i], q = batch_b[batch_b.size() - i];
    if (p != q && p != 1 && q != 1)
      fail(operation, "shapes ", a, " and ", b, " were given; their batch axes ", batch_a, " and ",
           batch_b,
           " do not broadcast: aligned at the right, lengths must be equal or 1; "
           "reshape or expand one of them");
  }
  return broadcast_shapes(batch_a, batch_b, operation);
}

}  // namespace detail

using detail::data;
using detail::first_and;
using detail::second_and;
using detail::Zeros;

namespace {

/// The lengths of a product op(a) op(b) over broadcast batches.
struct Plan {
  Index m, n, k;
  Shape batch;
};

/// The axes over which a product sums, numbered from the last, are not of one length.
[[noreturn, gnu::cold]] void fail_inner(const Tensor& a, const Tensor& b, int axis_a, int axis_b) {
  const auto transposed = [](bool is) { return is ? " (transposed)" : ""; };
  fail("matmul", "shapes ", a.shape(), transposed(a.dim() > 1 && axis_a == -2), " and ", b.shape(),
       transposed(b.dim() > 1 && axis_b == -1), " were given; the inner lengths ", a.size(axis_a),
       " and ", b.size(axis_b), " (axes ", a.dim() + axis_a, " and ", b.dim() + axis_b,
       ") must be equal; transpose or reshape one of them");
}

Plan plan(const Tensor& a, const Tensor& b, bool ta, bool tb) {
  const Shape p = a.shape(), q = b.shape();
  const int i = p.size(), j = q.size();
  Plan out{p[i - (ta ? 1 : 2)], q[j - (tb ? 2 : 1)], p[i - (ta ? 2 : 1)], {}};
  if (out.k != q[j - (tb ? 1 : 2)]) fail_inner(a, b, ta ? -2 : -1, tb ? -1 : -2);
  if (i > 2 || j > 2)
    out.batch = detail::broadcast_batches(detail::batch_of(p), detail::batch_of(q), p, q, "matmul");
  return out;
}

/// x with its batch axes broadcast to `batch`, unless a stride can express it (all or no batches).
Tensor with_stride(const Tensor& x, const Shape& batch) {
  const Shape own = detail::batch_of(x.shape());
  return numel(own) == 1 || own == batch ? x : detail::with_batch(x, batch);
}

Index batch_stride(const Tensor& x) {
  const Shape shape = x.shape();
  const Index matrix = shape[shape.size() - 2] * shape.back();
  return x.numel() == matrix ? 0 : matrix;
}

/// c (m, n) += or = op(a) op(b), matrices.
void product(Zeros zeros, const Tensor& a, const Tensor& b, bool ta, bool tb, const Plan& p,
             double beta, void* c) {
  const DType type = a.dtype();
  const Index lda = a.size(-1), ldb = b.size(-1);
  kernels::run(
      kernels::Gemm{type, ta, tb, p.m, p.n, p.k, data(a), lda, data(b), ldb, beta, c, p.n, zeros});
}

/// The same for stacks.
void products(Zeros zeros, const Tensor& a, const Tensor& b, bool ta, bool tb, const Plan& p,
              void* c) {
  const NoGrad guard;
  const Tensor x = with_stride(a, p.batch), y = with_stride(b, p.batch);
  const DType type = a.dtype();
  const Index count = numel(p.batch), step_x = batch_stride(x), step_y = batch_stride(y);
  kernels::run(kernels::GemmBatched{type, ta, tb, count, p.m, p.n, p.k, data(x), step_x, data(y),
                                    step_y, c, p.m * p.n, zeros});
}

/// The product of tensors with two or more axes, without broadcasting of batches beyond one matrix
/// for all.
Tensor matrix_product(Zeros zeros, const Tensor& a, const Tensor& b, bool ta, bool tb);

/// A gradient that is itself the product op(a) op(b): into the sum that is already there, if it may
/// be.
Tensor product_into(const Vjp& k, int i, Zeros zeros, const Tensor& a, const Tensor& b, bool ta,
                    bool tb) {
  if (!k.wants(i)) return {};
  if (a.dim() == 2 && b.dim() == 2)
    if (Tensor sum = detail::accumulator(k, i); sum.defined()) {
      product(zeros, a, b, ta, tb, plan(a, b, ta, tb), 1, data(sum));
      return {};
    }
  return matrix_product(zeros, a, b, ta, tb);
}

Tensor matrix_product(Zeros zeros, const Tensor& a, const Tensor& b, bool ta, bool tb) {
  const Plan p = plan(a, b, ta, tb);
  Shape shape = p.batch;
  shape.push_back(p.m);
  shape.push_back(p.n);
  Tensor out = detail::empty(shape, a.dtype());
  if (shape.size() == 2)
    product(zeros, a, b, ta, tb, p, 0, data(out));
  else
    products(zeros, a, b, ta, tb, p, data(out));
  return record("matmul", std::move(out), {a, b}, [zeros, ta, tb](const Vjp& k) -> Grads<2> {
    // c = op(a) op(b): d op(a) = g op(b)^T, d op(b) = op(a)^T g, both transposed back by flags.
    // The zeros of g count, and those of a factor that was a cotangent itself.
    const bool a_counts = has(zeros, Zeros::first), b_counts = has(zeros, Zeros::second);
    const Tensor& g = k.grad;
    Grads<2> grads;
    if (k.wants(0))
      grads[0] = ta ? product_into(k, 0, second_and(b_counts), k.in(1), g, tb, true)
                    : product_into(k, 0, first_and(b_counts), g, k.in(1), false, !tb);
    if (k.wants(1))
      grads[1] = tb ? product_into(k, 1, first_and(a_counts), g, k.in(0), true, ta)
                    : product_into(k, 1, second_and(a_counts), k.in(0), g, !ta, false);
    return grads;
  });
}

}  // namespace

Tensor detail::zero_matmul(Zeros zeros, const Tensor& a, const Tensor& b, bool transpose_a,
                           bool transpose_b) {
  return matrix_product(zeros, a, b, transpose_a, transpose_b);
}

Tensor matmul(const Tensor& a, const Tensor& b, MatmulOptions options) {
  const int i = a.dim(), j = b.dim();
  if (i == 0 || j == 0)
    fail("matmul", "shapes ", a.shape(), " and ", b.shape(),
         " were given; each needs at least one axis; use * for a scalar");
  if (a.dtype() != b.dtype() || !is_floating_point(a.dtype())) {
    const DType common = detail::promote(a, b);
    if (!is_floating_point(common))
      fail("matmul", detail::describe(a), " and ", detail::describe(b),
           " were given; a floating-point dtype is required; convert with to()");
    return matmul(a.to(common), b.to(common),
                  {.transpose_a = options.transpose_a, .transpose_b = options.transpose_b});
  }
  if (i > 1 && j > 1)
    return matrix_product(Zeros::none, a, b, options.transpose_a, options.transpose_b);
  // Vectors: a row on the left, a column on the right; their flags have no meaning.
  const int inner_a = i > 1 && options.transpose_a ? -2 : -1,
            inner_b = j > 1 && !options.transpose_b ? -2 : -1;
  if (a.size(inner_a) != b.size(inner_b)) fail_inner(a, b, inner_a, inner_b);
  const Tensor x = i == 1 ? reshape(a, {1, -1}) : a;
  const Tensor y = j == 1 ? reshape(b, {-1, 1}) : b;
  const Tensor out =
      matrix_product(Zeros::none, x, y, i > 1 && options.transpose_a, j > 1 && options.transpose_b);
  Shape shape = out.shape();
  if (j == 1) shape.erase(shape.size() - 1);
  if (i == 1) shape.erase(shape.size() - (j == 1 ? 1 : 2));
  return reshape(out, shape);
}

}  // namespace gradus
