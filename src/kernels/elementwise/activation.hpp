// The activations that a product applies to its results: value of z, and gradient for the cotangent
// g and what is saved (see GRADUS_FUSED).
#pragma once
#include "kernels/elementwise/functions.hpp"

namespace gradus::kernels {

struct Identity {
  template <class V>
  static V value(V z) noexcept {
    return z;
  }
  template <class V>
  static V gradient(V g, V) noexcept {
    return g;
  }
};

template <Unary of_z, Binary of_g>
struct Activated {
  template <class V>
  static V value(V z) noexcept {
    return UnaryFunction<of_z>::eval(z, z, z);
  }
  template <class V>
  static V gradient(V g, V saved) noexcept {
    return BinaryFunction<of_g>::eval(g, saved, g, g);
  }
};

/// f(A{}) for the activation's struct A.
template <class F>
void visit(Activation activation, F f) {
  switch (activation) {
    case Activation::none:
      return f(Identity{});
#define GRADUS_CASE(name, ...) \
  case Activation::name:       \
    return f(Activated<Unary::name, Binary::name##_grad>{});
      GRADUS_FUSED(GRADUS_CASE)
#undef GRADUS_CASE
  }
}

}  // namespace gradus::kernels
