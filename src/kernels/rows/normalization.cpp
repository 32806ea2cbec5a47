#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/elementwise/elementwise.hpp"
#include "kernels/products/zeros.hpp"
#include "kernels/reduce/reduce.hpp"
#include "kernels/rows/moments.hpp"
#include "kernels/rows/row_loops.hpp"
#include "kernels/rows/rows.hpp"

namespace gradus::kernels {
namespace {

// Layer norm, and RMS norm, which has no mean and no beta. The mean is taken off in two parts, for
// it may be large beside the deviations.
template <bool Centered, class T>
void norm_row(const T* x, const T* gamma, const T* beta, double eps, T* out, T* mean, T* rest,
              T* rstd, Index n) {
  Moments<T> moments{T(0), T(0), 0};
  if constexpr (Centered)
    moments = moments_of(x, n);
  else
    moments.squares = squares_of(x, n);
  using W = Wide<T>;
  const T scale = inverse_root<T>(moments.squares * (1 / static_cast<W>(n)) + static_cast<W>(eps));
  const Batch<T> m(moments.mean), l(moments.rest), s(scale);
  const auto normalize = [&](auto centre) {
    each_batch<T>(n, [&](Index i, auto whole, Index count) {
      Batch<T> h = centre(read(x + i, whole, count)) * s;
      if (gamma != nullptr) h = h * read(gamma + i, whole, count);
      if (beta != nullptr) h = h + read(beta + i, whole, count);
      write(out + i, h, whole, count);
    });
  };
  if (!Centered)
    normalize([](const Batch<T>& v) noexcept { return v; });
  else if (moments.rest == 0)
    normalize([=](const Batch<T>& v) noexcept { return v - m; });
  else
    normalize([=](const Batch<T>& v) noexcept { return (v - m) - l; });
  if constexpr (Centered) {
    *mean = moments.mean;
    *rest = moments.rest;
  }
  *rstd = scale;
}

template <bool Centered, class T>
void norm(const RowNorm& call) {
  const Index rows = call.rows, cols = call.cols;
  if (cols == 0) return;
  const double eps = call.eps;
  const T *x = call.x, *gamma = call.gamma, *beta = call.beta;
  T *out = call.out, *mean = call.mean, *rstd = call.rstd;
  for_each_row_of(rows, cols, [=](Index r) {
    norm_row<Centered>(x + r * cols, gamma, beta, eps, out + r * cols, mean + r, mean + rows + r,
                       rstd + r, cols);
  });
}

// What normalizes a row: its mean in two parts, and 1 / its deviation.
template <class T>
struct Row {
  T mean, rest, rstd;
};

// dgamma and dbeta of the rows so far; scratch holds them until all tiles are done.
template <bool Centered, bool Twice, class T>
void norm_backward_row(const T* g, const T* x, const T* gamma, Row<T> row, T* dx, T* dgamma,
                       T* dbeta, Index n) noexcept {
  const Batch<T> m(row.mean), l(row.rest), s(row.rstd);
  const auto normalized = [=](Index i, auto whole, Index count) noexcept {
    const Batch<T> v = read(x + i, whole, count);
    if constexpr (Twice) return ((v - m) - l) * s;
    if constexpr (Centered) return (v - m) * s;
    return v * s;
  };
  const Sums sums = sum_blocks(n, [&](Index first, Index length) noexcept -> Sums {
    Batch<T> s1(T(0)), s2(T(0));
    each_batch<T>(length, [&](Index at, auto whole, Index count) {
      const Index i = first + at;
      const Batch<T> y = read(g + i, whole, count), h = normalized(i, whole, count);
      const Batch<T> t = gamma == nullptr ? y : y * read(gamma + i, whole, count);
      if constexpr (Centered) s1 = s1 + t;
      s2 = multiply_add(t, h, s2);
      if (dgamma != nullptr)
        write(dgamma + i, multiply_add(y, h, read(dgamma + i, whole, count)), whole, count);
      if (dbeta != nullptr) write(dbeta + i, read(dbeta + i, whole, count) + y, whole, count);
    });
    return {Centered ? static_cast<double>(sum_lanes(s1)) : 0, static_cast<double>(sum_lanes(s2))};
  });
  if (dx == nullptr) return;
  const double inverse = 1 / static_cast<double>(n);
  const Batch<T> a(static_cast<T>(sums.first * inverse)), b(static_cast<T>(sums.second * inverse));
  each_batch<T>(n, [&](Index i, auto whole, Index count) {
    const Batch<T> y = read(g + i, whole, count), h = normalized(i, whole, count);
    const Batch<T> t = gamma == nullptr ? y : y * read(gamma + i, whole, count);
    if constexpr (Centered)
      write(dx + i, s * (t - a - h * b), whole, count);
    else
      write(dx + i, s * (t - h * b), whole, count);
  });
}

// The same for a row, or gammas, with infinities or NaN: a cotangent of 0 adds 0 to every sum.
template <bool Centered, class T>
[[gnu::cold, gnu::noinline]] void strange_backward_row(const T* g, const T* x, const T* gamma,
                                                       Row<T> row, T* dx, T* dgamma, T* dbeta,
                                                       Index n) noexcept {
  const auto scaled = [=](Index i) {
    return g[i] == T(0) ? T(0) : gamma == nullptr ? g[i] : g[i] * gamma[i];
  };
  const auto normalized = [=](Index i) { return ((x[i] - row.mean) - row.rest) * row.rstd; };
  T s1 = 0, s2 = 0;
  bool counts = false;
  for (Index i = 0; i < n; ++i) {
    if (g[i] == T(0)) continue;
    const T h = normalized(i), t = scaled(i);
    counts |= !(t == T(0));
    if (Centered) s1 += t;
    s2 += t * h;
    if (dgamma != nullptr) dgamma[i] += g[i] * h;
    if (dbeta != nullptr) dbeta[i] += g[i];
  }
  const T size = static_cast<T>(n), a = s1 / size, b = s2 / size;
  for (Index i = 0; dx != nullptr && i < n; ++i)
    dx[i] = counts ? row.rstd * (scaled(i) - a - normalized(i) * b) : T(0);
}

constexpr Index rows_per_sum = 128;  // gradients of gamma and beta that are summed in T

template <bool Centered, class T>
void norm_backward(const RowNormBackward& call) {
  const Index rows = call.rows, cols = call.cols;
  const T *y = call.g, *in = call.x, *ga = call.gamma, *m = call.mean, *s = call.rstd;
  T *result = call.dx, *dg = call.dgamma, *db = call.dbeta;
  const Index group = rows_per_tile(rows, cols), tiles = (rows + group - 1) / group;
  const Index per_tile = (group + rows_per_sum - 1) / rows_per_sum, parts = tiles * per_tile;
  std::vector<T> part(dg != nullptr || db != nullptr ? static_cast<std::size_t>(2 * parts * cols)
                                                     : 0);
  const bool usual_gamma = ga == nullptr || all_finite(call.type, ga, cols);
  for_row_tiles(rows, cols, [&](Index t, Index first, Index last) {
    for (Index r = first; r < last; ++r) {
      T* const sums = part.data() + 2 * (t * per_tile + (r - first) / rows_per_sum) * cols;
      const Row<T> row{Centered ? m[r] : T(0), Centered ? m[rows + r] : T(0), s[r]};
      const bool usual =
          usual_gamma && row.rstd > T(0) && std::isfinite(row.mean + row.rest + row.rstd);
      const auto backward = !usual          ? strange_backward_row<Centered, T>
                            : row.rest == 0 ? norm_backward_row<Centered, false, T>
                                            : norm_backward_row<Centered, Centered, T>;
      backward(y + r * cols, in + r * cols, ga, row,
               result == nullptr ? nullptr : result + r * cols, dg == nullptr ? nullptr : sums,
               db == nullptr ? nullptr : sums + cols, cols);
    }
  });
  for (T* out : {dg, db}) {
    if (out == nullptr) continue;
    const T* sums = part.data() + (out == db ? cols : 0);
    for (Index c = 0; c < cols; ++c) {
      double total = 0;
      for (Index p = 0; p < parts; ++p) total += static_cast<double>(sums[2 * p * cols + c]);
      out[c] = static_cast<T>(total);
    }
  }
}

constexpr Index panel = column_panel;  // channels of one tile of batch norm

// f(first channel, how many) over panels of channels.
template <class F>
void for_panels(Index rows, Index channels, F&& f) {
  const Index panels = (channels + panel - 1) / panel;
  const auto one = [&](Index p) { f(p * panel, std::min(panel, channels - p * panel)); };
  if (rows * channels < parallel_from) {
    for (Index p = 0; p < panels; ++p) one(p);
  } else {
    parallel_for(panels, one);
  }
}

template <class T>
void run(const BatchNorm& call) {
  const Index rows = call.rows, channels = call.cols;
  const double eps = call.eps;
  const T *in = call.x, *ga = call.gamma, *be = call.beta;
  T *result = call.out, *means = call.mean, *vars = call.var, *rstds = call.rstd;
  for_panels(rows, channels, [=](Index c0, Index width) {
    ColumnMoments<T> moments;
    column_moments(in + c0, rows, channels, width, moments);
    T center[panel], scale[panel], shift[panel];
    for (Index c = 0; c < width; ++c) {
      using W = Wide<T>;
      const W variance = moments.squares[c] / static_cast<W>(rows);
      const W inverse = 1 / std::sqrt(variance + static_cast<W>(eps));
      means[c0 + c] = center[c] = moments.mean[c];
      means[channels + c0 + c] = moments.rest[c];
      vars[c0 + c] = static_cast<T>(variance);
      rstds[c0 + c] = static_cast<T>(inverse);
      const W factor = ga == nullptr ? inverse : inverse * static_cast<W>(ga[c0 + c]);
      scale[c] = static_cast<T>(factor);
      shift[c] = static_cast<T>((be == nullptr ? W(0) : static_cast<W>(be[c0 + c])) -
                                static_cast<W>(moments.rest[c]) * factor);
    }
    for (Index r = 0; r < rows; ++r) {
      const T* row = in + r * channels + c0;
      T* to = result + r * channels + c0;
      for (Index c = 0; c < width; ++c) to[c] = (row[c] - center[c]) * scale[c] + shift[c];
    }
  });
}

template <class T>
void run(const BatchNormBackward& call) {
  const Index rows = call.rows, channels = call.cols;
  const T *y = call.g, *in = call.x, *ga = call.gamma, *m = call.mean, *s = call.rstd;
  T *result = call.dx, *dg = call.dgamma, *db = call.dbeta;
  const double count = static_cast<double>(rows);
  for_panels(rows, channels, [=](Index c0, Index width) {
    double s1[panel] = {}, s2[panel] = {};
    T factor[panel], a[panel], b[panel];
    for (Index r = 0; r < rows; ++r) {
      const T *up = y + r * channels + c0, *row = in + r * channels + c0;
      for (Index c = 0; c < width; ++c) {
        const T h = (row[c] - m[c0 + c]) * s[c0 + c];
        s1[c] += static_cast<double>(up[c]);
        s2[c] += static_cast<double>(up[c] * h);
      }
    }
    // What rounding left of the mean, as a part of h, is the same for all rows.
    double rest[panel];
    Index some_zero = 0;
    for (Index c = 0; c < width; ++c) {
      rest[c] = static_cast<double>(m[channels + c0 + c]) * static_cast<double>(s[c0 + c]);
      s2[c] -= rest[c] * s1[c];
      some_zero += s1[c] == 0;
    }
    // A channel whose cotangents are all 0 gets 0, whatever it holds.
    bool zero[panel] = {};
    for (Index c = 0; some_zero > 0 && c < width; ++c) {
      if (s1[c] != 0 || (s2[c] != 0 && std::isfinite(s2[c]))) continue;
      zero[c] = true;
      for (Index r = 0; r < rows; ++r) zero[c] = zero[c] && y[r * channels + c0 + c] == T(0);
      if (zero[c]) s2[c] = 0;
    }
    for (Index c = 0; db != nullptr && c < width; ++c) db[c0 + c] = static_cast<T>(s1[c]);
    for (Index c = 0; dg != nullptr && c < width; ++c) dg[c0 + c] = static_cast<T>(s2[c]);
    for (Index c = 0; c < width; ++c) {
      factor[c] = ga == nullptr ? s[c0 + c] : s[c0 + c] * ga[c0 + c];
      a[c] = static_cast<T>((s1[c] - rest[c] * s2[c]) / count);
      b[c] = static_cast<T>(s2[c] / count);
    }
    if (result == nullptr) return;
    for (Index r = 0; r < rows; ++r) {
      const T *up = y + r * channels + c0, *row = in + r * channels + c0;
      T* to = result + r * channels + c0;
      for (Index c = 0; c < width; ++c) {
        const T h = (row[c] - m[c0 + c]) * s[c0 + c];
        to[c] = factor[c] * (up[c] - a[c] - h * b[c]);
      }
    }
    for (Index c = 0; some_zero > 0 && c < width; ++c)
      for (Index r = 0; zero[c] && r < rows; ++r) result[r * channels + c0 + c] = 0;
  });
}

template <class T>
void run(const ScaleRows& call) {
  const Index cols = call.cols;
  const T *x = call.x, *scale = call.scale;
  T* dx = call.dx;
  for_each_row_of(call.rows, cols, [=](Index r) {
    const T f = scale[r];
    for (Index c = 0; c < cols; ++c) dx[r * cols + c] = f == T(0) ? T(0) : x[r * cols + c] * f;
  });
}

template <class T>
void run(const SumRows& call) {
  const auto& [t, x, out, rows, cols, beta] = call;
  const T factor = static_cast<T>(beta);
  T* const to = out;
  if (rows <= 16 && cols <= 64) {  // a few values: no set-up
    const T* from = x;
    for (Index c = 0; c < cols; ++c) {
      T sum = 0;
      for (Index r = 0; r < rows; ++r) sum += from[r * cols + c];
      to[c] = beta == 0 ? sum : factor * to[c] + sum;
    }
    return;
  }
  if (beta == 0) return execute(Reduce{ReduceOp::sum, t, x, out, {1, rows, cols}});
  T few[256];
  std::vector<T> many(static_cast<std::size_t>(cols > 256 ? cols : 0));
  T* const sums = cols > 256 ? many.data() : few;
  execute(Reduce{ReduceOp::sum, t, x, sums, {1, rows, cols}});
  for (Index c = 0; c < cols; ++c) to[c] = factor * to[c] + sums[c];
}

template <class Call>
void run_typed(const Call& call) {
  with_floating(call.type, [&]<class T>(T) { run<T>(call); });
}

}  // namespace

void execute(const RowNorm& call) {
  with_floating(call.type, [&]<class T>(T) { (call.mean ? norm<true, T> : norm<false, T>)(call); });
}

void execute(const RowNormBackward& call) {
  with_floating(call.type, [&]<class T>(T) {
    (call.mean ? norm_backward<true, T> : norm_backward<false, T>)(call);
  });
}

void execute(const BatchNorm& call) { run_typed(call); }
void execute(const BatchNormBackward& call) { run_typed(call); }
void execute(const ScaleRows& call) { run_typed(call); }
void execute(const SumRows& call) { run_typed(call); }

}  // namespace gradus::kernels
