// Row-wise fused kernels over (rows, cols), float32 and float64.
#pragma once
#include "kernels/call.hpp"

namespace gradus::kernels {

/// out = softmax of each row, or its logarithm; out may be x.
struct Softmax {
  static constexpr const char* name = "softmax";
  DType type;
  bool log;
  const void* x;
  void* out;
  Index rows, cols;

  void describe(Description& d) const {
    d.number("log", log).number("rows", rows).number("cols", cols);
    d.reads("x", x, type, rows * cols).writes("out", out, type, rows * cols);
  }
};

/// dx = out (g - sum(g out)), or for the logarithm g - exp(out) sum(g), and 0 for a row of g that
/// is 0; dx is not g.
struct SoftmaxBackward {
  static constexpr const char* name = "softmax_backward";
  DType type;
  bool log;
  const void *g, *out;
  void* dx;
  Index rows, cols;

  void describe(Description& d) const {
    d.number("log", log).number("rows", rows).number("cols", cols);
    d.reads("g", g, type, rows * cols).reads("out", out, type, rows * cols);
    d.writes("dx", dx, type, rows * cols);
  }
};

/// Throws, in the name of `operation`, for a label that is neither one of the classes nor ignored.
struct CheckLabels {
  static constexpr const char* name = "check_labels";
  const char* operation;
  const Index* labels;
  Index rows, classes, ignore_index;

  void describe(Description& d) const {
    d.number("classes", classes).number("ignore_index", ignore_index);
    d.reads("labels", labels, DType::int64, rows);
  }
};

/// Per row: loss[r] = -sum_c w_c q_c log softmax(x)_c, q the smoothed one-hot target; 0 for an
/// ignored row. grad (rows, cols), unless null: d loss[r] / d x[r, :]. weight (cols) may be null.
/// divisor: that of reduction "mean", the sum of the weights of the targets (number of rows that
/// are not ignored). Labels must be checked before.
struct CrossEntropy {
  static constexpr const char* name = "cross_entropy";
  DType type;
  const void* x;
  const Index* labels;
  const void* weight;
  void *loss, *grad;
  double* divisor;
  Index rows, cols;
  double label_smoothing;
  Index ignore_index;

  void describe(Description& d) const {
    d.number("rows", rows).number("cols", cols);
    d.number("label_smoothing", label_smoothing).number("ignore_index", ignore_index);
    d.reads("x", x, type, rows * cols).reads("labels", labels, DType::int64, rows);
    d.reads("weight", weight, type, cols).writes("loss", loss, type, rows);
    d.writes("grad", grad, type, rows * cols).writes("divisor", divisor, DType::float64, 1);
  }
};

/// The targets of CrossEntropy: out (rows, cols) = w_c q_c, 0 for an ignored row. weight may be
/// null.
struct SoftTargets {
  static constexpr const char* name = "soft_targets";
  DType type;
  const Index* labels;
  const void* weight;
  void* out;
  Index rows, cols;
  double label_smoothing;
  Index ignore_index;

  void describe(Description& d) const {
    d.number("label_smoothing", label_smoothing).number("ignore_index", ignore_index);
    d.reads("labels", labels, DType::int64, rows).reads("weight", weight, type, cols);
    d.writes("out", out, type, rows * cols);
  }
};

/// *out = the sum of the weights (cols) of labels that are not ignored, which count 1 each where
/// weight is null.
struct SumOfWeights {
  static constexpr const char* name = "sum_of_weights";
  DType type;
  const Index* labels;
  const void* weight;
  double* out;
  Index rows, cols, ignore_index;

  void describe(Description& d) const {
    d.number("ignore_index", ignore_index).reads("labels", labels, DType::int64, rows);
    d.reads("weight", weight, type, cols).writes("out", out, DType::float64, 1);
  }
};

/// dx (n) = x *g / *divisor, and 0 where that factor is 0 or the divisor is; divisor null: 1.
struct ScaleAll {
  static constexpr const char* name = "scale_all";
  DType type;
  const void *x, *g;
  const double* divisor;
  void* dx;
  Index n;

  void describe(Description& d) const {
    d.reads("x", x, type, n).reads("g", g, type, 1).reads("divisor", divisor, DType::float64, 1);
    d.writes("dx", dx, type, n);
  }
};

/// dx[r, :] = x[r, :] scale[r], and 0 for a scale of 0 whatever x.
struct ScaleRows {
  static constexpr const char* name = "scale_rows";
  DType type;
  const void *x, *scale;
  void* dx;
  Index rows, cols;

  void describe(Description& d) const {
    d.number("rows", rows).number("cols", cols);
    d.reads("x", x, type, rows * cols).reads("scale", scale, type, rows);
    d.writes("dx", dx, type, rows * cols);
  }
};

/// Layer norm: out = (x - mean) rstd gamma + beta per row; gamma, beta (cols) may be null; rstd
/// (rows); mean (2, rows) in two parts, as it is rounded and what that leaves. With a mean of null
/// RMS norm: out = x rstd gamma, rstd = 1 / sqrt(mean(x^2) + eps).
struct RowNorm {
  static constexpr const char* name = "row_norm";
  DType type;
  const void *x, *gamma, *beta;
  double eps;
  void *out, *mean, *rstd;
  Index rows, cols;

  void describe(Description& d) const {
    d.number("eps", eps).number("rows", rows).number("cols", cols);
    d.reads("x", x, type, rows * cols).reads("gamma", gamma, type, cols);
    d.reads("beta", beta, type, cols).writes("out", out, type, rows * cols);
    d.writes("mean", mean, type, 2 * rows).writes("rstd", rstd, type, rows);
  }
};

/// dx (rows, cols), dgamma, dbeta (cols): each may be null, as may the mean.
struct RowNormBackward {
  static constexpr const char* name = "row_norm_backward";
  DType type;
  const void *g, *x, *gamma, *mean, *rstd;
  void *dx, *dgamma, *dbeta;
  Index rows, cols;

  void describe(Description& d) const {
    d.number("rows", rows).number("cols", cols);
    d.reads("g", g, type, rows * cols).reads("x", x, type, rows * cols);
    d.reads("gamma", gamma, type, cols).reads("mean", mean, type, 2 * rows);
    d.reads("rstd", rstd, type, rows).writes("dx", dx, type, rows * cols);
    d.writes("dgamma", dgamma, type, cols).writes("dbeta", dbeta, type, cols);
  }
};

/// Training forward over (rows, channels): statistics per channel over the rows; var (biased), rstd
/// (channels) and mean (2, channels) in two parts are written; gamma, beta may be null.
struct BatchNorm {
  static constexpr const char* name = "batch_norm";
  DType type;
  const void *x, *gamma, *beta;
  double eps;
  void *out, *mean, *var, *rstd;
  Index rows, cols;

  void describe(Description& d) const {
    d.number("eps", eps).number("rows", rows).number("cols", cols);
    d.reads("x", x, type, rows * cols).reads("gamma", gamma, type, cols);
    d.reads("beta", beta, type, cols).writes("out", out, type, rows * cols);
    d.writes("mean", mean, type, 2 * cols).writes("var", var, type, cols);
    d.writes("rstd", rstd, type, cols);
  }
};

struct BatchNormBackward {
  static constexpr const char* name = "batch_norm_backward";
  DType type;
  const void *g, *x, *gamma, *mean, *rstd;
  void *dx, *dgamma, *dbeta;
  Index rows, cols;

  void describe(Description& d) const {
    d.number("rows", rows).number("cols", cols);
    d.reads("g", g, type, rows * cols).reads("x", x, type, rows * cols);
    d.reads("gamma", gamma, type, cols).reads("mean", mean, type, 2 * cols);
    d.reads("rstd", rstd, type, cols).writes("dx", dx, type, rows * cols);
    d.writes("dgamma", dgamma, type, cols).writes("dbeta", dbeta, type, cols);
  }
};

/// out (outer, inner) = sum over axis of (x - mean)^2 / divisor, or its root, of x (outer, axis,
/// inner); mean (2, outer, inner) is written in two parts, as by RowNorm.
struct Spread {
  static constexpr const char* name = "spread";
  DType type;
  const void* x;
  void *mean, *out;
  Index outer, axis, inner;
  double divisor;
  bool root;

  void describe(Description& d) const {
    d.number("outer", outer).number("axis", axis).number("inner", inner);
    d.number("divisor", divisor).number("root", root);
    d.reads("x", x, type, outer * axis * inner);
    d.writes("mean", mean, type, 2 * outer * inner).writes("out", out, type, outer * inner);
  }
};

/// dx = factor (x - mean) g / out, 0 for g = 0 and out = 0; mean may be null for 0, out for 1.
struct SpreadBackward {
  static constexpr const char* name = "spread_backward";
  DType type;
  const void *g, *x, *mean, *out;
  double factor;
  void* dx;
  Index outer, axis, inner;

  void describe(Description& d) const {
    d.number("outer", outer).number("axis", axis).number("inner", inner);
    d.number("factor", factor);
    d.reads("g", g, type, outer * inner).reads("x", x, type, outer * axis * inner);
    d.reads("mean", mean, type, 2 * outer * inner).reads("out", out, type, outer * inner);
    d.writes("dx", dx, type, outer * axis * inner);
  }
};

/// sums (outer, inner), of |x|^p over axis, become (sum |x|^p)^(1/p); where a sum left the range of
/// the type, or its digits, it is computed again from x (outer, axis, inner).
struct RootOfSums {
  static constexpr const char* name = "root_of_sums";
  DType type;
  double p;
  const void* x;
  void* sums;
  Index outer, axis, inner;

  void describe(Description& d) const {
    d.number("p", p).number("outer", outer).number("axis", axis).number("inner", inner);
    d.reads("x", x, type, outer * axis * inner).updates("sums", sums, type, outer * inner);
  }
};

/// out[c] = beta out[c] + sum over rows of x[r, c].
struct SumRows {
  static constexpr const char* name = "sum_rows";
  DType type;
  const void* x;
  void* out;
  Index rows, cols;
  double beta;

  void describe(Description& d) const {
    d.number("rows", rows).number("cols", cols).number("beta", beta);
    d.reads("x", x, type, rows * cols).result("out", out, type, cols, beta != 0);
  }
};

/// What a mean over axis has beside the sums: the mean of equal values is that value exactly, and
/// one whose sum left the range of the type is computed again from x (outer, axis, inner).
void mend_means(DType t, const void* x, void* mean, Index outer, Index axis, Index inner);

void execute(const Softmax& call);
void execute(const SoftmaxBackward& call);
void execute(const CheckLabels& call);
void execute(const CrossEntropy& call);
void execute(const SoftTargets& call);
void execute(const SumOfWeights& call);
void execute(const ScaleAll& call);
void execute(const ScaleRows& call);
void execute(const RowNorm& call);
void execute(const RowNormBackward& call);
void execute(const BatchNorm& call);
void execute(const BatchNormBackward& call);
void execute(const Spread& call);
void execute(const SpreadBackward& call);
void execute(const RootOfSums& call);
void execute(const SumRows& call);

}  // namespace gradus::kernels
