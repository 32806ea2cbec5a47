// Layers so small that calls and passes over memory cost more than their arithmetic: each pass in
// one call.
#pragma once
#include "kernels/products/gemm.hpp"

namespace gradus::kernels {

/// Whether a layer x (m, k) w (n, k)^T counts as small.
bool is_small_linear(DType t, Index m, Index n, Index k) noexcept;

/// Linear of such a layer.
void small_linear(const Linear& call) noexcept;

/// The gradients of a small layer for the cotangent g (m, n) and what act's gradient needs: out
/// or pre (m, n), null for none. Null where none is wanted; `into`: added to what is there.
struct SmallLinearBackward {
  static constexpr const char* name = "small_linear_backward";
  static constexpr DType type = DType::float32;
  Activation act;
  bool into_dw, into_db;
  Index m, n, k;
  In g, saved, x, w;
  Out dx, dw, db;

  void describe(Description& d) const {
    d.number("act", act).number("m", m).number("n", n).number("k", k).reads("g", g, m * n);
    d.reads("saved", saved, m * n).reads("x", x, m * k).reads("w", w, n * k);
    d.writes("dx", dx, m * k).result("dw", dw, n * k, into_dw).result("db", db, n, into_db);
  }
};

void execute(const SmallLinearBackward& call);

}  // namespace gradus::kernels
