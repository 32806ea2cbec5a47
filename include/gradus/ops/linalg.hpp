#pragma once

#include <string>
#include <vector>

#include "gradus/tensor.hpp"

namespace gradus {

struct MatmulOptions {
  bool transpose_a = false, transpose_b = false;
};

/// The matrix product op(a) op(b), where op transposes the last two axes if the option says so.
/// Vectors are rows on the left and columns on the right, and their axis is dropped; leading axes
/// are batches and broadcast. (…, M, K) x (…, K, N) -> (…, M, N). Gradients: g b^T, a^T g.
Tensor matmul(const Tensor& a, const Tensor& b, MatmulOptions options = {});

/// The sum of a b over two vectors of one length, a scalar. Gradients: g b, g a.
Tensor dot(const Tensor& a, const Tensor& b);
/// a_i b_j of two vectors: (M), (N) -> (M, N). Gradients: g b, g^T a.
Tensor outer(const Tensor& a, const Tensor& b);
/// A matrix times a vector: (M, K), (K) -> (M). Gradients: g x^T, a^T g.
Tensor mv(const Tensor& a, const Tensor& x);
/// Products of matrices one by one: (B, M, K), (B, K, N) -> (B, M, N); nothing broadcasts.
Tensor bmm(const Tensor& a, const Tensor& b);
/// beta input + alpha mat1 mat2 for matrices, input broadcast to the product's shape; it is not
/// looked at if beta is 0.
Tensor addmm(const Tensor& input, const Tensor& mat1, const Tensor& mat2, double beta = 1,
             double alpha = 1);
/// The sum of a matrix's diagonal. Gradient: g on the diagonal.
Tensor trace(const Tensor& x);

/// Sums of products in Einstein's notation: einsum("bik,bkj->bij", {a, b}). A letter is an axis;
/// one that is not in the output is summed; repeated within an operand it takes the diagonal; "..."
/// stands for any further axes, which broadcast as do lengths of 1. Without "->" the output has the
/// letters that occur once, in alphabetical order (capitals first). Operands are multiplied from
/// left to right, each pair as one matrix product.
Tensor einsum(const std::string& equation, const std::vector<Tensor>& operands);

// Matrices in the last two axes; leading axes are batches. Gradients are written in operations of
// this list, and so have derivatives of any order.

struct TriangleOptions {
  bool upper = false;  ///< the upper triangle, else the lower one
};

/// The lower triangular L with L L^T = a (or its transpose, if `upper`) of symmetric positive
/// definite matrices; of others the symmetric part (a + a^T) / 2 is taken. Gradient (Murray 2016):
/// L^-T phi(L^T g) L^-1, made symmetric, where phi keeps the lower triangle and half the diagonal.
/// Throws for a matrix that is not positive definite.
Tensor cholesky(const Tensor& a, TriangleOptions options = {});
/// The x of a x = b by LU with partial pivoting: (…, N, N), (…, N, K) -> (…, N, K), or b (…, N) of
/// a's leading axes or (N) alone. Batches broadcast. Gradients: of b a^-T g, of a minus that times
/// x^T. Throws for a singular matrix.
Tensor solve(const Tensor& a, const Tensor& b);
/// The x of a x = b for a triangular a, whose other triangle is not read; (…, N, N), (…, N, K) ->
/// (…, N, K). Gradients as those of solve, of a within its triangle. Throws for a 0 on the
/// diagonal.
Tensor solve_triangular(const Tensor& a, const Tensor& b, TriangleOptions options);
/// a^-1. Gradient: -a^-T g a^-T. Throws for a singular matrix.
Tensor inverse(const Tensor& a);
/// The determinant: (…, N, N) -> (…). Gradient: g times the cofactors, which are det(a) a^-T or,
/// where a is singular or nearly so, the minors one by one: exact there too, in O(N^5).
Tensor det(const Tensor& a);
/// log det(a); NaN where the determinant is negative, -inf where it is 0. Gradient: g a^-T, 0 where
/// a is singular.
Tensor logdet(const Tensor& a);

/// det = sign exp(logabsdet).
struct SignLogdet {
  Tensor sign;  ///< 1, -1, or 0 for a singular matrix; without gradient
  Tensor logabsdet;
};
/// Sign and logarithm of the determinant's absolute value (0 and -inf if it is 0), without
/// overflow. Gradient as that of logdet.
SignLogdet slogdet(const Tensor& a);

}  // namespace gradus
