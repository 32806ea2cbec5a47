// Row-wise fused kernels over (rows, cols), float32 and float64.
#pragma once
#include "kernels/call.hpp"

namespace gradus::kernels {

/// out = softmax of each row, or its logarithm; out may be x.
struct Softmax {
  static constexpr const char* name = "softmax";
  DType type;
  bool log;
  In x;
  Out out;
  Index rows, cols;

  void describe(Description& d) const {
    d.number("log", log).matrix(rows, cols).reads("x", x, rows * cols);
    d.writes("out", out, rows * cols);
  }
};

/// dx = out (g - sum(g out)), or for the logarithm g - exp(out) sum(g), and 0 for a row of g that
/// is 0; dx is not g.
struct SoftmaxBackward {
  static constexpr const char* name = "softmax_backward";
  DType type;
  bool log;
  In g, out;
  Out dx;
  Index rows, cols;

  void describe(Description& d) const {
    d.number("log", log).matrix(rows, cols).reads("g", g, rows * cols);
    d.reads("out", out, rows * cols).writes("dx", dx, rows * cols);
  }
};

/// Throws, in the name of `operation`, for a label that is neither one of the classes nor ignored.
struct CheckLabels {
  static constexpr const char* name = "check_labels";
  const char* operation;
  const Index* labels;
  Index rows, classes, ignore_index;

  void describe(Description& d) const {
    d.number("classes", classes).number("ignore_index", ignore_index).reads("labels", labels, rows);
  }
};

/// Per row: loss[r] = -sum_c w_c q_c log softmax(x)_c, q the smoothed one-hot target; 0 for an
/// ignored row. grad (rows, cols), unless null: d loss[r] / d x[r, :]. weight (cols) may be null.
/// divisor: that of reduction "mean", the sum of the weights of the targets (number of rows that
/// are not ignored). Labels must be checked before.
struct CrossEntropy {
  static constexpr const char* name = "cross_entropy";
  DType type;
  In x;
  const Index* labels;
  In weight;
  Out loss, grad;
  double* divisor;
  Index rows, cols;
  double label_smoothing;
  Index ignore_index;

  void describe(Description& d) const {
    d.matrix(rows, cols).number("label_smoothing", label_smoothing);
    d.number("ignore_index", ignore_index).reads("x", x, rows * cols).reads("labels", labels, rows);
    d.reads("weight", weight, cols).writes("loss", loss, rows).writes("grad", grad, rows * cols);
    d.writes("divisor", divisor, 1);
  }
};

/// The targets of CrossEntropy: out (rows, cols) = w_c q_c, 0 for an ignored row. weight may be
/// null.
struct SoftTargets {
  static constexpr const char* name = "soft_targets";
  DType type;
  const Index* labels;
  In weight;
  Out out;
  Index rows, cols;
  double label_smoothing;
  Index ignore_index;

  void describe(Description& d) const {
    d.number("label_smoothing", label_smoothing).number("ignore_index", ignore_index);
    d.reads("labels", labels, rows).reads("weight", weight, cols).writes("out", out, rows * cols);
  }
};

/// *out = the sum of the weights (cols) of labels that are not ignored, which count 1 each where
/// weight is null.
struct SumOfWeights {
  static constexpr const char* name = "sum_of_weights";
  DType type;
  const Index* labels;
  In weight;
  double* out;
  Index rows, cols, ignore_index;

  void describe(Description& d) const {
    d.number("ignore_index", ignore_index).reads("labels", labels, rows);
    d.reads("weight", weight, cols).writes("out", out, 1);
  }
};

/// dx (n) = x *g / *divisor, and 0 where that factor is 0 or the divisor is; divisor null: 1.
struct ScaleAll {
  static constexpr const char* name = "scale_all";
  DType type;
  In x, g;
  const double* divisor;
  Out dx;
  Index n;

  void describe(Description& d) const {
    d.reads("x", x, n).reads("g", g, 1).reads("divisor", divisor, 1).writes("dx", dx, n);
  }
};

/// dx[r, :] = x[r, :] scale[r], and 0 for a scale of 0 whatever x.
struct ScaleRows {
  static constexpr const char* name = "scale_rows";
  DType type;
  In x, scale;
  Out dx;
  Index rows, cols;

  void describe(Description& d) const {
    d.matrix(rows, cols).reads("x", x, rows * cols).reads("scale", scale, rows);
    d.writes("dx", dx, rows * cols);
  }
};

/// Layer norm: out = (x - mean) rstd gamma + beta per row; gamma, beta (cols) may be null; rstd
/// (rows); mean (2, rows) in two parts, as it is rounded and what that leaves. With a mean of null
/// RMS norm: out = x rstd gamma, rstd = 1 / sqrt(mean(x^2) + eps).
struct RowNorm {
  static constexpr const char* name = "row_norm";
  DType type;
  In x, gamma, beta;
  double eps;
  Out out, mean, rstd;
  Index rows, cols;

  void describe(Description& d) const {
    d.number("eps", eps).matrix(rows, cols).reads("x", x, rows * cols).reads("gamma", gamma, cols);
    d.reads("beta", beta, cols).writes("out", out, rows * cols).writes("mean", mean, 2 * rows);
    d.writes("rstd", rstd, rows);
  }
};

/// dx (rows, cols), dgamma, dbeta (cols): each may be null, as may the mean. There are statistics
/// of each row, or of each channel if `by_row` is false.
template <bool by_row>
struct NormBackward {
  DType type;
  In g, x, gamma, mean, rstd;
  Out dx, dgamma, dbeta;
  Index rows, cols;

  void describe(Description& d) const {
    const Index n = by_row ? rows : cols;
    d.matrix(rows, cols).reads("g", g, rows * cols).reads("x", x, rows * cols);
    d.reads("gamma", gamma, cols).reads("mean", mean, 2 * n).reads("rstd", rstd, n);
    d.writes("dx", dx, rows * cols).writes("dgamma", dgamma, cols).writes("dbeta", dbeta, cols);
  }
};

struct RowNormBackward : NormBackward<true> {
  static constexpr const char* name = "row_norm_backward";
};

/// Training forward over (rows, channels): statistics per channel over the rows; var (biased), rstd
/// (channels) and mean (2, channels) in two parts are written; gamma, beta may be null.
struct BatchNorm {
  static constexpr const char* name = "batch_norm";
  DType type;
  In x, gamma, beta;
  double eps;
  Out out, mean, var, rstd;
  Index rows, cols;

  void describe(Description& d) const {
    d.number("eps", eps).matrix(rows, cols).reads("x", x, rows * cols).reads("gamma", gamma, cols);
    d.reads("beta", beta, cols).writes("out", out, rows * cols).writes("mean", mean, 2 * cols);
    d.writes("var", var, cols).writes("rstd", rstd, cols);
  }
};

struct BatchNormBackward : NormBackward<false> {
  static constexpr const char* name = "batch_norm_backward";
};

/// out (outer, inner) = sum over axis of (x - mean)^2 / divisor, or its root, of x (outer, axis,
/// inner); mean (2, outer, inner) is written in two parts, as by RowNorm.
struct Spread {
  static constexpr const char* name = "spread";
  DType type;
  In x;
  Out mean, out;
  Lengths of;
  double divisor;
  bool root;

  void describe(Description& d) const {
    d.lengths(of).number("divisor", divisor).number("root", root).reads("x", x, of.all());
    d.writes("mean", mean, 2 * of.lines()).writes("out", out, of.lines());
  }
};

/// dx = factor (x - mean) g / out, 0 for g = 0 and out = 0; mean may be null for 0, out for 1.
struct SpreadBackward {
  static constexpr const char* name = "spread_backward";
  DType type;
  In g, x, mean, out;
  double factor;
  Out dx;
  Lengths of;

  void describe(Description& d) const {
    d.lengths(of).number("factor", factor).reads("g", g, of.lines()).reads("x", x, of.all());
    d.reads("mean", mean, 2 * of.lines()).reads("out", out, of.lines()).writes("dx", dx, of.all());
  }
};

/// sums (outer, inner), of |x|^p over axis, become (sum |x|^p)^(1/p); where a sum left the range of
/// the type, or its digits, it is computed again from x (outer, axis, inner).
struct RootOfSums {
  static constexpr const char* name = "root_of_sums";
  DType type;
  double p;
  In x;
  Out sums;
  Lengths of;

  void describe(Description& d) const {
    d.number("p", p).lengths(of).reads("x", x, of.all()).updates("sums", sums, of.lines());
  }
};

/// out[c] = beta out[c] + sum over rows of x[r, c].
struct SumRows {
  static constexpr const char* name = "sum_rows";
  DType type;
  In x;
  Out out;
  Index rows, cols;
  double beta;

  void describe(Description& d) const {
    d.matrix(rows, cols).number("beta", beta).reads("x", x, rows * cols);
    d.result("out", out, cols, beta != 0);
  }
};

/// What a mean over axis has beside the sums: the mean of equal values is that value exactly, and
/// one whose sum left the range of the type is computed again from x (outer, axis, inner).
void mend_means(DType t, In x, Out mean, Lengths of);

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
