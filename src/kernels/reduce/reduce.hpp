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
  any,
  all /* bool in, bool out */
};

/// out (outer, inner) = op over axis of x (outer, axis, inner); out has x's type. NaN propagates
/// through max and min. Empty axis: sum 0, prod 1, mean NaN, any false, all true;
/// max and min need axis > 0. Sums give the same bits for any number of threads.
struct Reduce {
  static constexpr const char* name = "reduce";
  ReduceOp op;
  DType type;
  In x;
  Out out;
  Lengths of;

  void describe(Description& d) const {
    d.number("op", op).lengths(of).reads("x", x, of.all()).writes("out", out, of.lines());
  }
};

/// out (outer, inner) = log of the sum of exp(x) over axis of x (outer, axis, inner), -inf where it
/// is empty; share (outer, inner) is what exp(x - out) has to be multiplied by to be the share of
/// x: exp(out - log sum exp), as `out` is rounded, which is much for large x; where `out` is +inf,
/// 1 / n for n values of +inf.
struct LogSumExp {
  static constexpr const char* name = "log_sum_exp";
  DType type;
  In x;
  Out out, share;
  Lengths of;

  void describe(Description& d) const {
    d.lengths(of).reads("x", x, of.all()).writes("out", out, of.lines());
    d.writes("share", share, of.lines());
  }
};

enum class ArgReduceOp : std::uint8_t { argmax, argmin };

/// out (outer, inner) = index of the first largest (smallest) entry; the first NaN wins. axis > 0.
struct ArgReduce {
  static constexpr const char* name = "arg_reduce";
  ArgReduceOp op;
  DType type;
  In x;
  Index* out;
  Lengths of;

  void describe(Description& d) const {
    d.number("op", op).lengths(of).reads("x", x, of.all()).writes("out", out, of.lines());
  }
};

enum class ScanOp : std::uint8_t { cumsum, cumprod, cummax, logcumsumexp };

/// out (outer, axis, inner) = running op along axis; backwards from the end when `reverse`. out may
/// be x.
struct Scan {
  static constexpr const char* name = "scan";
  ScanOp op;
  DType type;
  In x;
  Out out;
  Lengths of;
  bool reverse;

  void describe(Description& d) const {
    d.number("op", op).lengths(of).number("reverse", reverse).reads("x", x, of.all());
    d.writes("out", out, of.all());
  }
};

/// h[t] = a[t] h[t - 1] + b[t] along axis, from h[-1] = 0 on; backwards from the end when
/// `reverse`. The first factor does not count. float32 and float64.
struct LinearScan {
  static constexpr const char* name = "linear_scan";
  DType type;
  In a, b;
  Out h;
  Lengths of;
  bool reverse;

  void describe(Description& d) const {
    d.lengths(of).number("reverse", reverse).reads("a", a, of.all()).reads("b", b, of.all());
    d.writes("h", h, of.all());
  }
};

void execute(const Reduce& call);
void execute(const LogSumExp& call);
void execute(const ArgReduce& call);
void execute(const Scan& call);
void execute(const LinearScan& call);

}  // namespace gradus::kernels
