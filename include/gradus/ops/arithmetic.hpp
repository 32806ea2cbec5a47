#pragma once

#include "gradus/tensor.hpp"

namespace gradus {

/// a + b. Gradients: g, g.
Tensor add(const Tensor& a, const Tensor& b);
Tensor add(const Tensor& a, double b);
/// a - b. Gradients: g, -g.
Tensor sub(const Tensor& a, const Tensor& b);
/// b - a for a number b.
Tensor rsub(const Tensor& a, double b);
/// a b, element by element. Gradients: g b, g a.
Tensor mul(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, double b);
/// a / b; integers are divided as float32. Gradients: g / b, -g a / b^2, both 0 where b is 0.
Tensor div(const Tensor& a, const Tensor& b);
/// b / a for a number b.
Tensor rdiv(const Tensor& a, double b);
/// -x. Gradient: -g.
Tensor neg(const Tensor& x);

inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator+(const Tensor& a, double b) { return add(a, b); }
inline Tensor operator+(double a, const Tensor& b) { return add(b, a); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator-(const Tensor& a, double b) { return add(a, -b); }
inline Tensor operator-(double a, const Tensor& b) { return rsub(b, a); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator*(const Tensor& a, double b) { return mul(a, b); }
inline Tensor operator*(double a, const Tensor& b) { return mul(b, a); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
Tensor operator/(const Tensor& a, double b);
inline Tensor operator/(double a, const Tensor& b) { return rdiv(b, a); }
inline Tensor operator-(const Tensor& x) { return neg(x); }

}  // namespace gradus
