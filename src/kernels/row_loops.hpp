// Loops over one row in SIMD batches, and the split of many rows over threads.
#pragma once
#include "core/threads.hpp"
#include "kernels/vmath.hpp"

namespace gradus::kernels {

inline Batch<float> exp_of(const Batch<float>& x) noexcept { return math::exp(x); }
inline Batch<double> exp_of(const Batch<double>& x) noexcept {
  return each_lane(x, [](double v) noexcept { return std::exp(v); });
}

/// f(i, count) for whole batches (count = lanes) and the rest of a row.
template <class T, class F>
inline void each_batch(Index n, F&& f) noexcept {
  Index i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>) f(i, std::true_type{}, lanes<T>);
  if (i < n) f(i, std::false_type{}, n - i);
}

template <class T, bool Whole>
inline Batch<T> read(const T* p, std::bool_constant<Whole>, Index count, T pad = T(0)) noexcept {
  if constexpr (Whole) {
    return load(p);
  } else {
    return load_part(p, count, pad);
  }
}

template <class T, bool Whole>
inline void write(T* p, const Batch<T>& v, std::bool_constant<Whole>, Index count) noexcept {
  if constexpr (Whole) {
    store(p, v);
  } else {
    store_part(p, v, count);
  }
}

/// Rows of one tile: they depend on the shape alone.
constexpr Index rows_per_tile(Index rows, Index cols) noexcept {
  if (rows * cols < 65536) return rows < 1 ? 1 : rows;
  return cols >= 32768 ? 1 : 32768 / cols;
}

/// f(tile, first row, last row).
template <class F>
inline void for_row_tiles(Index rows, Index cols, F&& f) {
  const Index group = rows_per_tile(rows, cols);
  if (rows <= group) {
    if (rows > 0) f(Index{0}, Index{0}, rows);
    return;
  }
  parallel_for((rows + group - 1) / group,
               [&](Index t) { f(t, t * group, (t + 1) * group < rows ? (t + 1) * group : rows); });
}

}  // namespace gradus::kernels
