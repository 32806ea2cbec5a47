// Factorizations and triangular systems of one row-major matrix, float32 and float64.
#pragma once
#include "kernels/call.hpp"

namespace gradus::kernels {

/// The lower Cholesky factor of a (n, n), in place, from its lower triangle; zeros above. `minor`
/// is 0, or the order of the first leading minor that is not positive.
struct Cholesky {
  static constexpr const char* name = "cholesky";
  DType type;
  Index n;
  void* a;
  Index* minor;

  void describe(Description& d) const {
    d.number("n", n).updates("a", a, type, n * n).writes("minor", minor, DType::int64, 1);
  }
};

/// a (n, n) = L U P in place, U with ones on its diagonal, L's below and on the diagonal, and P the
/// exchanges of column i with column pivots[i]. `zero_pivot` is 0, or the number (from 1) of the
/// first pivot that is 0.
struct Lu {
  static constexpr const char* name = "lu";
  DType type;
  Index n;
  void* a;
  Index *pivots, *zero_pivot;

  void describe(Description& d) const {
    d.number("n", n).updates("a", a, type, n * n).writes("pivots", pivots, DType::int64, n);
    d.writes("zero_pivot", zero_pivot, DType::int64, 1);
  }
};

/// x (n, k) = op(a)^-1 x, with a as Lu left it; op transposes.
struct LuSolve {
  static constexpr const char* name = "lu_solve";
  DType type;
  bool transposed;
  Index n, k;
  const void* a;
  const Index* pivots;
  void* x;

  void describe(Description& d) const {
    d.number("transposed", transposed).number("n", n).number("k", k);
    d.reads("a", a, type, n * n).reads("pivots", pivots, DType::int64, n);
    d.updates("x", x, type, n * k);
  }
};

/// x (n, k) = op(a)^-1 x for a triangular a (n, n), whose other triangle does not count.
struct TriangularSolve {
  static constexpr const char* name = "triangular_solve";
  DType type;
  bool upper, transposed;
  Index n, k;
  const void* a;
  void* x;

  void describe(Description& d) const {
    d.number("upper", upper).number("transposed", transposed).number("n", n).number("k", k);
    d.reads("a", a, type, n * n).updates("x", x, type, n * k);
  }
};

// Solutions x of derivative rules, for a cotangent b (n, k) whose zeros make 0 whatever they meet:
// columns of x that came out infinite or NaN once more.

/// A column of zeros has a solution of zeros.
struct KeepZeroColumns {
  static constexpr const char* name = "keep_zero_columns";
  DType type;
  Index n, k;
  const void* b;
  void* x;

  void describe(Description& d) const {
    d.number("n", n).number("k", k);
    d.reads("b", b, type, n * k).updates("x", x, type, n * k);
  }
};

/// As TriangularSolve, without the terms that have a 0 in them.
struct MendTriangular {
  static constexpr const char* name = "mend_triangular";
  DType type;
  bool upper, transposed;
  Index n, k;
  const void *a, *b;
  void* x;

  void describe(Description& d) const {
    d.number("upper", upper).number("transposed", transposed).number("n", n).number("k", k);
    d.reads("a", a, type, n * n).reads("b", b, type, n * k).updates("x", x, type, n * k);
  }
};

void execute(const Cholesky& call);
void execute(const Lu& call);
void execute(const LuSolve& call);
void execute(const TriangularSolve& call);
void execute(const KeepZeroColumns& call);
void execute(const MendTriangular& call);

}  // namespace gradus::kernels
