// Factorizations and triangular systems of one row-major matrix, float32 and float64.
#pragma once
#include <cstdint>

#include "gradus/dtype.hpp"
#include "gradus/shape.hpp"

namespace gradus::kernels {

/// The lower Cholesky factor of a (n, n), in place, from its lower triangle; zeros above. Returns
/// 0, or the order of the first leading minor that is not positive.
Index cholesky(DType t, Index n, void* a);

/// a (n, n) = L U P in place, U with ones on its diagonal, L's below and on the diagonal, and P the
/// exchanges of column i with column pivots[i]. Returns 0, or the number (from 1) of the first
/// pivot that is 0.
Index lu(DType t, Index n, void* a, std::int32_t* pivots);

/// x (n, k) = op(a)^-1 x, with a as lu left it; op transposes.
void lu_solve(DType t, bool transposed, Index n, Index k, const void* a, const std::int32_t* pivots,
              void* x);

/// x (n, k) = op(a)^-1 x for a triangular a (n, n); the other triangle is not read.
void triangular_solve(DType t, bool upper, bool transposed, Index n, Index k, const void* a,
                      void* x);

// Solutions x of derivative rules, for a cotangent b (n, k) whose zeros make 0 whatever they meet:
// columns of x that came out infinite or NaN once more.

/// A column of zeros has a solution of zeros.
void keep_zero_columns(DType t, Index n, Index k, const void* b, void* x);
/// As triangular_solve(), without the terms that have a 0 in them.
void mend_triangular(DType t, bool upper, bool transposed, Index n, Index k, const void* a,
                     const void* b, void* x);

}  // namespace gradus::kernels
