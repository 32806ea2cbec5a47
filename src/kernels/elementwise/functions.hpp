// The functions of the table, for whoever computes them: loops over memory, products that apply
// one to their results, single numbers.
#pragma once
#include "kernels/elementwise/elementwise.hpp"
#include "kernels/vmath.hpp"

namespace gradus::kernels {

/// eval(x, p, q), generic over double and a SIMD batch of float; arithmetic and comparisons over
/// float, too.
template <Unary op>
struct UnaryFunction;
/// eval(a, b, p, q)
template <Binary op>
struct BinaryFunction;

#define GRADUS_FUNCTION(name, ...)                                                              \
  template <>                                                                                   \
  struct UnaryFunction<Unary::name> {                                                           \
    template <class V>                                                                          \
    static V eval(const V x, [[maybe_unused]] const V p, [[maybe_unused]] const V q) noexcept { \
      using namespace math;                                                                     \
      return __VA_ARGS__;                                                                       \
    }                                                                                           \
  };
GRADUS_UNARY(GRADUS_FUNCTION)
#undef GRADUS_FUNCTION

#define GRADUS_FUNCTION(name, ...)                                  \
  template <>                                                       \
  struct BinaryFunction<Binary::name> {                             \
    template <class V>                                              \
    static V eval(const V a, const V b, [[maybe_unused]] const V p, \
                  [[maybe_unused]] const V q) noexcept {            \
      using namespace math;                                         \
      return __VA_ARGS__;                                           \
    }                                                               \
  };
GRADUS_BINARY(GRADUS_FUNCTION)
#undef GRADUS_FUNCTION

/// op(a, b) of single numbers.
template <Binary op, class T>
T apply(T a, T b) noexcept {
  return BinaryFunction<op>::eval(a, b, a, b);
}
/// op(x) with the parameter p.
template <Unary op, class T>
T apply(T x, T p) noexcept {
  return UnaryFunction<op>::eval(x, p, p);
}

}  // namespace gradus::kernels
