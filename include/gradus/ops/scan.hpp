#pragma once

#include "gradus/tensor.hpp"

namespace gradus {

/// The running sum along one axis: out[t] = x[0] + … + x[t]. bool is summed as int64. Gradient: the
/// running sum of g from the end.
Tensor cumsum(const Tensor& x, Index axis);
/// The running product along one axis. Gradient: sum over t >= i of g[t] out[t] / x[i], exact also
/// where x has zeros.
Tensor cumprod(const Tensor& x, Index axis);
/// The running log sum exp along one axis, with maxima removed. Gradient: sum over t >= i of
/// g[t] exp(x[i] - out[t]), 0 where out is -inf.
Tensor logcumsumexp(const Tensor& x, Index axis);

}  // namespace gradus
