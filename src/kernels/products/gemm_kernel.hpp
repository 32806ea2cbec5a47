// Matrix products in SIMD batches: a block of c stays in registers while it runs through k.
#pragma once
#include <algorithm>

#include "kernels/products/gemm_pack.hpp"

namespace gradus::kernels {

// Vectors of columns and rows of one register block: 24 of 32 registers with AVX-512, 12 of 16
// before.
inline constexpr int block_vectors = XSIMD_WITH_AVX512F ? 4 : 2;

// As many rows as keep both multipliers busy: narrow blocks need more of them.
constexpr int rows_of(int vectors) noexcept {
  if (block_vectors == 2) return vectors == 1 ? 8 : 6;
  return vectors == 1 ? 12 : vectors == 2 ? 10 : vectors == 3 ? 8 : 6;
}
inline constexpr Index block_depth = 384;      // of k
inline constexpr Index block_columns = 512;    // of packed b: with this depth, in the second cache
inline constexpr Index block_rows = 192;       // of packed a
inline constexpr Index longest_direct = 1024;  // of k, where nothing is packed

template <class T>
inline constexpr Index panel_columns = block_vectors* lanes<T>;

// c[0..R) (cols columns, more than (NV - 1) batches) = a b + beta c; b has rows of whole batches.
template <int R, int NV, class T>
inline void block_product(Index k, View<T> a, const T* b, Index ldb, Index cols, T beta, T* c,
                          Index ldc) noexcept {
  constexpr Index w = lanes<T>;
  if (k >= 128) {  // c is there when the sums are; short products have it in cache
    for (int i = 0; i < R; ++i)
      for (int v = 0; v < NV; ++v) __builtin_prefetch(c + i * ldc + v * w, 1);
  }
  Batch<T> sum[R][NV];
#pragma GCC unroll 12
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) sum[i][v] = Batch<T>(T(0));
  }
  for (Index p = 0; p < k; ++p) {
    Batch<T> row[NV];
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) row[v] = load(b + v * w);
#pragma GCC unroll 12
    for (int i = 0; i < R; ++i) {
      const Batch<T> factor(a.data[i * a.row]);
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) sum[i][v] = multiply_add(factor, row[v], sum[i][v]);
    }
    a.data += a.column;
    b += ldb;
  }
  const Index last = cols - (NV - 1) * w;
#pragma GCC unroll 12
  for (int i = 0; i < R; ++i) {
    T* out = c + i * ldc;
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) {
      const bool whole = v < NV - 1 || last == w;
      Batch<T> value = sum[i][v];
      if (beta != T(0)) {
        const Batch<T> old = whole ? load(out + v * w) : load_part(out + v * w, last);
        value = multiply_add(Batch<T>(beta), old, value);
      }
      if (whole) {
        store(out + v * w, value);
      } else {
        store_part(out + v * w, value, last);
      }
    }
  }
}

template <int NV, class T>
void panel_product(Index m, Index k, View<T> a, const T* b, Index ldb, Index cols, T beta, T* c,
                   Index ldc) noexcept {
  Index i = 0;
  const auto rows = [&]<int R>() {
    block_product<R, NV>(k, View<T>{a.data + i * a.row, a.row, a.column}, b, ldb, cols, beta,
                         c + i * ldc, ldc);
    i += R;
  };
  while (i + rows_of(NV) <= m) rows.template operator()<rows_of(NV)>();
  while (i + 6 <= m) rows.template operator()<6>();
  if (i + 4 <= m) rows.template operator()<4>();
  if (i + 2 <= m) rows.template operator()<2>();
  if (i < m) rows.template operator()<1>();
}

template <class T>
inline void panel_product(Index vectors, Index m, Index k, View<T> a, const T* b, Index ldb,
                          Index cols, T beta, T* c, Index ldc) noexcept {
  with_count<block_vectors>(
      vectors, [&]<int NV>() { panel_product<NV>(m, k, a, b, ldb, cols, beta, c, ldc); });
}

constexpr Index whole_batches(Index n, Index w) noexcept { return (n + w - 1) / w * w; }

/// c (m, n) = a b + beta c, k > 0. Operands are read where they are unless their rows are pages
/// apart or run the other way.
template <class T>
void simd_gemm(Index m, Index n, Index k, View<T> a, View<T> b, T beta, T* c, Index ldc) {
  constexpr Index w = lanes<T>, panel = panel_columns<T>;
  const bool far_b = m > 12 && (k > longest_direct || (b.row >= 1024 && k > 128));
  const bool pack_b = b.column != 1 || far_b;
  const bool pack_a = a.column != 1 && n > panel && (k > 256 || (a.column >= 1024 && k > 48));
  const Index limit = pack_a || pack_b ? block_depth : longest_direct;
  const Index parts = (k + limit - 1) / limit, step = whole_batches((k + parts - 1) / parts, w);
  const Index height = pack_a ? block_rows : m;
  constexpr Index size = std::max(block_columns * block_depth, panel * longest_direct);
  T* const left = pack_a ? scratch<T, block_rows * block_depth, 0>() : nullptr;
  T* const right = pack_b || n % w != 0 ? scratch<T, size, 1>() : nullptr;
  for (Index j0 = 0; j0 < n; j0 += block_columns) {
    const Index end = std::min(n, j0 + block_columns);
    for (Index q = 0; q < k; q += step) {
      const Index depth = std::min(step, k - q);
      for (Index j = j0; pack_b && j < end; j += panel) {
        const Index cols = std::min(panel, end - j);
        pack(b.from(q, j), depth, cols, whole_batches(cols, w), right + (j - j0) * depth);
      }
      for (Index i = 0; i < m; i += height) {
        const Index rows = std::min(height, m - i);
        View<T> x = a.from(i, q);
        if (pack_a) {  // a.row is 1: k rows of block_rows values
          for (Index p = 0; p < depth; ++p) {
            std::copy_n(x.data + p * x.column, rows, left + p * block_rows);
          }
          x = {left, 1, block_rows};
        }
        for (Index j = j0; j < end; j += panel) {
          const Index cols = std::min(panel, end - j), width = whole_batches(cols, w);
          View<T> y = b.from(q, j);
          if (pack_b) {
            y = {right + (j - j0) * depth, width, 1};
          } else if (cols != width) {
            pack(y, depth, cols, width, right);
            y = {right, width, 1};
          }
          panel_product(width / w, rows, depth, x, y.data, y.row, cols, q == 0 ? beta : T(1),
                        c + i * ldc + j, ldc);
        }
      }
    }
  }
}

}  // namespace gradus::kernels
