// Mean and spread of a row, right for values of any mean and magnitude.
#pragma once
#include <cmath>
#include <functional>
#include <limits>
#include <type_traits>

#include "kernels/rows/row_loops.hpp"

namespace gradus::kernels {

/// Holds squares of any T, and their sums. Only where a sum left the range of T, or is 0, it is
/// computed again in this type.
template <class T>
using Wide = std::conditional_t<std::is_same_v<T, float>, double, long double>;

/// Whether a sum of n products of T is exact to rounding: neither infinite, nor so small that its
/// terms lost digits as subnormal numbers.
template <class T>
inline bool in_range(double sum, Index n) noexcept {
  return sum >= static_cast<double>(n) * static_cast<double>(std::numeric_limits<T>::min()) &&
         sum <= static_cast<double>(std::numeric_limits<T>::max());
}

template <class T>
inline bool all_equal(const T* x, Index n, Index stride = 1) noexcept {
  for (Index i = 1; i < n; ++i)
    if (!(x[i * stride] == x[0])) return false;
  return true;
}

/// The sums of f(first, count) over [0, n), two at once: a tile, or a block of it, at a time.
struct Sums {
  double first = 0, second = 0;
  Sums operator+(const Sums& o) const noexcept { return {first + o.first, second + o.second}; }
};
template <class F>
inline Sums sum_blocks(Index n, F&& f) noexcept {
  constexpr Index block = 1024;
  if (n <= block) return f(Index{0}, n);
  Sums total;
  for (Index i = 0; i < n; i += block) total = total + f(i, std::min(block, n - i));
  return total;
}
template <class F>
inline Sums sum_tiles(Index n, F&& f) {
  if (n < parallel_from) return sum_blocks(n, f);
  const auto tile = [&](Index first, Index last) {
    return sum_blocks(last - first, [&](Index i, Index count) { return f(first + i, count); });
  };
  return fold_tiles(n, Sums(), tile, std::plus<>());
}

/// The sum of f(batch of x), where `pad` stands behind the last.
template <class T, class F>
inline double sum_of(const T* x, T pad, Index n, F f) {
  const auto sum = [=](Index first, Index count) noexcept -> Sums {
    return {static_cast<double>(sum_row<T>(count,
                                           [=](Index i, auto whole, Index part) noexcept {
                                             return f(read(x + first + i, whole, part, pad));
                                           })),
            0};
  };
  return sum_tiles(n, sum).first;
}

template <class T>
inline double row_sum(const T* x, Index n) {
  return sum_of(x, T(0), n, [](const Batch<T>& v) noexcept { return v; });
}

/// The sums of x - center and of its square.
template <class T>
inline Sums row_deviations(const T* x, T center, Index n) {
  return sum_tiles(n, [=](Index first, Index count) noexcept -> Sums {
    constexpr Index w = lanes<T>;
    const Batch<T> m(center);
    const T* row = x + first;
    Batch<T> a[4] = {Batch<T>(T(0)), Batch<T>(T(0)), Batch<T>(T(0)), Batch<T>(T(0))};
    Batch<T> b[4] = {a[0], a[0], a[0], a[0]};
    Index i = 0;
    for (; i + 4 * w <= count; i += 4 * w) {
      for (Index k = 0; k < 4; ++k) {
        const Batch<T> d = load(row + i + k * w) - m;
        a[k] = a[k] + d;
        b[k] = multiply_add(d, d, b[k]);
      }
    }
    for (; i < count; i += w) {
      const Batch<T> d =
          (i + w <= count ? load(row + i) : load_part(row + i, count - i, center)) - m;
      a[0] = a[0] + d;
      b[0] = multiply_add(d, d, b[0]);
    }
    return {static_cast<double>(sum_lanes((a[0] + a[1]) + (a[2] + a[3]))),
            static_cast<double>(sum_lanes((b[0] + b[1]) + (b[2] + b[3])))};
  });
}

/// The mean in two parts, as T rounds it and what that leaves, and the sum of squares about it.
template <class T>
struct Moments {
  T mean, rest;
  Wide<T> squares;
};

/// The moments of any values; exact where all are equal.
template <class T>
[[gnu::cold, gnu::noinline]] Moments<T> wide_moments(const T* x, Index n, Index stride) noexcept {
  using W = Wide<T>;
  if (all_equal(x, n, stride)) return {x[0], T(0), static_cast<W>(x[0] - x[0])};
  const W size = static_cast<W>(n);
  W sum = 0, first = 0, second = 0;
  for (Index i = 0; i < n; ++i) sum += static_cast<W>(x[i * stride]);
  const W center = sum / size;
  for (Index i = 0; i < n; ++i) {
    const W d = static_cast<W>(x[i * stride]) - center;
    first += d;
    second += d * d;
  }
  const W mean = center + first / size;
  const T rounded = static_cast<T>(mean);
  return {rounded, static_cast<T>(mean - static_cast<W>(rounded)), second - first * first / size};
}

/// The moments from a rounded mean and the sums about it, with inverse = 1 / n; again from the
/// values where too little is left of the squares, as in a row of equal values, or they left the
/// range.
template <class T>
inline Moments<T> moments_about(T center, Sums about, double inverse, const T* x, Index n,
                                Index stride) noexcept {
  const double shift = about.first * inverse;
  const double squares = about.second - about.first * shift;
  if (!(squares > 0.25 * about.second && in_range<T>(squares, n))) [[unlikely]]
    return wide_moments(x, n, stride);
  const T mean = static_cast<T>(static_cast<double>(center) + shift);
  return {mean, static_cast<T>(static_cast<double>(center - mean) + shift), squares};
}

/// The sum of (x - center)^2.
template <class T>
inline double row_squares(const T* x, T center, Index n) {
  return sum_of(x, center, n, [center](const Batch<T>& v) noexcept {
    const Batch<T> d = v - Batch<T>(center);
    return d * d;
  });
}

// What rounding leaves of the mean counts only where the mean is larger than the deviations; other
// rows are done after their squares.
template <class T>
inline Moments<T> moments_of(const T* x, Index n) {
  const double inverse = 1 / static_cast<double>(n), mean = row_sum(x, n) * inverse;
  const T center = static_cast<T>(mean);
  const double squares = row_squares(x, center, n);
  if (in_range<T>(squares, n) && mean * mean <= squares * inverse) [[likely]]
    return {center, T(0), squares};
  return moments_about(center, row_deviations(x, center, n), inverse, x, n, 1);
}

inline constexpr Index column_panel = 64;  // columns at once

/// As Moments, of columns.
template <class T>
struct ColumnMoments {
  T mean[column_panel], rest[column_panel];
  Wide<T> squares[column_panel];
};

/// The moments of `width` <= column_panel columns.
template <class T>
inline void column_moments(const T* x, Index rows, Index stride, Index width,
                           ColumnMoments<T>& out) noexcept {
  double mean[column_panel] = {}, squares[column_panel] = {};
  [[maybe_unused]] double deviations[column_panel] = {};
  for (Index r = 0; r < rows; ++r) {
    const T* row = x + r * stride;
    for (Index c = 0; c < width; ++c) mean[c] += static_cast<double>(row[c]);
  }
  for (Index c = 0; c < width; ++c) mean[c] /= static_cast<double>(rows);
  for (Index r = 0; r < rows; ++r) {
    const T* row = x + r * stride;
    for (Index c = 0; c < width; ++c) {
      const double d = static_cast<double>(row[c]) - mean[c];
      squares[c] += d * d;
      if constexpr (std::is_same_v<T, double>) deviations[c] += d;
    }
  }
  for (Index c = 0; c < width; ++c) {
    if constexpr (std::is_same_v<T, double>) {
      const Moments<T> m = moments_about(mean[c], {deviations[c], squares[c]},
                                         1 / static_cast<double>(rows), x + c, rows, stride);
      out.mean[c] = m.mean, out.rest[c] = m.rest, out.squares[c] = m.squares;
    } else {  // sums in double are exact enough
      const T rounded = static_cast<T>(mean[c]);
      out.mean[c] = rounded;
      out.rest[c] = static_cast<T>(mean[c] - static_cast<double>(rounded));
      out.squares[c] = squares[c];
    }
  }
}

/// The sum of squares of any values.
template <class T>
[[gnu::cold, gnu::noinline]] Wide<T> wide_squares(const T* x, Index n, Index stride) noexcept {
  using W = Wide<T>;
  if (all_equal(x, n, stride) && n > 0)
    return static_cast<W>(x[0]) * static_cast<W>(x[0]) * static_cast<W>(n);
  W sum = 0;
  for (Index i = 0; i < n; ++i) {
    const W v = static_cast<W>(x[i * stride]);
    sum += v * v;
  }
  return sum;
}

template <class T>
inline Wide<T> squares_of(const T* x, Index n) {
  const double sum = row_squares(x, T(0), n);
  if (!in_range<T>(sum, n)) [[unlikely]]
    return wide_squares(x, n, 1);
  return sum;
}

/// 1 / sqrt(x), in T where that holds x.
template <class T>
inline T inverse_root(Wide<T> x) noexcept {
  if (x >= std::numeric_limits<T>::min() && x <= std::numeric_limits<T>::max()) [[likely]]
    return T(1) / std::sqrt(static_cast<T>(x));
  return static_cast<T>(1 / std::sqrt(x));
}

}  // namespace gradus::kernels
