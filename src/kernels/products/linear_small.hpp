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
  Activation act;
  bool into_dw, into_db;
  Index m, n, k;
  const void *g, *saved, *x, *w;
  void *dx, *dw, *db;

  void describe(Description& d) const {
    constexpr DType t = DType::float32;
    d.number("act", act).number("m", m).number("n", n).number("k", k);
    d.reads("g", g, t, m * n).reads("saved", saved, t, m * n).reads("x", x, t, m * k);
    d.reads("w", w, t, n * k).writes("dx", dx, t, m * k);
    d.result("dw", dw, t, n * k, into_dw).result("db", db, t, n, into_db);
  }
};

void execute(const SmallLinearBackward& call);

}  // namespace gradus::kernels
