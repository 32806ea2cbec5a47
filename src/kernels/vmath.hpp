// Elementary functions: float32 in SIMD batches (a few ulp), float64 through <cmath>.
#pragma once
#include <cmath>
#include <limits>
#include <type_traits>

#include "kernels/simd.hpp"

namespace gradus::kernels::math {

using F = Batch<float>;
using D = Batch<double>;

inline double select(bool c, double a, double b) noexcept { return c ? a : b; }
inline float select(bool c, float a, float b) noexcept { return c ? a : b; }

template <class V>
inline constexpr bool is_float32 = std::is_same_v<V, F>;

/// A constant that float32 has to round.
template <class V>
inline V num(double c) noexcept {
  if constexpr (is_float32<V>) {
    return V(static_cast<float>(c));
  } else {
    return c;
  }
}

/// c0 + c1 x + c2 x^2 + ..., coefficients from the highest power down.
inline F polynomial(F, float c) noexcept { return F(c); }
template <class... C>
inline F polynomial(F x, float first, C... rest) noexcept {
  F p(first);
  ((p = multiply_add(p, x, F(rest))), ...);
  return p;
}

/// x between lo and hi; NaN stays.
inline F limit(F x, float lo, float hi) noexcept {
#if XSIMD_WITH_AVX512F
  return _mm512_max_ps(_mm512_set1_ps(lo), _mm512_min_ps(_mm512_set1_ps(hi), x));
#else
  return xsimd::select(x < F(lo), F(lo), xsimd::select(x > F(hi), F(hi), x));
#endif
}

#if !XSIMD_WITH_AVX512F
/// The floats with these bits; xsimd 11 asks for the scalar type where versions before took the
/// batch's.
inline F float_from_bits(const xsimd::as_integer_t<F>& bits) noexcept {
#if XSIMD_VERSION_MAJOR >= 11
  return xsimd::bitwise_cast<float>(bits);
#else
  return xsimd::bitwise_cast<F>(bits);
#endif
}
#endif

/// p 2^n for integral n in [-150, 128].
inline F scale(F p, F n) noexcept {
#if XSIMD_WITH_AVX512F
  return _mm512_scalef_ps(p, n);
#else
  const auto i = xsimd::to_int(n);
  const auto half = i >> 1;
  const auto power = [](auto e) { return float_from_bits((e + 127) << 23); };
  return p * power(half) * power(i - half);
#endif
}

inline F abs(F x) noexcept { return xsimd::abs(x); }

// Cephes' reduction and polynomial: x = n ln 2 + r, |r| <= ln 2 / 2; for -104.1 <= x <= 89.
inline F exp_within(F x) noexcept {
  const F n = xsimd::nearbyint(x * F(1.44269504088896341f));
  F r = multiply_add(n, F(-0.693359375f), x);
  r = multiply_add(n, F(2.12194440e-4f), r);
  F p = polynomial(r, 1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f,
                   1.6666665459e-1f, 5.0000001201e-1f);
  p = multiply_add(p, r * r, r) + F(1.f);
  return scale(p, n);
}
inline F exp(F x) noexcept { return exp_within(limit(x, -104.f, 89.f)); }

// exp(x) - 1 = (2^n - 1) + 2^n (e^r - 1): near 0, where n is 0, only the polynomial is left.
inline F expm1(F x) noexcept {
  const F y = limit(x, -18.f, 89.f);
  const F n = xsimd::nearbyint(y * F(1.44269504088896341f));
  F r = multiply_add(n, F(-0.693359375f), y);
  r = multiply_add(n, F(2.12194440e-4f), r);
  F p = polynomial(r, 1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f,
                   1.6666665459e-1f, 5.0000001201e-1f);
  p = multiply_add(p, r * r, r);
  const F m = n - F(1.f);  // 2^128 alone would overflow
  return F(2.f) * (scale(p, m) + (scale(F(1.f), m) - F(0.5f)));
}

inline F exp2(F x) noexcept {
  x = limit(x, -150.f, 129.f);
  const F n = xsimd::nearbyint(x);
  const F r = (x - n) * F(0.693147180559945f);
  F p = polynomial(r, 1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f,
                   1.6666665459e-1f, 5.0000001201e-1f);
  p = multiply_add(p, r * r, r) + F(1.f);
  return scale(p, n);
}

// m / (m + 2) with m = e^(2x) - 1: no cancellation for either sign. Beyond the clamp float32 rounds
// to 1.
inline F tanh(F x) noexcept {
  x = limit(x, -9.02f, 9.02f);
  const F y = x + x;
  const F n = xsimd::nearbyint(y * F(1.44269504088896341f));
  F r = multiply_add(n, F(-0.693359375f), y);
  r = multiply_add(n, F(2.12194440e-4f), r);
  F p = polynomial(r, 1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f,
                   1.6666665459e-1f, 5.0000001201e-1f);
  p = multiply_add(p, r * r, r);
  const F power = scale(F(1.f), n);
  const F m = multiply_add(power, p, power - F(1.f));
  return m / (m + F(2.f));
}

// erfc(z) e^(z^2) = t P(t), t = 1 / (1 + 0.375 z), for 0 <= z <= 10.5; P is the polynomial of
// degree 8 with the smallest relative error there, 1.5e-8.
inline F erfc_factor(F z) noexcept {
  const F t = F(1.f) / multiply_add(F(0.375f), z, F(1.f));
  return t * polynomial(t, 0.0609967224f, -0.284774631f, 0.427275926f, -0.223725095f, 0.269906521f,
                        0.123087928f, 0.204918414f, 0.210703835f, 0.211610347f);
}

/// x <= hi; NaN stays.
inline F limit_above(F x, float hi) noexcept {
#if XSIMD_WITH_AVX512F
  return _mm512_min_ps(_mm512_set1_ps(hi), x);
#else
  return xsimd::select(x > F(hi), F(hi), x);
#endif
}

/// x^2 - square, exactly, for square = x^2 as rounded.
inline F square_rounding(F x, F square) noexcept {
#if defined(__SSE2__) && !defined(__FMA__)
  const F big = x * F(4097.f), high = big - (big - x), low = x - high;  // 12 bits each
  return ((high * high - square) + F(2.f) * high * low) + low * low;
#else
  return multiply_add(x, x, -square);
#endif
}

inline F erfc(F x) noexcept {
  F z = abs(x);
  z = limit(z, 0.f, 10.5f);
  const F square = z * z;
  const F rounding = square_rounding(z, square);
  const F tail = exp(-square) * (F(1.f) - rounding) * erfc_factor(z);
  return xsimd::select(x < F(0.f), F(2.f) - tail, tail);
}

// Cephes' polynomial near 0, 1 - erfc(|x|) beyond 1.
inline F erf(F x) noexcept {
  const F u = x * x;
  const F near =
      x * polynomial(u, 7.853861353153693e-5f, -8.010193625184903e-4f, 5.188327685732524e-3f,
                     -2.685381193529856e-2f, 1.128358514861418e-1f, -3.761262582423300e-1f,
                     1.128379165726710e+0f);
  const F z = abs(x);
  const F far = F(1.f) - exp(-u) * erfc_factor(z);
  const F value = xsimd::select(z < F(1.f), near, xsimd::select(x < F(0.f), -far, far));
  return xsimd::select(z > F(4.f), xsimd::select(x < F(0.f), F(-1.f), F(1.f)), value);
}

inline F log(F x) noexcept { return xsimd::log(x); }

// log(u) for the rounded u = 1 + x, corrected for what the rounding lost.
inline F log1p(F x) noexcept {
  const F u = F(1.f) + x;
  const F lost = xsimd::select(u < F(1e30f), x - (u - F(1.f)), F(0.f));
  return log(u) + xsimd::select(lost == F(0.f), F(0.f), lost / u);
}

// The others of batches are xsimd's, all of double those of <cmath>.
using std::abs, std::exp, std::exp2, std::expm1, std::log, std::log1p, std::log2, std::log10,
    std::sqrt, std::sin, std::cos, std::tan, std::asin, std::acos, std::atan, std::sinh, std::cosh,
    std::tanh, std::asinh, std::acosh, std::atanh, std::erf, std::erfc, std::floor, std::ceil,
    std::trunc, std::nearbyint;
using xsimd::log2, xsimd::log10, xsimd::sqrt, xsimd::sin, xsimd::cos, xsimd::tan, xsimd::asin,
    xsimd::acos, xsimd::atan, xsimd::sinh, xsimd::cosh, xsimd::asinh, xsimd::acosh, xsimd::atanh,
    xsimd::floor, xsimd::ceil, xsimd::trunc, xsimd::nearbyint;

// Two arguments: a lane at a time in float32 too.
template <class V, class Function>
inline V pairwise(V x, V y, Function f) noexcept {
  if constexpr (is_float32<V>) {
    return each_lane(x, y, f);
  } else {
    return f(x, y);
  }
}

inline constexpr auto pow_of = [](auto x, auto y) noexcept { return std::pow(x, y); };
inline constexpr auto atan2_of = [](auto y, auto x) noexcept { return std::atan2(y, x); };
inline constexpr auto hypot_of = [](auto x, auto y) noexcept { return std::hypot(x, y); };
// x / hypot(x, y), to full precision whatever the size of the operands. An infinite one has all of
// the length, two have equal parts.
inline constexpr auto cosine_of = [](auto x, auto y) noexcept {
  using T = decltype(x);
  if (std::isinf(x) || std::isinf(y)) [[unlikely]] {
    x = std::isinf(x) ? std::copysign(T(1), x) : x * T(0);
    y = std::isinf(y) ? T(1) : y * T(0);
  }
  if constexpr (std::is_same_v<T, double>) {
    const double squares = x * x + y * y;
    if (squares > 1e-280 && squares < 1e300) [[likely]]
      return x / std::sqrt(squares);
  }
  using W = std::conditional_t<std::is_same_v<T, float>, double, long double>;
  const W a = x, b = y, length = std::sqrt(a * a + b * b);
  return length == 0 ? T(0) : static_cast<T>(a / length);
};
inline constexpr auto fmod_of = [](auto x, auto y) noexcept { return std::fmod(x, y); };

// The sign of the divisor, as in Python.
inline constexpr auto remainder_of = [](auto x, auto y) noexcept {
  const auto m = std::fmod(x, y);
  return m != 0 && (y < 0) != (m < 0) ? m + y : m;
};

// floor(x / y), exact where x / y rounds up to an integer.
inline constexpr auto floor_divide_of = [](auto x, auto y) noexcept {
  using T = decltype(x);
  if (y == 0) return x / y;
  const T m = std::fmod(x, y);
  T q = (x - m) / y;
  if (m != 0 && (y < 0) != (m < 0)) q -= 1;
  if (q == 0) return std::copysign(T(0), x / y);
  const T whole = std::floor(q);
  return q - whole > T(0.5) ? whole + 1 : whole;
};

// Stable in one form: e^-x overflows only where the quotient is 0.
template <class V>
inline V sigmoid(V x) noexcept {
  return V(1) / (V(1) + exp(-x));
}

/// log(1 + e^x)
template <class V>
inline V softplus(V x) noexcept {
  return select(x > V(0), x, V(0)) + log1p(exp(-abs(x)));
}

// 1 - density q for x > 0, else density q. The product is rounded in one way wherever the compiler
// puts this: left to it, it fuses the subtraction in one loop and not in the next.
inline F upper_or_lower(F x, F density, F q) noexcept {
  return xsimd::select(x > F(0.f), multiply_add(-density, q, F(1.f)), density * q);
}

/// The distribution function of the standard normal.
inline F normal_cdf(F x) noexcept {
  const F z = limit_above(abs(x) * F(0.70710678118654752f), 10.2f);  // beyond, it is 0 or 1
  return upper_or_lower(x, F(0.5f) * exp_within(-(z * z)), erfc_factor(z));
}
inline double normal_cdf(double x) noexcept { return 0.5 * std::erfc(-x * M_SQRT1_2); }

/// x between lo and hi; NaN stays.
template <class V>
inline V clamp(V x, V lo, V hi) noexcept {
  const V y = select(x < lo, lo, x);
  return select(y > hi, hi, y);
}

/// g d, and 0 for g = 0 even where d is infinite or NaN.
template <class V>
inline V product_or_zero(V g, V d) noexcept {
  return select(g == V(0), V(0), g * d);
}

// cdf(x) + x pdf(x), the exponential shared; the clamp keeps x pdf(x) finite at infinity.
inline F gelu_slope(F x) noexcept {
  x = limit(x, -14.4f, 14.4f);
  const F z = abs(x) * F(0.70710678118654752f);
  const F e = exp_within(-(z * z));
  const F cdf = upper_or_lower(x, F(0.5f) * e, erfc_factor(z));
  return multiply_add(x * F(0.39894228040143268f), e, cdf);
}
inline double gelu_slope(double x) noexcept {
  x = clamp(x, -40., 40.);
  return normal_cdf(x) + x * 0.3989422804014327 * std::exp(-0.5 * x * x);
}

/// sqrt(2/pi) (x + 0.044715 x^3)
template <class V>
inline V gelu_tanh_inner(V x) noexcept {
  return num<V>(0.7978845608028654) * (x + num<V>(0.044715) * x * x * x);
}

// (1 + tanh(u)) / 2 is sigmoid(2 u), which does not cancel.
template <class V>
inline V gelu_tanh_slope(V x) noexcept {
  const V y = clamp(x, V(-40), V(40));
  const V s = sigmoid(V(2) * gelu_tanh_inner(y));
  const V inner_slope = num<V>(0.7978845608028654) * (V(1) + num<V>(3 * 0.044715) * y * y);
  return s + V(2) * y * s * (V(1) - s) * inner_slope;
}

template <class V>
inline V silu_slope(V x) noexcept {
  const V y = clamp(x, V(-1000), V(1000));
  const V s = sigmoid(y);
  return s * (V(1) + y * (V(1) - s));
}

// tanh(softplus(x)) = n / (n + 2) with n = e^x (e^x + 2).
template <class V>
inline V mish_ratio(V x) noexcept {
  const V e = exp(select(x > V(20), V(20), x));
  const V n = e * (e + V(2));
  return n / (n + V(2));
}

template <class V>
inline V mish_slope(V x) noexcept {
  const V y = clamp(x, V(-1000), V(20));
  const V e = exp(y);
  const V n = e * (e + V(2));
  const V t = n / (n + V(2));
  return t + y * sigmoid(y) * (V(2) / (n + V(2))) * (V(1) + t);
}

inline constexpr double selu_scale = 1.0507009873554804934193349852946;
inline constexpr double selu_alpha = 1.6732632423543772848170429916717;

}  // namespace gradus::kernels::math
