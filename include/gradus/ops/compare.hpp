#pragma once

#include "gradus/tensor.hpp"

namespace gradus {

// Comparisons give bool tensors without gradient; operands broadcast and are promoted to a common
// dtype. A number is compared in the tensor's dtype (integers meet a fraction in float32). NaN
// differs from everything. There is no operator== on tensors, since it would not give a bool.

/// a = b, element by element.
Tensor eq(const Tensor& a, const Tensor& b);
Tensor eq(const Tensor& a, double b);
/// a != b, element by element.
Tensor ne(const Tensor& a, const Tensor& b);
Tensor ne(const Tensor& a, double b);
/// a < b, element by element.
Tensor lt(const Tensor& a, const Tensor& b);
Tensor lt(const Tensor& a, double b);
/// a <= b, element by element.
Tensor le(const Tensor& a, const Tensor& b);
Tensor le(const Tensor& a, double b);
/// a > b, element by element.
Tensor gt(const Tensor& a, const Tensor& b);
Tensor gt(const Tensor& a, double b);
/// a >= b, element by element.
Tensor ge(const Tensor& a, const Tensor& b);
Tensor ge(const Tensor& a, double b);

inline Tensor operator<(const Tensor& a, const Tensor& b) { return lt(a, b); }
inline Tensor operator<(const Tensor& a, double b) { return lt(a, b); }
inline Tensor operator<(double a, const Tensor& b) { return gt(b, a); }
inline Tensor operator<=(const Tensor& a, const Tensor& b) { return le(a, b); }
inline Tensor operator<=(const Tensor& a, double b) { return le(a, b); }
inline Tensor operator<=(double a, const Tensor& b) { return ge(b, a); }
inline Tensor operator>(const Tensor& a, const Tensor& b) { return gt(a, b); }
inline Tensor operator>(const Tensor& a, double b) { return gt(a, b); }
inline Tensor operator>(double a, const Tensor& b) { return lt(b, a); }
inline Tensor operator>=(const Tensor& a, const Tensor& b) { return ge(a, b); }
inline Tensor operator>=(const Tensor& a, double b) { return ge(a, b); }
inline Tensor operator>=(double a, const Tensor& b) { return le(b, a); }

/// True where both are true (not 0); bool, of any dtypes.
Tensor logical_and(const Tensor& a, const Tensor& b);
/// True where one or both are true (not 0).
Tensor logical_or(const Tensor& a, const Tensor& b);
/// True where exactly one is true (not 0).
Tensor logical_xor(const Tensor& a, const Tensor& b);
/// True where x is 0.
Tensor logical_not(const Tensor& x);

/// True where x is NaN.
Tensor isnan(const Tensor& x);
/// True where x is infinite, of either sign.
Tensor isinf(const Tensor& x);
/// True where x is neither infinite nor NaN.
Tensor isfinite(const Tensor& x);

}  // namespace gradus
