#pragma once

#include <limits>

#include "gradus/tensor.hpp"

namespace gradus {

// Functions of every element. Integers and bools are computed as float32 unless said otherwise. A
// gradient g of 0 stays 0 wherever the derivative is infinite or undefined; docs/subgradients.md
// lists the derivative at every such point.

/// |x|; integers stay integers. Gradient: g sign(x), 0 at 0.
Tensor abs(const Tensor& x);
/// -1, 0 or 1; integers stay integers. Gradient: 0.
Tensor sign(const Tensor& x);
/// x^2; integers stay integers. Gradient: 2 g x.
Tensor square(const Tensor& x);
/// The square root; NaN below 0. Gradient: g / (2 sqrt(x)), 0 at 0.
Tensor sqrt(const Tensor& x);
/// 1 / sqrt(x). Gradient: -g x^(-3/2) / 2, 0 at 0.
Tensor rsqrt(const Tensor& x);
/// 1 / x. Gradient: -g / x^2, 0 at 0.
Tensor reciprocal(const Tensor& x);

/// e^x. Gradient: g e^x.
Tensor exp(const Tensor& x);
/// 2^x. Gradient: g 2^x ln 2.
Tensor exp2(const Tensor& x);
/// e^x - 1, accurate near 0. Gradient: g e^x.
Tensor expm1(const Tensor& x);
/// The natural logarithm; NaN below 0. Gradient: g / x, 0 at 0.
Tensor log(const Tensor& x);
/// ln(1 + x), accurate near 0. Gradient: g / (1 + x), 0 at -1.
Tensor log1p(const Tensor& x);
/// The logarithm to base 2. Gradient: g / (x ln 2), 0 at 0.
Tensor log2(const Tensor& x);
/// The logarithm to base 10. Gradient: g / (x ln 10), 0 at 0.
Tensor log10(const Tensor& x);

/// The sine of x in radians. Gradient: g cos(x).
Tensor sin(const Tensor& x);
/// The cosine of x in radians. Gradient: -g sin(x).
Tensor cos(const Tensor& x);
/// The tangent of x in radians. Gradient: g (1 + tan(x)^2).
Tensor tan(const Tensor& x);
/// The angle in [-pi/2, pi/2] whose sine is x. Gradient: g / sqrt(1 - x^2), 0 at -1 and 1.
Tensor asin(const Tensor& x);
/// The angle in [0, pi] whose cosine is x. Gradient: -g / sqrt(1 - x^2), 0 at -1 and 1.
Tensor acos(const Tensor& x);
/// The angle in (-pi/2, pi/2) whose tangent is x. Gradient: g / (1 + x^2).
Tensor atan(const Tensor& x);
/// (e^x - e^-x) / 2. Gradient: g cosh(x).
Tensor sinh(const Tensor& x);
/// (e^x + e^-x) / 2. Gradient: g sinh(x).
Tensor cosh(const Tensor& x);
/// The hyperbolic tangent. Gradient: g (1 - tanh(x)^2).
Tensor tanh(const Tensor& x);
/// The inverse of sinh. Gradient: g / sqrt(1 + x^2).
Tensor asinh(const Tensor& x);
/// The inverse of cosh, for x >= 1. Gradient: g / sqrt(x^2 - 1), 0 at 1.
Tensor acosh(const Tensor& x);
/// The inverse of tanh, for |x| <= 1. Gradient: g / (1 - x^2), 0 at -1 and 1.
Tensor atanh(const Tensor& x);
/// The error function 2/sqrt(pi) int_0^x e^(-t^2) dt. Gradient: g 2/sqrt(pi) e^(-x^2).
Tensor erf(const Tensor& x);
/// 1 - erf(x), accurate for large x. Gradient: -g 2/sqrt(pi) e^(-x^2).
Tensor erfc(const Tensor& x);

/// The largest integer not above x; integers stay. Gradient: 0.
Tensor floor(const Tensor& x);
/// The smallest integer not below x; integers stay. Gradient: 0.
Tensor ceil(const Tensor& x);
/// The nearest integer, halves to the even one; integers stay. Gradient: 0.
Tensor round(const Tensor& x);
/// x without its fraction; integers stay. Gradient: 0.
Tensor trunc(const Tensor& x);

/// x^p. Gradient: g p x^(p - 1), 0 where x is 0 and p < 1. Integers stay integers for a whole p,
/// which then must not be negative.
Tensor pow(const Tensor& x, double p);
/// a^b; integers stay integers. Gradients: g b a^(b - 1), 0 where a is 0 and b < 1; g a^b ln a, 0
/// where a is 0.
Tensor pow(const Tensor& a, const Tensor& b);
/// a^x for a number a. Gradient: g a^x ln a, 0 for a = 0.
Tensor pow(double a, const Tensor& x);

/// The angle of the point (x, y) in (-pi, pi]. Gradients: g x / (x^2 + y^2), -g y / (x^2 + y^2),
/// both 0 at the origin.
Tensor atan2(const Tensor& y, const Tensor& x);
/// sqrt(a^2 + b^2) without overflow. Gradients: g a / out, g b / out, both 0 at the origin.
Tensor hypot(const Tensor& a, const Tensor& b);
/// a - b trunc(a / b), with the sign of a, as C's fmod. Gradients: g, -g trunc(a / b). Integers
/// stay; dividing them by 0 throws.
Tensor fmod(const Tensor& a, const Tensor& b);
Tensor fmod(const Tensor& a, double b);
/// a - b floor(a / b), with the sign of b, as Python's %. Gradients: g, -g floor(a / b). Integers
/// stay; dividing them by 0 throws.
Tensor remainder(const Tensor& a, const Tensor& b);
Tensor remainder(const Tensor& a, double b);
/// floor(a / b). Gradients: 0. Integers stay; dividing them by 0 throws.
Tensor floor_divide(const Tensor& a, const Tensor& b);
Tensor floor_divide(const Tensor& a, double b);

/// start + weight (end - start). Gradients: g (1 - weight), g weight, g (end - start).
Tensor lerp(const Tensor& start, const Tensor& end, const Tensor& weight);
Tensor lerp(const Tensor& start, const Tensor& end, double weight);
/// x + value a b. Gradients: g, g value b, g value a.
Tensor addcmul(const Tensor& x, const Tensor& a, const Tensor& b, double value = 1);
/// x + value a / b. Gradients: g, g value / b, -g value a / b^2, the latter two 0 where b is 0.
Tensor addcdiv(const Tensor& x, const Tensor& a, const Tensor& b, double value = 1);

/// min(max(x, min), max): `max` where the bounds cross; NaN stays, and a bound that is NaN makes
/// everything NaN; integers stay for whole bounds. Gradient: g between the bounds, including both,
/// 0 outside.
Tensor clamp(const Tensor& x, double min, double max = std::numeric_limits<double>::infinity());
/// The same for bounds that broadcast with x, of which one may be undefined. Gradients: of x as
/// above; of min g where x < min < max; of max g where x > max or max < min.
Tensor clamp(const Tensor& x, const Tensor& min, const Tensor& max = {});
/// max(x, min). Gradient: g where x >= min, else 0.
Tensor clamp_min(const Tensor& x, double min);
/// min(x, max). Gradient: g where x <= max, else 0.
Tensor clamp_max(const Tensor& x, double max);
/// The larger of a and b, NaN if one is NaN; integers stay. Gradients: g to the larger, g / 2 to
/// each where they are equal.
Tensor maximum(const Tensor& a, const Tensor& b);
Tensor maximum(const Tensor& a, double b);
/// The smaller of a and b, NaN if one is NaN; integers stay. Gradients: g to the smaller, g / 2 to
/// each where they are equal.
Tensor minimum(const Tensor& a, const Tensor& b);
Tensor minimum(const Tensor& a, double b);

/// a where the bool tensor `condition` is true, else b; all three broadcast. Gradients: g where
/// taken, exactly 0 elsewhere.
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
Tensor where(const Tensor& condition, const Tensor& a, double b);
Tensor where(const Tensor& condition, double a, const Tensor& b);
Tensor where(const Tensor& condition, double a, double b);
/// `value` where the bool tensor `mask` is true, else x; both broadcast. Gradient: 0 where filled,
/// else g.
Tensor masked_fill(const Tensor& x, const Tensor& mask, double value);

}  // namespace gradus
