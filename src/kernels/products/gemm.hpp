// Matrix products, row-major, float32 and float64.
#pragma once
#include "kernels/elementwise/elementwise.hpp"

namespace gradus::kernels {

/// Whose zeros make a term of a product 0 even beside an infinity or NaN: what derivative rules
/// want.
enum class Zeros : std::uint8_t { none, first, second, both };
constexpr bool has(Zeros z, Zeros factor) {
  return (static_cast<int>(z) & static_cast<int>(factor)) != 0;
}

/// c (m, n) = op(a) op(b) + beta c; op(a) is (m, k): stored (m, k), or (k, m) if transposed; op(b)
/// is (k, n), or stored (n, k). lda, ldb, ldc: elements from row to row of what is stored. c is not
/// read when beta is 0. A term with a 0 of a factor of `zeros` is 0, at the same speed for finite
/// factors: only where a sum came out infinite or NaN is it computed again.
struct Gemm {
  static constexpr const char* name = "gemm";
  DType type;
  bool transpose_a, transpose_b;
  Index m, n, k;
  In a;
  Index lda;
  In b;
  Index ldb;
  double beta;
  Out c;
  Index ldc;
  Zeros zeros = Zeros::none;

  void describe(Description& d) const;
};

/// `batch` products of dense matrices; steps in elements from matrix to matrix, 0 = the same matrix
/// again.
struct GemmBatched {
  static constexpr const char* name = "gemm_batched";
  DType type;
  bool transpose_a, transpose_b;
  Index batch, m, n, k;
  In a;
  Index step_a;
  In b;
  Index step_b;
  Out c;
  Index step_c;
  Zeros zeros = Zeros::none;

  void describe(Description& d) const;
  /// The i-th product.
  Gemm at(Index i) const;
};

/// out (m, n) = act(x (m, k) w (n, k)^T + bias (n)), bias may be null. pre, unless null: x w^T +
/// bias (m, n), which the backward of some activations needs (the others need `out` alone).
struct Linear {
  static constexpr const char* name = "linear";
  DType type;
  Activation act;
  Index m, n, k;
  In x, w, bias;
  Out out, pre;

  void describe(Description& d) const {
    d.number("act", act).number("m", m).number("n", n).number("k", k).reads("x", x, m * k);
    d.reads("w", w, n * k).reads("bias", bias, n).writes("out", out, m * n);
    d.writes("pre", pre, m * n);
  }
};

void execute(const Gemm& call);
void execute(const GemmBatched& call);
void execute(const Linear& call);

}  // namespace gradus::kernels
