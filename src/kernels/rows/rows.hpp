// Row-wise fused kernels over (rows, cols), float32 and float64.
#pragma once
#include <cstdint>

#include "gradus/dtype.hpp"

namespace gradus::kernels {

using Index = std::int64_t;

/// out may be x.
void softmax(DType t, const void* x, void* out, Index rows, Index cols);
void log_softmax(DType t, const void* x, void* out, Index rows, Index cols);

/// dx = out (g - sum(g out)), and 0 for a row of g that is 0; dx is not g.
void softmax_backward(DType t, const void* g, const void* out, void* dx, Index rows, Index cols);

/// dx = g - exp(out) sum(g), and 0 for a row of g that is 0; dx is not g.
void log_softmax_backward(DType t, const void* g, const void* out, void* dx, Index rows,
                          Index cols);

struct CrossEntropy {
  double label_smoothing = 0;
  const void* weight = nullptr;  // (cols), type of the logits
  Index ignore_index = -100;
};

/// Per row: loss[r] = -sum_c w_c q_c log softmax(x)_c, q the smoothed one-hot target; 0 for an
/// ignored row. grad (rows, cols), unless null: d loss[r] / d x[r, :]. Returns the divisor of
/// reduction "mean": the sum of the weights of the targets (number of rows that are not ignored).
/// Targets must be checked before: 0 <= target < cols or ignored.
double cross_entropy(DType t, const void* x, const std::int64_t* target, void* loss, void* grad,
                     Index rows, Index cols, const CrossEntropy& options);

/// dx[r, :] = x[r, :] scale[r], and 0 for a scale of 0 whatever x.
void scale_rows(DType t, const void* x, const void* scale, void* dx, Index rows, Index cols);

/// out = (x - mean) rstd gamma + beta per row; gamma, beta (cols) may be null; rstd (rows); mean
/// (2, rows) in two parts, as it is rounded and what that leaves.
void layer_norm(DType t, const void* x, const void* gamma, const void* beta, double eps, void* out,
                void* mean, void* rstd, Index rows, Index cols);

/// dx (rows, cols), dgamma, dbeta (cols): each may be null.
void layer_norm_backward(DType t, const void* g, const void* x, const void* gamma, const void* mean,
                         const void* rstd, void* dx, void* dgamma, void* dbeta, Index rows,
                         Index cols);

/// out = x rstd gamma, rstd = 1 / sqrt(mean(x^2) + eps).
void rms_norm(DType t, const void* x, const void* gamma, double eps, void* out, void* rstd,
              Index rows, Index cols);
void rms_norm_backward(DType t, const void* g, const void* x, const void* gamma, const void* rstd,
                       void* dx, void* dgamma, Index rows, Index cols);

/// Training forward over (rows, channels): statistics per channel over the rows; var (biased), rstd
/// (channels) and mean (2, channels) in two parts are written; gamma, beta may be null.
void batch_norm(DType t, const void* x, const void* gamma, const void* beta, double eps, void* out,
                void* mean, void* var, void* rstd, Index rows, Index cols);
void batch_norm_backward(DType t, const void* g, const void* x, const void* gamma, const void* mean,
                         const void* rstd, void* dx, void* dgamma, void* dbeta, Index rows,
                         Index cols);

/// out (outer, inner) = sum over axis of (x - mean)^2 / divisor, or its root, of x (outer, axis,
/// inner); mean (2, outer, inner) is written in two parts, as by layer_norm.
void spread(DType t, const void* x, void* mean, void* out, Index outer, Index axis, Index inner,
            double divisor, bool root);

/// dx = factor (x - mean) g / out, 0 for g = 0 and out = 0; mean may be null for 0, out for 1.
void spread_backward(DType t, const void* g, const void* x, const void* mean, const void* out,
                     double factor, void* dx, Index outer, Index axis, Index inner);

/// out[c] = beta out[c] + sum over rows of x[r, c].
void col_sum(DType t, const void* x, void* out, Index rows, Index cols, double beta);

}  // namespace gradus::kernels
