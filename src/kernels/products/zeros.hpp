// Products of derivative rules, in which a zero of one factor makes 0 whatever stands beside it.
#pragma once
#include <cstdint>

#include "gradus/dtype.hpp"

namespace gradus::kernels {

using Index = std::int64_t;

/// Whose zeros make a term of a product 0 even beside an infinity or NaN.
enum class Zeros : std::uint8_t { none, first, second, both };
constexpr bool has(Zeros z, Zeros factor) {
  return (static_cast<int>(z) & static_cast<int>(factor)) != 0;
}

/// True if none of the n values is infinite or NaN.
bool all_finite(DType t, const void* x, Index n) noexcept;

/// As gemm(); a term with a 0 of a factor of `zeros` is 0. At gemm's speed for finite factors: only
/// where a sum came out infinite or NaN is it computed again.
void zero_gemm(DType t, Zeros zeros, bool ta, bool tb, Index m, Index n, Index k, const void* a,
               Index lda, const void* b, Index ldb, double beta, void* c, Index ldc);

/// As gemm_batched() with beta 0, in the same way.
void zero_gemm_batched(DType t, Zeros zeros, bool ta, bool tb, Index batch, Index m, Index n,
                       Index k, const void* a, Index stride_a, const void* b, Index stride_b,
                       void* c, Index stride_c);

/// c (m, n), where it is infinite or NaN, again from its factors, of which the first one's zeros
/// count; for products that were computed by other means.
template <class T>
void mend_product(bool ta, bool tb, Index m, Index n, Index k, const T* a, Index lda, const T* b,
                  Index ldb, T* c, Index ldc);

}  // namespace gradus::kernels
