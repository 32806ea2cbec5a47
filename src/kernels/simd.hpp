// SIMD batches: loads and stores of whole and partial batches.
#pragma once
#include <cstdint>
#include <cstring>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
// GCC 12 warns of its own AVX-512 header.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <xsimd/xsimd.hpp>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#include "gradus/shape.hpp"

namespace gradus::kernels {

template <class T>
using Batch = xsimd::batch<T>;

template <class T>
inline constexpr Index lanes = static_cast<Index>(Batch<T>::size);

template <class T>
inline Batch<T> load(const T* p) noexcept {
  return Batch<T>::load_unaligned(p);
}

template <class T>
inline void store(T* p, const Batch<T>& v) noexcept {
  v.store_unaligned(p);
}

/// a b + c in one rounding where the processor can; xsimd 8 has no such form for AVX-512.
template <class T>
inline Batch<T> multiply_add(const Batch<T>& a, const Batch<T>& b, const Batch<T>& c) noexcept {
#if XSIMD_WITH_AVX512F
  if constexpr (sizeof(T) == 4) {
    return _mm512_fmadd_ps(a, b, c);
  } else {
    return _mm512_fmadd_pd(a, b, c);
  }
#else
  return xsimd::fma(a, b, c);
#endif
}

/// The first n < lanes elements; `pad` elsewhere.
template <class T>
inline Batch<T> load_part(const T* p, Index n, T pad = T(0)) noexcept {
#if XSIMD_WITH_AVX512F
  if constexpr (sizeof(T) == 4) {
    return _mm512_mask_loadu_ps(_mm512_set1_ps(pad), static_cast<__mmask16>((1U << n) - 1), p);
  } else {
    return _mm512_mask_loadu_pd(_mm512_set1_pd(pad), static_cast<__mmask8>((1U << n) - 1), p);
  }
#else
  alignas(64) T buffer[static_cast<std::size_t>(lanes<T>)];
  for (Index i = 0; i < lanes<T>; ++i) buffer[i] = i < n ? p[i] : pad;
  return Batch<T>::load_aligned(buffer);
#endif
}

template <class T>
inline void store_part(T* p, const Batch<T>& v, Index n) noexcept {
#if XSIMD_WITH_AVX512F
  if constexpr (sizeof(T) == 4) {
    _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1U << n) - 1), v);
  } else {
    _mm512_mask_storeu_pd(p, static_cast<__mmask8>((1U << n) - 1), v);
  }
#else
  alignas(64) T buffer[static_cast<std::size_t>(lanes<T>)];
  v.store_aligned(buffer);
  std::memcpy(p, buffer, static_cast<std::size_t>(n) * sizeof(T));
#endif
}

/// Where x is NaN; `x != x` is not that in xsimd 8 with AVX-512.
template <class T>
inline xsimd::batch_bool<T> is_nan(const Batch<T>& x) noexcept {
  return xsimd::isnan(x);
}
inline bool is_nan(float x) noexcept { return x != x; }
inline bool is_nan(double x) noexcept { return x != x; }
inline bool is_nan(std::int64_t) noexcept { return false; }

/// Where a or b is NaN.
template <class T>
inline xsimd::batch_bool<T> unordered(const Batch<T>& a, const Batch<T>& b) noexcept {
#if XSIMD_WITH_AVX512F
  if constexpr (sizeof(T) == 4) {
    return _mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q);
  } else {
    return _mm512_cmp_pd_mask(a, b, _CMP_UNORD_Q);
  }
#else
  return is_nan(a) | is_nan(b);
#endif
}

/// combine(...) of all lanes, as a tree.
template <class T, class F>
inline T reduce_lanes(const Batch<T>& v, F combine) noexcept {
  alignas(64) T buffer[static_cast<std::size_t>(lanes<T>)];
  v.store_aligned(buffer);
  for (Index half = lanes<T> / 2; half > 0; half /= 2) {
    for (Index j = 0; j < half; ++j) buffer[j] = combine(buffer[j], buffer[j + half]);
  }
  return buffer[0];
}

template <class T>
inline T sum_lanes(const Batch<T>& v) noexcept {
#if XSIMD_WITH_AVX512F
  if constexpr (sizeof(T) == 4) {
    return _mm512_reduce_add_ps(v);
  } else {
    return _mm512_reduce_add_pd(v);
  }
#else
  return reduce_lanes(v, [](T a, T b) noexcept { return a + b; });
#endif
}

template <class T>
inline T max_lanes(const Batch<T>& v) noexcept {
#if XSIMD_WITH_AVX512F
  if constexpr (sizeof(T) == 4) {
    return _mm512_reduce_max_ps(v);
  } else {
    return _mm512_reduce_max_pd(v);
  }
#else
  return reduce_lanes(v, [](T a, T b) noexcept { return a > b ? a : b; });
#endif
}

/// f on every lane: for functions without a vector form that is accurate enough.
template <class T, class F>
inline Batch<T> each_lane(const Batch<T>& x, F f) noexcept {
  alignas(64) T buffer[static_cast<std::size_t>(lanes<T>)];
  x.store_aligned(buffer);
  for (T& v : buffer) v = f(v);
  return Batch<T>::load_aligned(buffer);
}

template <class T, class F>
inline Batch<T> each_lane(const Batch<T>& x, const Batch<T>& y, F f) noexcept {
  alignas(64) T a[static_cast<std::size_t>(lanes<T>)], b[static_cast<std::size_t>(lanes<T>)];
  x.store_aligned(a);
  y.store_aligned(b);
  for (Index i = 0; i < lanes<T>; ++i) a[i] = f(a[i], b[i]);
  return Batch<T>::load_aligned(a);
}

}  // namespace gradus::kernels
