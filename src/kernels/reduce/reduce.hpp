// Reductions and scans over the middle axis of a collapsed (outer, axis, inner) shape.
#pragma once
#include <cstdint>

#include "gradus/dtype.hpp"

namespace gradus::kernels {

using Index = std::int64_t;

enum class Reduce : std::uint8_t {
  sum,
  mean,
  prod,
  max,
  min,
  sum_squares,
  sum_abs,
  logsumexp /* floating point only */,
  any,
  all /* bool in, bool out */
};

/// out (outer, inner) = op over axis of x (outer, axis, inner); out has x's type. NaN propagates
/// through max and min. Empty axis: sum 0, prod 1, mean NaN, logsumexp -inf, any false, all true;
/// max and min need axis > 0. Sums give the same bits for any number of threads.
void reduce(Reduce op, DType t, const void* x, void* out, Index outer, Index axis, Index inner);

/// sums (outer, inner), of |x|^p over axis, become (sum |x|^p)^(1/p); where a sum left the range of
/// the type, or its digits, it is computed again from x (outer, axis, inner).
void root_of_sums(DType t, double p, const void* x, void* sums, Index outer, Index axis,
                  Index inner);

/// What reduce does beside the sums for Reduce::mean: the mean of equal values is that value
/// exactly, and one whose sum left the range of the type is computed again.
void mend_means(DType t, const void* x, void* mean, Index outer, Index axis, Index inner);

/// Reduce::logsumexp; share, unless null, is what exp(x - out) has to be multiplied by to be the
/// share of x: exp(out - log sum exp), as `out` is rounded, which is much for large x; where `out`
/// is +inf, 1 / n for n values of +inf.
void log_sum_exp(DType t, const void* x, void* out, void* share, Index outer, Index axis,
                 Index inner);

enum class ArgReduce : std::uint8_t { argmax, argmin };

/// out (outer, inner) = index of the first largest (smallest) entry; the first NaN wins. axis > 0.
void arg_reduce(ArgReduce op, DType t, const void* x, std::int64_t* out, Index outer, Index axis,
                Index inner);

enum class Scan : std::uint8_t { cumsum, cumprod, cummax, logcumsumexp };

/// out (outer, axis, inner) = running op along axis; backwards from the end when `reverse`. out may
/// be x.
void scan(Scan op, DType t, const void* x, void* out, Index outer, Index axis, Index inner,
          bool reverse = false);

/// h[t] = a[t] h[t - 1] + b[t] along axis, from h[-1] = 0 on; backwards from the end when
/// `reverse`. The first factor is not read. float32 and float64.
void linear_scan(DType t, const void* a, const void* b, void* h, Index outer, Index axis,
                 Index inner, bool reverse);

/// Sum of squares in double, for norms of gradients. float32 and float64.
double sum_squares(DType t, const void* x, Index n);

/// Sum of x[i] y[i] in double. float32 and float64.
double dot(DType t, const void* x, const void* y, Index n);

}  // namespace gradus::kernels
