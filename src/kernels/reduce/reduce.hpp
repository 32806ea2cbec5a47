// Reductions and scans over the middle axis of a collapsed (outer, axis, inner) shape.
#pragma once
#include "kernels/call.hpp"

namespace gradus::kernels {

enum class ReduceOp : std::uint8_t {
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
struct Reduce {
  static constexpr const char* name = "reduce";
  ReduceOp op;
  DType type;
  const void* x;
  void* out;
  Index outer, axis, inner;

  void describe(Description& d) const {
    d.number("op", op).number("outer", outer).number("axis", axis).number("inner", inner);
    d.reads("x", x, type, outer * axis * inner).writes("out", out, type, outer * inner);
  }
};

/// ReduceOp::logsumexp; share is what exp(x - out) has to be multiplied by to be the share of x:
/// exp(out - log sum exp), as `out` is rounded, which is much for large x; where `out` is +inf,
/// 1 / n for n values of +inf.
struct LogSumExp {
  static constexpr const char* name = "log_sum_exp";
  DType type;
  const void* x;
  void *out, *share;
  Index outer, axis, inner;

  void describe(Description& d) const {
    d.number("outer", outer).number("axis", axis).number("inner", inner);
    d.reads("x", x, type, outer * axis * inner).writes("out", out, type, outer * inner);
    d.writes("share", share, type, outer * inner);
  }
};

enum class ArgReduceOp : std::uint8_t { argmax, argmin };

/// out (outer, inner) = index of the first largest (smallest) entry; the first NaN wins. axis > 0.
struct ArgReduce {
  static constexpr const char* name = "arg_reduce";
  ArgReduceOp op;
  DType type;
  const void* x;
  Index* out;
  Index outer, axis, inner;

  void describe(Description& d) const {
    d.number("op", op).number("outer", outer).number("axis", axis).number("inner", inner);
    d.reads("x", x, type, outer * axis * inner).writes("out", out, DType::int64, outer * inner);
  }
};

enum class ScanOp : std::uint8_t { cumsum, cumprod, cummax, logcumsumexp };

/// out (outer, axis, inner) = running op along axis; backwards from the end when `reverse`. out may
/// be x.
struct Scan {
  static constexpr const char* name = "scan";
  ScanOp op;
  DType type;
  const void* x;
  void* out;
  Index outer, axis, inner;
  bool reverse;

  void describe(Description& d) const {
    d.number("op", op).number("outer", outer).number("axis", axis).number("inner", inner);
    d.number("reverse", reverse).reads("x", x, type, outer * axis * inner);
    d.writes("out", out, type, outer * axis * inner);
  }
};

/// h[t] = a[t] h[t - 1] + b[t] along axis, from h[-1] = 0 on; backwards from the end when
/// `reverse`. The first factor does not count. float32 and float64.
struct LinearScan {
  static constexpr const char* name = "linear_scan";
  DType type;
  const void *a, *b;
  void* h;
  Index outer, axis, inner;
  bool reverse;

  void describe(Description& d) const {
    d.number("outer", outer).number("axis", axis).number("inner", inner);
    d.number("reverse", reverse).reads("a", a, type, outer * axis * inner);
    d.reads("b", b, type, outer * axis * inner).writes("h", h, type, outer * axis * inner);
  }
};

void execute(const Reduce& call);
void execute(const LogSumExp& call);
void execute(const ArgReduce& call);
void execute(const Scan& call);
void execute(const LinearScan& call);

/// Sum of squares in double, for norms of gradients. float32 and float64.
double sum_squares(DType t, const void* x, Index n);

/// Sum of x[i] y[i] in double. float32 and float64.
double dot(DType t, const void* x, const void* y, Index n);

}  // namespace gradus::kernels
