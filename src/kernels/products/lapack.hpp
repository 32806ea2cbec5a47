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
  Out a;
  Index* minor;

  void describe(Description& d) const {
    d.number("n", n).updates("a", a, n * n).writes("minor", minor, 1);
  }
};

/// a (n, n) = L U P in place, U with ones on its diagonal, L's below and on the diagonal, and P the
/// exchanges of column i with column pivots[i]. `zero_pivot` is 0, or the number (from 1) of the
/// first pivot that is 0.
struct Lu {
  static constexpr const char* name = "lu";
  DType type;
  Index n;
  Out a;
  Index *pivots, *zero_pivot;

  void describe(Description& d) const {
    d.number("n", n).updates("a", a, n * n).writes("pivots", pivots, n);
    d.writes("zero_pivot", zero_pivot, 1);
  }
};

// Of a derivative rule x (n, k) is a cotangent, whose zeros make 0 whatever they meet: b, a copy of
// it, is there (null otherwise), and columns that come out infinite or NaN are looked at once more.

/// x (n, k) = op(a)^-1 x, with a as Lu left it; op transposes. Where b has a column of zeros, so
/// has x.
struct LuSolve {
  static constexpr const char* name = "lu_solve";
  DType type;
  bool transposed;
  Index n, k;
  In a;
  const Index* pivots;
  Out x;
  In b = nullptr;

  void describe(Description& d) const {
    d.number("transposed", transposed).number("n", n).number("k", k).reads("a", a, n * n);
    d.reads("pivots", pivots, n).reads("b", b, n * k).updates("x", x, n * k);
  }
};

/// x (n, k) = op(a)^-1 x for a triangular a (n, n), whose other triangle does not count; with b
/// without the terms that have a 0 in them.
struct TriangularSolve {
  static constexpr const char* name = "triangular_solve";
  DType type;
  bool upper, transposed;
  Index n, k;
  In a;
  Out x;
  In b = nullptr;

  void describe(Description& d) const {
    d.number("upper", upper).number("transposed", transposed).number("n", n).number("k", k);
    d.reads("a", a, n * n).reads("b", b, n * k).updates("x", x, n * k);
  }
};

void execute(const Cholesky& call);
void execute(const Lu& call);
void execute(const LuSolve& call);
void execute(const TriangularSolve& call);

}  // namespace gradus::kernels
