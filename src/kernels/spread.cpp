#include "core/tape.hpp"
#include "kernels/moments.hpp"
#include "kernels/reduce.hpp"
#include "kernels/rows.hpp"

namespace gradus::kernels {
namespace {

template <class T>
void run_spread(const void* x, void* mean, void* out, Index rows, Index cols, double divisor,
                bool root) {
  const T* in = static_cast<const T*>(x);
  T *means = static_cast<T*>(mean), *result = static_cast<T*>(out);
  for_row_tiles(rows, cols, [=](Index, Index first, Index last) {
    using W = Wide<T>;
    for (Index r = first; r < last; ++r) {
      Moments<T> moments{std::numeric_limits<T>::quiet_NaN(), T(0), 0};
      if (cols > 0) moments = moments_of(in + r * cols, cols);
      const W variance = moments.squares / static_cast<W>(divisor);
      means[r] = moments.mean;
      means[rows + r] = moments.rest;
      result[r] = static_cast<T>(root ? std::sqrt(variance) : variance);
    }
  });
}

template <class T>
void spread_backward_row(T g, const T* x, T mean, T rest, T out, T factor, T* dx,
                         Index n) noexcept {
  constexpr T least = std::numeric_limits<T>::min(), most = std::numeric_limits<T>::max();
  if (g == 0 || out == 0) {
    for (Index i = 0; i < n; ++i) dx[i] = 0;
    return;
  }
  const T weight = g * factor, scale = weight / out;
  if (std::abs(scale) >= least && std::abs(scale) <= most) {
    for (Index i = 0; i < n; ++i) dx[i] = ((x[i] - mean) - rest) * scale;
  } else {  // the quotient of both is in range
    for (Index i = 0; i < n; ++i) dx[i] = ((x[i] - mean) - rest) / out * weight;
  }
}

template <class T>
void run_spread_backward(const void* g, const void* x, const void* mean, const void* out,
                         double factor, void* dx, Index rows, Index cols) {
  const auto *up = static_cast<const T*>(g), *in = static_cast<const T*>(x),
             *m = static_cast<const T*>(mean), *o = static_cast<const T*>(out);
  T* to = static_cast<T*>(dx);
  const auto piece = [=](Index r, Index first, Index count) {
    const Index at = r * cols + first;
    spread_backward_row(up[r], in + at, m == nullptr ? T(0) : m[r],
                        m == nullptr ? T(0) : m[rows + r], o == nullptr ? T(1) : o[r],
                        static_cast<T>(factor), to + at, count);
  };
  constexpr Index tile = 32768;
  if (rows > 1 || cols < 2 * tile)
    return for_row_tiles(rows, cols, [=](Index, Index first, Index last) {
      for (Index r = first; r < last; ++r) piece(r, 0, cols);
    });
  parallel_for((cols + tile - 1) / tile, [=](Index t) {
    piece(0, t * tile, cols - t * tile < tile ? cols - t * tile : tile);
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
void run_root_of_sums(double p, const void* x, void* sums, Index outer, Index axis, Index inner) {
  const T* in = static_cast<const T*>(x);
  T* out = static_cast<T*>(sums);
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
void run_mend_means(const void* x, void* mean, Index outer, Index axis, Index inner) {
  const T* in = static_cast<const T*>(x);
  T* out = static_cast<T*>(mean);
  if (axis < 2) return;
  for (Index o = 0; o < outer; ++o) {
    const T* from = in + o * axis * inner;
    T* to = out + o * inner;
    for (Index i = 0; i < inner; ++i)
      if (!(std::abs(to[i]) <= std::numeric_limits<T>::max())) [[unlikely]]
        to[i] = wide_mean(from + i, axis, inner);
    mend_equal(from, to, axis, inner, inner);
  }
}

}  // namespace

void spread(DType t, const void* x, void* mean, void* out, Index rows, Index cols, double divisor,
            bool root) {
  if (detail::tape) [[unlikely]]
    return detail::remember([=] { spread(t, x, mean, out, rows, cols, divisor, root); });
  if (t == DType::float32) return run_spread<float>(x, mean, out, rows, cols, divisor, root);
  if (t == DType::float64) return run_spread<double>(x, mean, out, rows, cols, divisor, root);
}

void spread_backward(DType t, const void* g, const void* x, const void* mean, const void* out,
                     double factor, void* dx, Index rows, Index cols) {
  if (detail::tape) [[unlikely]]
    return detail::remember([=] { spread_backward(t, g, x, mean, out, factor, dx, rows, cols); });
  if (t == DType::float32) {
    run_spread_backward<float>(g, x, mean, out, factor, dx, rows, cols);
  } else if (t == DType::float64) {
    run_spread_backward<double>(g, x, mean, out, factor, dx, rows, cols);
  }
}

void root_of_sums(DType t, double p, const void* x, void* sums, Index outer, Index axis,
                  Index inner) {
  if (detail::tape) [[unlikely]]
    return detail::remember([=] { root_of_sums(t, p, x, sums, outer, axis, inner); });
  if (t == DType::float32) return run_root_of_sums<float>(p, x, sums, outer, axis, inner);
  if (t == DType::float64) return run_root_of_sums<double>(p, x, sums, outer, axis, inner);
}

void mend_means(DType t, const void* x, void* mean, Index outer, Index axis, Index inner) {
  if (t == DType::float32) return run_mend_means<float>(x, mean, outer, axis, inner);
  if (t == DType::float64) return run_mend_means<double>(x, mean, outer, axis, inner);
}

}  // namespace gradus::kernels
