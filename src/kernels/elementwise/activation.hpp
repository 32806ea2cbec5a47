// The activations that are fused with a product: value of z, and gradient for the cotangent g and
// what is saved, which is the value for relu, tanh and sigmoid, z for gelu and silu.
#pragma once
#include "kernels/products/gemm.hpp"
#include "kernels/vmath.hpp"

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

#define GRADUS_ACTIVATION(Name, of_z, of_g)    \
  struct Name {                                \
    template <class V>                         \
    static V value(V z) noexcept {             \
      using namespace math;                    \
      return of_z;                             \
    }                                          \
    template <class V>                         \
    static V gradient(V g, V saved) noexcept { \
      using namespace math;                    \
      return of_g;                             \
    }                                          \
  };
GRADUS_ACTIVATION(Relu, select(z <= V(0), V(0), z), select(saved <= V(0), V(0), g))
GRADUS_ACTIVATION(Tanh, tanh(z), product_or_zero(g, V(1) - saved * saved))
GRADUS_ACTIVATION(Sigmoid, sigmoid(z), product_or_zero(g, (V(1) - saved) * saved))
GRADUS_ACTIVATION(Gelu, z* normal_cdf(z), product_or_zero(g, gelu_slope(saved)))
GRADUS_ACTIVATION(Silu, z* sigmoid(z), product_or_zero(g, silu_slope(saved)))
#undef GRADUS_ACTIVATION

/// f(A{}) for the activation's struct A.
template <class F>
void visit(Activation activation, F f) {
  switch (activation) {
    case Activation::none:
      return f(Identity{});
    case Activation::relu:
      return f(Relu{});
    case Activation::tanh:
      return f(Tanh{});
    case Activation::sigmoid:
      return f(Sigmoid{});
    case Activation::gelu:
      return f(Gelu{});
    case Activation::silu:
      return f(Silu{});
  }
}

}  // namespace gradus::kernels
