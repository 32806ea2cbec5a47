#include "gradus/ops/linalg.hpp"

#include "base/messages.hpp"
#include "ops/common.hpp"
#include "ops/products/linalg.hpp"

// Products of vectors and matrices under their customary names.
namespace gradus {

using detail::describe;

namespace {

void require_ranks(const char* operation, const Tensor& a, int rank_a, const Tensor& b, int rank_b,
                   const char* required) {
  if (a.dim() != rank_a || b.dim() != rank_b)
    fail(operation, describe(a), " and ", describe(b), " were given; ", required,
         " are required; use matmul for other ranks");
}

void require_equal(const char* operation, const Tensor& a, const Tensor& b, Index axis_a,
                   Index axis_b, const char* what) {
  if (a.size(axis_a) != b.size(axis_b))
    fail(operation, "shapes ", a.shape(), " and ", b.shape(), " were given; ", what, " ",
         a.size(axis_a), " and ", b.size(axis_b), " (axes ", axis_a, " and ", axis_b,
         ") must be equal; transpose or reshape one of them");
}

}  // namespace

Tensor dot(const Tensor& a, const Tensor& b) {
  require_ranks("dot", a, 1, b, 1, "two vectors");
  require_equal("dot", a, b, 0, 0, "the lengths");
  if (!is_floating_point(detail::promote(a, b))) return sum(a * b);
  return matmul(a, b);
}

Tensor outer(const Tensor& a, const Tensor& b) {
  require_ranks("outer", a, 1, b, 1, "two vectors");
  return unsqueeze(a, 1) * b;
}

Tensor mv(const Tensor& a, const Tensor& x) {
  require_ranks("mv", a, 2, x, 1, "a matrix and a vector");
  require_equal("mv", a, x, 1, 0, "the matrix's columns and the vector's length");
  return matmul(a, x);
}

Tensor bmm(const Tensor& a, const Tensor& b) {
  require_ranks("bmm", a, 3, b, 3, "two tensors of three axes");
  require_equal("bmm", a, b, 0, 0, "the batch lengths");
  require_equal("bmm", a, b, 2, 1, "the inner lengths");
  return matmul(a, b);
}

Tensor addmm(const Tensor& input, const Tensor& mat1, const Tensor& mat2, double beta,
             double alpha) {
  require_ranks("addmm", mat1, 2, mat2, 2, "two matrices");
  require_equal("addmm", mat1, mat2, 1, 0, "the inner lengths");
  const Shape shape = {mat1.size(0), mat2.size(1)};
  if (!detail::broadcasts_to(input.shape(), shape))
    fail("addmm", "input of shape ", input.shape(), " was given for a product of shape ", shape,
         "; one that broadcasts to it is required");
  Tensor product = matmul(mat1, mat2);
  if (alpha != 1) product = product * alpha;
  if (beta == 0) return product;
  return (beta == 1 ? input : input * beta) + product;
}

Tensor trace(const Tensor& x) {
  if (x.dim() != 2)
    fail("trace", describe(x),
         " was given; a matrix is required; for batches use "
         "sum(diagonal(x, 0, -2, -1), {-1})");
  return sum(diagonal(x));
}

}  // namespace gradus
