// Decompositions of one row-major matrix, float32 and float64, by xtensor-blas.
#pragma once
#include "kernels/call.hpp"

namespace gradus::kernels {

/// How a decomposition ended. Unless it was found, its results are NaN.
enum class Outcome : Index { found, not_finite, not_converged };

/// a (m, n) = q (m, l) r (l, n), l = min(m, n): q has orthonormal columns, r is upper triangular,
/// with a diagonal of either sign.
struct Qr {
  static constexpr const char* name = "qr";
  DType type;
  Index m, n;
  In a;
  Out q, r;
  Outcome* outcome;

  void describe(Description& d) const;
};

/// a (m, n) = u (m, l) diag(s) vt (l, n), l = min(m, n): u has orthonormal columns, vt rows, and s
/// descends. u and vt may both be null: s alone.
struct Svd {
  static constexpr const char* name = "svd";
  DType type;
  Index m, n;
  In a;
  Out u, s, vt;
  Outcome* outcome;

  void describe(Description& d) const;
};

/// The symmetric a (n, n), whose lower triangle counts alone, = v diag(w) v^T: v is orthogonal, its
/// columns are the eigenvectors, and w ascends.
struct Eigh {
  static constexpr const char* name = "eigh";
  DType type;
  Index n;
  In a;
  Out w, v;
  Outcome* outcome;

  void describe(Description& d) const;
};

/// x (n, k) of the least |a x - b|, and of those the least |x|; a (m, n), b (m, k). s: the singular
/// values of a, min(m, n) and descending; those up to rcond s[0] count as 0, and `rank` is how many
/// others there are (0 unless found). A negative rcond stands for the type's epsilon.
struct Lstsq {
  static constexpr const char* name = "lstsq";
  DType type;
  Index m, n, k;
  In a, b;
  double rcond;
  Out x, s;
  Index* rank;
  Outcome* outcome;

  void describe(Description& d) const;
};

void execute(const Qr& call);
void execute(const Svd& call);
void execute(const Eigh& call);
void execute(const Lstsq& call);

}  // namespace gradus::kernels
