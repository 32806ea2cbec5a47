#pragma once

#include <optional>

#include "gradus/tensor.hpp"

namespace gradus {

/// Values and the positions along an axis (int64) they were found at.
struct ValuesIndices {
  Tensor values;
  Tensor indices;
};

struct ReduceOptions {
  bool keepdim = false;  ///< reduced axes stay, with length 1
};

/// The sum over `axes` (default all). bool is summed as int64. Gradient: g, expanded.
Tensor sum(const Tensor& x, const Axes& axes = {}, ReduceOptions options = {});
/// The mean over `axes` (default all) of floating-point values; NaN over nothing. Gradient:
/// g / count, expanded.
Tensor mean(const Tensor& x, const Axes& axes = {}, ReduceOptions options = {});
/// The product over `axes` (default all); bool is multiplied as int64. Gradient: g times the
/// product of the other elements, exact also where some are 0.
Tensor prod(const Tensor& x, const Axes& axes = {}, ReduceOptions options = {});
/// The variance over `axes` (default all): sum (x - mean)^2 / max(0, count - correction). Gradient:
/// 2 g (x - mean) / (count - correction).
Tensor var(const Tensor& x, const Axes& axes = {}, double correction = 1,
           ReduceOptions options = {});
/// The standard deviation, the square root of `var` (PyTorch's std). Gradient: g (x - mean) /
/// ((count - correction) stddev), 0 where it is 0.
Tensor stddev(const Tensor& x, const Axes& axes = {}, double correction = 1,
              ReduceOptions options = {});
/// The p-norm (sum |x|^p)^(1/p) over `axes` (default all); p = infinity is max |x|, -infinity
/// min |x|, 0 the number of elements that are not 0. Gradient: g sign(x) (|x| / norm)^(p - 1), 0 at
/// 0; ties of the infinite norms share it; 0 for p = 0.
Tensor norm(const Tensor& x, double p = 2, const Axes& axes = {}, ReduceOptions options = {});
/// log sum exp(x) over `axes` (default all), with the maximum removed first; -inf where every
/// element is. Gradient: g softmax(x), 0 where the result is -inf.
Tensor logsumexp(const Tensor& x, const Axes& axes = {}, ReduceOptions options = {});

/// The largest value over `axes` (default all); NaN wins. Gradient: g, shared equally among ties.
/// Throws if a reduced axis is empty.
Tensor amax(const Tensor& x, const Axes& axes = {}, ReduceOptions options = {});
/// As `amax`, the smallest value.
Tensor amin(const Tensor& x, const Axes& axes = {}, ReduceOptions options = {});
/// The largest of all values; NaN wins. Gradient: g, shared equally among ties.
Tensor max(const Tensor& x);
/// The largest values along one axis and their first positions; the first NaN wins. Gradient: g at
/// these positions.
ValuesIndices max(const Tensor& x, Index axis, ReduceOptions options = {});
/// As `max`, the smallest value.
Tensor min(const Tensor& x);
ValuesIndices min(const Tensor& x, Index axis, ReduceOptions options = {});
/// The first position of the largest value along `axis`, or in row-major order if none is given;
/// the first NaN wins.
Tensor argmax(const Tensor& x, std::optional<Index> axis = {}, ReduceOptions options = {});
/// As `argmax`, of the smallest value.
Tensor argmin(const Tensor& x, std::optional<Index> axis = {}, ReduceOptions options = {});

/// Whether any element over `axes` (default all) is not 0; false over nothing.
Tensor any(const Tensor& x, const Axes& axes = {}, ReduceOptions options = {});
/// Whether every element over `axes` (default all) is not 0; true over nothing.
Tensor all(const Tensor& x, const Axes& axes = {}, ReduceOptions options = {});
/// How many elements over `axes` (default all) are not 0, as int64.
Tensor count_nonzero(const Tensor& x, const Axes& axes = {});

}  // namespace gradus
