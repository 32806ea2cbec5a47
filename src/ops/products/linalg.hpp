#pragma once

#include <vector>

#include "ops/common.hpp"

// Stacks of square matrices, shared by the operations of linear algebra.
namespace gradus::detail {

/// The axes of a stack of matrices before its last two.
inline Shape batch_of(const Shape& stack) {
  return Shape(stack.data(), static_cast<std::size_t>(stack.size() - 2));
}
/// A stack of matrices with its batch axes broadcast to `batch`.
inline Tensor with_batch(const Tensor& x, Shape batch) {
  batch.push_back(x.size(-2));
  batch.push_back(x.size(-1));
  return expand(x, batch);
}

/// The batch axes of two operands, broadcast; `a` and `b` are the shapes that were given. Throws if
/// they do not fit.
Shape broadcast_batches(const Shape& batch_a, const Shape& batch_b, const Shape& a, const Shape& b,
                        const char* operation);
/// True if a tensor of shape `from` broadcasts to `to`.
bool broadcasts_to(const Shape& from, const Shape& to);

/// How many square matrices of which order.
struct Stack {
  Index order, count;
  Shape batch;
};

/// The stack in the last two axes of floating-point values; throws otherwise.
Stack require_square(const Tensor& a, const char* operation);

/// LU decompositions of a stack, see kernels::Lu.
struct Lu {
  Stack stack;
  Tensor factors;
  std::vector<Index> pivots;      // `order` for each matrix
  std::vector<Index> zero_pivot;  // the first, from 1, or 0 for none
  kernels::Out matrix(Index i) const;
  const Index* pivots_of(Index i) const { return pivots.data() + i * stack.order; }
  /// The diagonal of matrix i's L, whose product is the determinant up to the exchanges' sign.
  double pivot(Index i, Index place) const;
};
Lu lu(const Tensor& a, const char* operation);

/// "matrix 2 of the batch, " or nothing if there is only one.
std::string name_of_matrix(const Stack& stack, Index i);

/// a^-1, and 0 instead of an error where a is singular.
Tensor inverse_or_zero(const Tensor& a);

}  // namespace gradus::detail
