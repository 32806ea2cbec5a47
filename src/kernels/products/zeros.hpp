// Products of derivative rules, in which a zero of one factor makes 0 whatever stands beside it.
#pragma once
#include "kernels/products/gemm.hpp"

namespace gradus::kernels {

/// True if none of the n values is infinite or NaN.
bool all_finite(DType t, const void* x, Index n) noexcept;

/// A product without regard to its `zeros`.
void plain_gemm(const Gemm& call);
/// A product with `zeros`.
void zero_gemm(const Gemm& call);
/// The products, which have been computed without regard to `zeros`, where they are infinite or NaN
/// again from their factors.
void mend(const Gemm& product);
void mend(const GemmBatched& products);

}  // namespace gradus::kernels
