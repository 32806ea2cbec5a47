#pragma once

#include "kernels/products/zeros.hpp"
#include "ops/common.hpp"

namespace gradus::detail {

using kernels::Zeros;

/// The zeros of the first factor, and of the second if `too`; and the other way round.
constexpr Zeros first_and(bool too) { return too ? Zeros::both : Zeros::first; }
constexpr Zeros second_and(bool too) { return too ? Zeros::both : Zeros::second; }

/// As matmul for two or more axes; in a derivative rule the zeros of the cotangent, one of the
/// factors, make 0 whatever they meet. Its own gradients keep to that in any order.
Tensor zero_matmul(Zeros zeros, const Tensor& a, const Tensor& b, bool transpose_a = false,
                   bool transpose_b = false);

}  // namespace gradus::detail
