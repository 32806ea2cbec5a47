// How precisely the kernels multiply matrices.
#pragma once

namespace gradus {

/// What the factors of a float32 product are rounded to. Sums, parameters, gradients and updates
/// stay float32.
enum class Precision {
  full,     ///< not at all
  bfloat16  ///< 8 bits of mantissa, in products that are large enough to gain by it
};

/// How the float32 products of this process are computed now; in full at first.
Precision matmul_precision() noexcept;

/// Sets it, for all threads. Results are the same bits for any number of threads. Throws for
/// bfloat16 unless the library was built for AVX512-BF16 and the processor has it.
void set_matmul_precision(Precision precision);

}  // namespace gradus
