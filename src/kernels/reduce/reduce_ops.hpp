// What the reductions compute, for single values and for SIMD batches.
#pragma once
#include <limits>
#include <type_traits>

#include "kernels/simd.hpp"

namespace gradus::kernels {

// An operation has the type A that it accumulates in (double for sums), a neutral value, `map` for
// each element and `combine`. Elements are combined in their own type in short blocks, and the
// blocks in A.
template <class T>
struct SumOp {
  using A = double;
  static constexpr T neutral = 0, pad = 0;
  template <class V>
  static V map(V x) noexcept {
    return x;
  }
  template <class V>
  static V combine(V a, V b) noexcept {
    return a + b;
  }
};
template <class T>
struct SquareOp : SumOp<T> {
  template <class V>
  static V map(V x) noexcept {
    return x * x;
  }
};
template <class T>
struct AbsOp : SumOp<T> {
  template <class V>
  static V map(V x) noexcept {
    if constexpr (std::is_arithmetic_v<V>) {
      return x < 0 ? -x : x;
    } else {
      return xsimd::abs(x);
    }
  }
};
template <class T>
struct ProdOp : SumOp<T> {
  static constexpr T neutral = 1, pad = 1;
  template <class V>
  static V combine(V a, V b) noexcept {
    return a * b;
  }
};
template <class T>
struct MaxOp : SumOp<T> {
  using A = T;
  static constexpr T neutral = std::is_integral_v<T> ? std::numeric_limits<T>::lowest()
                                                     : -std::numeric_limits<T>::infinity();
  static constexpr T pad = neutral;
  static T combine(T a, T b) noexcept { return a > b || is_nan(a) ? a : b; }
  static Batch<T> of_numbers(const Batch<T>& a, const Batch<T>& b) noexcept {
    return xsimd::max(a, b);
  }
  static T of_lanes(const Batch<T>& v) noexcept { return max_lanes(v); }
};
template <class T>
struct MinOp : SumOp<T> {
  using A = T;
  static constexpr T neutral =
      std::is_integral_v<T> ? std::numeric_limits<T>::max() : std::numeric_limits<T>::infinity();
  static constexpr T pad = neutral;
  static T combine(T a, T b) noexcept { return a < b || is_nan(a) ? a : b; }
  static Batch<T> of_numbers(const Batch<T>& a, const Batch<T>& b) noexcept {
    return xsimd::min(a, b);
  }
  static T of_lanes(const Batch<T>& v) noexcept { return -max_lanes(-v); }
};

// A batch of results so far, to which elements are added one or two batches at a time.
template <class Op, class T>
struct Lanes {
  Batch<T> value = Batch<T>(Op::neutral);
  void add(const Batch<T>& a) noexcept { value = Op::combine(value, Op::map(a)); }
  void add(const Batch<T>& a, const Batch<T>& b) noexcept {
    value = Op::combine(value, Op::combine(Op::map(a), Op::map(b)));
  }
  void add(const Lanes& other) noexcept { value = Op::combine(value, other.value); }
  Batch<T> result() const noexcept { return value; }
  T total() const noexcept {
    if constexpr (Op::neutral == T(0)) return sum_lanes(value);
    return reduce_lanes(value, [](T a, T b) noexcept { return Op::combine(a, b); });
  }
};

// The instructions for the largest and the smallest lose a NaN in the first operand; it is looked
// for apart, in two batches at once.
template <class Op, class T>
requires requires { &Op::of_numbers; }
struct Lanes<Op, T> {
  Batch<T> value = Batch<T>(Op::neutral);
  xsimd::batch_bool<T> nan = xsimd::batch_bool<T>(false);
  void add(const Batch<T>& a) noexcept {
    value = Op::of_numbers(a, value);
    nan = nan | unordered(a, a);
  }
  void add(const Batch<T>& a, const Batch<T>& b) noexcept {
    value = Op::of_numbers(a, Op::of_numbers(b, value));
    nan = nan | unordered(a, b);
  }
  void add(const Lanes& other) noexcept {
    value = Op::of_numbers(other.value, value);
    nan = nan | other.nan;
  }
  Batch<T> result() const noexcept {
    return xsimd::select(nan, Batch<T>(std::numeric_limits<T>::quiet_NaN()), value);
  }
  T total() const noexcept {
    return xsimd::any(nan) ? std::numeric_limits<T>::quiet_NaN() : Op::of_lanes(value);
  }
};

}  // namespace gradus::kernels
