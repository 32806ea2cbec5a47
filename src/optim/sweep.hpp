#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/threads.hpp"
#include "gradus/shape.hpp"
#include "gradus/tensor.hpp"

// Loops over the values of a parameter.
namespace gradus::optim::detail {

/// Values per tile; what fits into one is done in the caller at once.
inline constexpr Index tile_size = 1 << 14;

inline Index tile_count(Index n) { return (n + tile_size - 1) / tile_size; }

/// f(begin, end) for the tiles of [0, n), on all threads; the tiles depend on n alone.
template <class F>
void for_tiles(Index n, F&& f) {
  if (n <= tile_size) {
    f(Index{0}, n);
    return;
  }
  parallel_for(tile_count(n), [&](Index tile) {
    const Index begin = tile * tile_size;
    f(begin, n < begin + tile_size ? n : begin + tile_size);
  });
}

/// f(T{}) for the C++ type of a floating-point dtype.
template <class F>
void dispatch(DType dtype, F&& f) {
  if (dtype == DType::float32)
    f(float{});
  else
    f(double{});
}

template <class T, class F>
[[gnu::always_inline]] inline void loop(Index n, T* __restrict p, const T* __restrict g, F f) {
  for (Index i = 0; i < n; ++i) f(p[i], g[i]);
}
template <class T, class F>
[[gnu::always_inline]] inline void loop(Index n, T* __restrict p, const T* __restrict g,
                                        T* __restrict a, F f) {
  for (Index i = 0; i < n; ++i) f(p[i], g[i], a[i]);
}
template <class T, class F>
[[gnu::always_inline]] inline void loop(Index n, T* __restrict p, const T* __restrict g,
                                        T* __restrict a, T* __restrict b, F f) {
  for (Index i = 0; i < n; ++i) f(p[i], g[i], a[i], b[i]);
}
template <class T, class F>
[[gnu::always_inline]] inline void loop(Index n, T* __restrict p, const T* __restrict g,
                                        T* __restrict a, T* __restrict b, T* __restrict c, F f) {
  for (Index i = 0; i < n; ++i) f(p[i], g[i], a[i], b[i], c[i]);
}

/// part(begin, end) for every row of slot.row values with a gradient other than 0 (or NaN).
template <class T, class Slot, class F>
void for_rows(const Slot& slot, F part) {
  const T* const g = static_cast<const T*>(slot.grad);
  const Index row = slot.row;
  for_tiles(slot.numel / row, [=](Index begin, Index end) {
    for (Index i = begin; i < end; ++i)
      if (std::any_of(g + i * row, g + (i + 1) * row, [](T x) { return x != 0; }))
        part(i * row, (i + 1) * row);
  });
}

/// f(p, g, moments…) for n elements, with K of the moments.
template <int K, class T, class F>
[[gnu::always_inline]] inline void apply(Index n, T* p, const T* g, const std::array<T*, 3>& m,
                                         F f) {
  if constexpr (K == 0) loop(n, p, g, f);
  if constexpr (K == 1) loop(n, p, g, m[0], f);
  if constexpr (K == 2) loop(n, p, g, m[0], m[1], f);
  if constexpr (K == 3) loop(n, p, g, m[0], m[1], m[2], f);
}

/// How many of n values are finite in `before` and not in `after`. A sum, so that it vectorizes.
template <class T>
Index lost(Index n, const T* before, const T* after) {
  constexpr T most = std::numeric_limits<T>::max();
  std::int32_t count = 0;
  for (Index i = 0; i < n; ++i) {
    const std::int32_t was = std::abs(before[i]) <= most ? 1 : 0;
    count += std::abs(after[i]) <= most ? 0 : was;
  }
  return count;
}

/// Whether f, on copies, leaves all that was finite finite, and the gradients are.
template <class T, int K, class Slot, class F>
[[gnu::noinline]] bool try_sweep(const Slot& slot, F f) {
  constexpr Index piece = 512;
  const T* const g = static_cast<const T*>(slot.grad);
  std::array<const T*, K + 1> from{slot.param.template data<T>()};
  for (std::size_t k = 0; k < K; ++k) from[k + 1] = static_cast<const T*>(slot.data[k]);
  std::atomic<bool> good = true;
  const auto attempt = [=, &good](Index begin, Index end) {
    T copies[K + 1][piece], zeros[piece] = {};
    Index bad = 0;
    for (Index at = begin; at < end; at += piece) {
      const Index n = end - at < piece ? end - at : piece;
      std::array<T*, 3> m{};
      for (std::size_t k = 0; k <= K; ++k) {
        std::copy_n(from[k] + at, n, copies[k]);
        if (k > 0) m[k - 1] = copies[k];
      }
      apply<K>(n, copies[0], g + at, m, f);
      bad += lost(n, zeros, g + at);
      for (std::size_t k = 0; k <= K; ++k) bad += lost(n, from[k] + at, copies[k]);
    }
    if (bad > 0) good = false;
  };
  if (slot.row == 0)
    for_tiles(slot.numel, attempt);
  else
    for_rows<T>(slot, attempt);
  return good;
}

/// f(p, g, moments…) for every element of a parameter: one pass over all of its memory. `f` takes
/// the parameter and K moments by reference and the gradient by value. With slot.row, only rows
/// with a gradient are touched.
template <class T, int K, class Slot, class F>
void sweep(Slot& slot, F f) {
  if (slot.trial) [[unlikely]] {
    slot.fails |= !try_sweep<T, K>(slot, f);
    return;
  }
  T* const p = slot.param.template mutable_data<T>();
  const T* const g = static_cast<const T*>(slot.grad);
  const std::array<T*, 3> m = {static_cast<T*>(slot.data[0]), static_cast<T*>(slot.data[1]),
                               static_cast<T*>(slot.data[2])};
  const auto update = [=](Index begin, Index end) {
    std::array<T*, 3> moments{};
    for (std::size_t k = 0; k < K; ++k) moments[k] = m[k] + begin;
    apply<K>(end - begin, p + begin, g + begin, moments, f);
  };
  if (slot.row == 0) return for_tiles(slot.numel, update);
  for_rows<T>(slot, update);
}

/// The sign and the factor with which a gradient enters an update.
inline double signed_scale(double grad_scale, bool maximize) {
  return maximize ? -grad_scale : grad_scale;
}

}  // namespace gradus::optim::detail
