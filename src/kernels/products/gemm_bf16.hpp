// Products of float32 matrices whose factors are rounded to bfloat16.
#pragma once
#include "kernels/products/gemm.hpp"

namespace gradus::kernels {

/// Whether this build has the kernel and the processor the instructions.
bool has_bf16() noexcept;

/// Whether matmul_precision() asks for it and the product is large enough to gain.
bool prefers_bf16(Index m, Index n, Index k) noexcept;

/// c (m, n) = op(a) op(b) + beta c, as gemm() in float32.
void gemm_bf16(const Gemm& call);

}  // namespace gradus::kernels
