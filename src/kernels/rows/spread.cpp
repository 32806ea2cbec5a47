#include <algorithm>
#include <cstdint>

#include "kernels/reduce/reduce.hpp"
#include "kernels/rows/moments.hpp"
#include "kernels/rows/rows.hpp"

namespace gradus::kernels {
namespace {

template <class T>
void run(const Spread& call) {
  using W = Wide<T>;
  const Index outer = call.of.outer, axis = call.of.axis, inner = call.of.inner;
  const double divisor = call.divisor;
  const bool root = call.root;
  const T* in = call.x;
  T *means = call.mean, *result = call.out;
  const Index count = outer * inner;
  const auto write = [=](Index at, T center, T rest, W squares) {
    const W variance = squares / static_cast<W>(divisor);
    means[at] = center;
    means[count + at] = rest;
    result[at] = static_cast<T>(root ? std::sqrt(variance) : variance);
  };
  if (axis == 0) {
    for (Index i = 0; i < count; ++i) write(i, std::numeric_limits<T>::quiet_NaN(), T(0), 0);
  } else if (inner == 1) {
    for_each_row_of(outer, axis, [=](Index r) {
      const Moments<T> m = moments_of(in + r * axis, axis);
      write(r, m.mean, m.rest, m.squares);
    });
  } else {
    const Index panels = (inner + column_panel - 1) / column_panel;
    for_each_row_of(outer * panels, axis * column_panel, [=](Index p) {
      const Index o = p / panels, j = p % panels * column_panel;
      const Index width = std::min(column_panel, inner - j);
      ColumnMoments<T> m;
      column_moments(in + o * axis * inner + j, axis, inner, width, m);
      for (Index c = 0; c < width; ++c)
        write(o * inner + j + c, m.mean[c], m.rest[c], m.squares[c]);
    });
  }
}

/// dx = ((x - mean) - rest) scale, or / out weight where scale = weight / out left the range.
template <class T>
struct Slope {
  T mean = 0, rest = 0, scale = 0, out = 1, weight = 0;
  bool is_zero = false, is_plain = true;
  Slope() = default;
  Slope(T g, T factor, T m, T r, T o)
      : mean(m), rest(r), out(o), weight(g * factor), is_zero(g == 0 || o == 0) {
    scale = weight / out;
    const T size = std::abs(scale);
    is_plain = size >= std::numeric_limits<T>::min() && size <= std::numeric_limits<T>::max();
  }
  T of(T x) const noexcept {
    if (is_zero) return 0;
    return is_plain ? ((x - mean) - rest) * scale : ((x - mean) - rest) / out * weight;
  }
};

// All means are 0 unless Centered.
template <bool Centered, class T>
void spread_backward_row(const Slope<T>& slope, const T* x, T* dx, Index n) noexcept {
  const T mean = slope.mean, rest = slope.rest, scale = slope.scale;
  if (slope.is_plain && !slope.is_zero) {
    for (Index i = 0; i < n; ++i) dx[i] = Centered ? ((x[i] - mean) - rest) * scale : x[i] * scale;
  } else {
    for (Index i = 0; i < n; ++i) dx[i] = slope.of(x[i]);
  }
}

constexpr Index slope_panel = 256;  // columns at once

// For counting values of T in vectors of one width.
template <class T>
using Count = std::conditional_t<std::is_same_v<T, float>, std::int32_t, std::int64_t>;

// What the gradient of a run of axes needs; no means where all are 0.
template <class T>
struct Slopes {
  const T *up, *mean, *rest, *out;
  T factor;
  Slope<T> slope(Index i) const noexcept {
    return {up[i], factor, mean == nullptr ? T(0) : mean[i], mean == nullptr ? T(0) : rest[i],
            out == nullptr ? T(1) : out[i]};
  }
};

// Scales of columns from `at` on, 0 for those whose gradient is 0; false if one is not plain.
template <class T>
bool scales_of(const Slopes<T>& s, Index at, Index width, T* __restrict scale) noexcept {
  constexpr T least = std::numeric_limits<T>::min(), most = std::numeric_limits<T>::max();
  const T *up = s.up + at, *out = s.out == nullptr ? nullptr : s.out + at;
  const T factor = s.factor;
  Count<T> strange = 0;
  const auto put = [&](Index c, T length) {  // selects only, which vectorize
    const T quotient = up[c] * factor / length, size = std::abs(quotient);
    const T dividend = up[c] == 0 ? T(0) : length;  // 0 where the gradient is
    Count<T> is_strange = size >= least ? 0 : 1;
    is_strange = size <= most ? is_strange : 1;
    is_strange = dividend == 0 ? 0 : is_strange;
    scale[c] = dividend == 0 ? T(0) : quotient;
    strange += is_strange;
  };
  if (out == nullptr)
    for (Index c = 0; c < width; ++c) put(c, T(1));
  else
    for (Index c = 0; c < width; ++c) put(c, out[c]);
  return strange == 0;
}

// The gradient of `rows` rows of columns from `at` on, at most slope_panel of them. Rows that lie
// one after another go several at once.
template <bool Centered, class T>
void spread_backward_columns(const Slopes<T>& s, Index at, const T* x, T* dx, Index rows,
                             Index stride, Index width) noexcept {
  T scale[slope_panel], mean[slope_panel], rest[slope_panel];
  if (!scales_of(s, at, width, scale)) [[unlikely]] {
    for (Index c = 0; c < width; ++c) {
      const Slope<T> slope = s.slope(at + c);
      for (Index r = 0; r < rows; ++r) dx[r * stride + c] = slope.of(x[r * stride + c]);
    }
    return;
  }
  if constexpr (Centered)
    std::copy_n(s.mean + at, width, mean), std::copy_n(s.rest + at, width, rest);
  const Index together = stride == width ? std::min(slope_panel / width, rows) : 1;
  for (Index c = width; c < together * width; ++c) {
    scale[c] = scale[c - width];
    if constexpr (Centered) mean[c] = mean[c - width], rest[c] = rest[c - width];
  }
  for (Index r = 0; r < rows; r += together) {
    const T* from = x + r * stride;
    T* to = dx + r * stride;
    const Index count = std::min(together, rows - r) * width;
    for (Index c = 0; c < count; ++c) {
      const T d = Centered ? (from[c] - mean[c]) - rest[c] : from[c];
      to[c] = scale[c] == 0 ? T(0) : d * scale[c];
    }
  }
}

template <class T>
void run(const SpreadBackward& call) {
  const Index outer = call.of.outer, axis = call.of.axis, inner = call.of.inner;
  const T *in = call.x, *m = call.mean;
  T* to = call.dx;
  const Slopes<T> spread{call.g, m, m == nullptr ? nullptr : m + outer * inner, call.out,
                         static_cast<T>(call.factor)};
  // Pieces of the axis, so that one long row or column is shared as well.
  const Index length = axis * inner <= tile_size ? axis : (tile_size + inner - 1) / inner;
  const Index pieces = length < 1 ? 0 : (axis + length - 1) / length;
  for_each_row_of(outer * pieces, length * inner, [=](Index p) {
    const Index row = p / pieces, begin = p % pieces * length;
    const Index rows = std::min(length, axis - begin), at = (row * axis + begin) * inner;
    if (inner == 1) {
      const auto backward =
          m == nullptr ? spread_backward_row<false, T> : spread_backward_row<true, T>;
      return backward(spread.slope(row), in + at, to + at, rows);
    }
    for (Index j = 0; j < inner; j += slope_panel) {
      const Index width = std::min(slope_panel, inner - j);
      const auto backward =
          m == nullptr ? spread_backward_columns<false, T> : spread_backward_columns<true, T>;
      backward(spread, row * inner + j, in + at + j, to + at + j, rows, inner, width);
    }
  });
}

// (sum |x|^p)^(1/p) of any values: with the extreme one taken out, its powers stay in range.
template <class T>
[[gnu::cold, gnu::noinline]] T wide_norm(double order, const T* x, Index n, Index stride) noexcept {
  using W = Wide<T>;
  if (order == 2) return static_cast<T>(std::sqrt(wide_squares(x, n, stride)));
  const W p = static_cast<W>(order);
  W extreme = std::abs(static_cast<W>(x[0])), sum = 0;
  for (Index i = 0; i < n; ++i) {
    const W v = std::abs(static_cast<W>(x[i * stride]));
    if (is_nan(x[i * stride])) return x[i * stride];
    if (p > 0 ? v > extreme : v < extreme) extreme = v;
  }
  if (extreme == 0 || std::isinf(extreme)) return static_cast<T>(extreme);
  for (Index i = 0; i < n; ++i)
    sum += std::pow(std::abs(static_cast<W>(x[i * stride])) / extreme, p);
  return static_cast<T>(extreme * std::pow(sum, 1 / p));
}

template <class T>
void run(const RootOfSums& call) {
  const auto& [outer, axis, inner] = call.of;
  const double p = call.p;
  const T* in = call.x;
  T* out = call.sums;
  if (p == 2 && axis > 0) {
    Count<T> strange = 0;
    for (Index i = 0; i < outer * inner; ++i)
      strange += in_range<T>(static_cast<double>(out[i]), axis) ? 0 : 1;
    if (strange == 0) {
      for (Index i = 0; i < outer * inner; ++i) out[i] = std::sqrt(out[i]);
      return;
    }
  }
  const Wide<T> inverse = 1 / static_cast<Wide<T>>(p);  // of a large sum each digit counts
  for (Index o = 0; o < outer; ++o) {
    for (Index i = 0; i < inner; ++i) {
      T& v = out[o * inner + i];
      if (axis > 0 && !in_range<T>(static_cast<double>(v), axis)) [[unlikely]]
        v = wide_norm(p, in + o * axis * inner + i, axis, inner);
      else
        v = p == 2 ? std::sqrt(v) : static_cast<T>(std::pow(static_cast<Wide<T>>(v), inverse));
    }
  }
}

// Which of `cols` columns hold one value again and again gets that value.
template <class T>
void mend_equal(const T* x, T* out, Index axis, Index stride, Index cols) noexcept {
  constexpr Index most = 256;
  for (Index j = 0; j < cols; j += most) {
    Index equal[most], count = 0;
    for (Index i = j; i < cols && i < j + most; ++i)
      if (x[i] == x[stride + i]) equal[count++] = i;
    for (Index r = 2; r < axis && count > 0; ++r) {
      Index kept = 0;
      for (Index k = 0; k < count; ++k)
        if (x[r * stride + equal[k]] == x[equal[k]]) equal[kept++] = equal[k];
      count = kept;
    }
    for (Index k = 0; k < count; ++k) out[equal[k]] = x[equal[k]] + T(0);
  }
}

template <class T>
[[gnu::cold, gnu::noinline]] T wide_mean(const T* x, Index n, Index stride) noexcept {
  Wide<T> sum = 0;
  for (Index i = 0; i < n; ++i) sum += static_cast<Wide<T>>(x[i * stride]);
  return static_cast<T>(sum / static_cast<Wide<T>>(n));
}

template <class T>
void mend_means(const T* x, T* mean, const Lengths& of) {
  const auto& [outer, axis, inner] = of;
  for (Index o = 0; axis > 1 && o < outer; ++o, x += axis * inner, mean += inner) {
    for (Index i = 0; i < inner; ++i)
      if (!(std::abs(mean[i]) <= std::numeric_limits<T>::max())) [[unlikely]]
        mean[i] = wide_mean(x + i, axis, inner);
    mend_equal(x, mean, axis, inner, inner);
  }
}

template <class Call>
void run_typed(const Call& call) {
  with_floating(call.type, [&]<class T>(T) { run<T>(call); });
}

}  // namespace

void execute(const Spread& call) { run_typed(call); }
void execute(const SpreadBackward& call) { run_typed(call); }
void execute(const RootOfSums& call) { run_typed(call); }

void mend_means(DType t, In x, Out mean, Lengths of) {
  with_floating(t, [&]<class T>(T) { mend_means<T>(x, mean, of); });
}

}  // namespace gradus::kernels
