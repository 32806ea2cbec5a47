// Matrix products, row-major, float32 and float64.
#pragma once
#include <cstdint>

#include "gradus/dtype.hpp"

namespace gradus::kernels {

using Index = std::int64_t;

/// c (m, n) = op(a) op(b) + beta c; op(a) is (m, k): stored (m, k), or (k, m) with ta; op(b) is (k,
/// n), or stored (n, k) with tb. lda, ldb, ldc: elements from row to row of what is stored. c is
/// not read when beta is 0.
void gemm(DType t, bool ta, bool tb, Index m, Index n, Index k, const void* a, Index lda,
          const void* b, Index ldb, double beta, void* c, Index ldc);

/// batch products with dense matrices; strides in elements from matrix to matrix, 0 = the same
/// matrix again.
void gemm_batched(DType t, bool ta, bool tb, Index batch, Index m, Index n, Index k, const void* a,
                  Index stride_a, const void* b, Index stride_b, double beta, void* c,
                  Index stride_c);

enum class Activation : std::uint8_t { none, relu, tanh, sigmoid, gelu, silu };

/// out (m, n) = act(x (m, k) w (n, k)^T + bias (n)), bias may be null. pre, unless null: x w^T +
/// bias (m, n), which the backward of gelu and silu needs (the others need `out` alone).
void linear_act(DType t, Activation act, Index m, Index n, Index k, const void* x, const void* w,
                const void* bias, void* out, void* pre);

}  // namespace gradus::kernels
