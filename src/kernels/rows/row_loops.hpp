// Loops over one row in SIMD batches, and the split of many rows over threads.
#pragma once
#include "kernels/pieces.hpp"
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

/// Folds f(i, whole, count) over a row into four batches, which hides the latency of `combine`, and
/// those into one.
template <class T, class F, class C>
inline Batch<T> fold_row(Index n, T start, F&& f, C&& combine) noexcept {
  constexpr Index w = lanes<T>;
  constexpr std::true_type whole{};
  Batch<T> s0(start), s1(start), s2(start), s3(start);
  Index i = 0;
  for (; i + 4 * w <= n; i += 4 * w) {
    s0 = combine(s0, f(i, whole, w));
    s1 = combine(s1, f(i + w, whole, w));
    s2 = combine(s2, f(i + 2 * w, whole, w));
    s3 = combine(s3, f(i + 3 * w, whole, w));
  }
  for (; i + w <= n; i += w) s0 = combine(s0, f(i, whole, w));
  if (i < n) s1 = combine(s1, f(i, std::false_type{}, n - i));
  return combine(combine(s0, s1), combine(s2, s3));
}

template <class T, class F>
inline T sum_row(Index n, F&& f) noexcept {
  return sum_lanes(
      fold_row<T>(n, T(0), f, [](const Batch<T>& a, const Batch<T>& b) noexcept { return a + b; }));
}

/// Rows of one tile: they depend on the shape alone.
constexpr Index rows_per_tile(Index rows, Index cols) noexcept {
  return rows * cols < parallel_from ? std::max<Index>(rows, 1) : pieces_per_tile(cols);
}

/// f(tile, first row, last row).
template <class F>
inline void for_row_tiles(Index rows, Index cols, F&& f) {
  const Index group = rows_per_tile(rows, cols);
  if (rows > group)
    in_groups(rows, group, [&](Index first, Index last) { f(first / group, first, last); });
  else if (rows > 0)
    f(Index{0}, Index{0}, rows);
}

/// f(row) in tiles.
template <class F>
inline void for_each_row_of(Index rows, Index cols, F&& f) {
  for_row_tiles(rows, cols, [&](Index, Index first, Index last) {
    for (Index r = first; r < last; ++r) f(r);
  });
}

}  // namespace gradus::kernels
