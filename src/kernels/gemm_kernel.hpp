// Matrix products in SIMD batches: a block of c stays in registers while it runs through k.
#pragma once
#include <memory>

#include "kernels/simd.hpp"

namespace gradus::kernels {

// Vectors of columns and rows of one register block: 24 of 32 registers with AVX-512, 12 of 16
// before.
inline constexpr int block_vectors = XSIMD_WITH_AVX512F ? 4 : 2;

// As many rows as keep both multipliers busy: narrow blocks need more of them.
constexpr int rows_of(int vectors) noexcept {
  if (block_vectors == 2) return vectors == 1 ? 8 : 6;
  return vectors == 1 ? 12 : vectors == 2 ? 10 : vectors == 3 ? 8 : 6;
}
inline constexpr Index block_depth = 384;  // of k: a packed panel of b stays in the second cache

template <class T>
inline constexpr Index panel_columns = block_vectors* lanes<T>;

// A matrix read as (row, column) with any strides.
template <class T>
struct View {
  const T* data;
  Index row, column;
};

// c[0..R) (cols columns, more than (NV - 1) batches) = a b + beta c; b has rows of whole batches.
template <int R, int NV, class T>
inline void block_product(Index k, View<T> a, const T* b, Index ldb, Index cols, T beta, T* c,
                          Index ldc) noexcept {
  constexpr Index w = lanes<T>;
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

// Rows of whole batches, zeros behind the last column.
template <class T>
void pack(View<T> b, Index k, Index cols, Index width, T* out) noexcept {
  if (b.column == 1) {
    for (Index p = 0; p < k; ++p) {
      const T* row = b.data + p * b.row;
      for (Index j = 0; j < cols; ++j) out[p * width + j] = row[j];
      for (Index j = cols; j < width; ++j) out[p * width + j] = T(0);
    }
    return;
  }
#if XSIMD_WITH_AVX512F
  if constexpr (sizeof(T) == 4) {
    if (b.row == 1 && b.column < (1 << 26)) {
      const __m512i steps =
          _mm512_mullo_epi32(_mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
                             _mm512_set1_epi32(static_cast<int>(b.column)));
      for (Index j = 0; j < width; j += 16) {
        const auto mask = static_cast<__mmask16>(cols - j < 16 ? (1U << (cols - j)) - 1 : 0xffffU);
        const T* from = b.data + j * b.column;
        for (Index p = 0; p < k; ++p) {
          _mm512_storeu_ps(out + p * width + j,
                           _mm512_mask_i32gather_ps(_mm512_setzero_ps(), mask, steps, from + p, 4));
        }
      }
      return;
    }
  }
#endif
  constexpr Index side = 16;
  for (Index q = 0; q < k; q += side) {
    const Index depth = k - q < side ? k - q : side;
    for (Index j = 0; j < width; ++j) {
      T* to = out + q * width + j;
      const T* from = b.data + j * b.column + q * b.row;
      for (Index p = 0; p < depth; ++p) to[p * width] = j < cols ? from[p * b.row] : T(0);
    }
  }
}

template <class T>
T* pack_buffer() {
  thread_local const std::unique_ptr<T[]> buffer(
      new T[static_cast<std::size_t>(block_depth * panel_columns<T>)]);
  return buffer.get();
}

/// c (m, n) = a b + beta c, k > 0.
template <class T>
void simd_gemm(Index m, Index n, Index k, View<T> a, View<T> b, T beta, T* c, Index ldc) {
  constexpr Index w = lanes<T>, panel = panel_columns<T>;
  const bool far_rows = m > 12 && k > 128 && b.row * static_cast<Index>(sizeof(T)) >= 4096;
  for (Index j = 0; j < n; j += panel) {
    const Index cols = n - j < panel ? n - j : panel;
    const Index vectors = (cols + w - 1) / w, width = vectors * w;
    const bool direct = b.column == 1 && cols == width && !far_rows;
    for (Index q = 0; q < k; q += block_depth) {
      const Index depth = k - q < block_depth ? k - q : block_depth;
      const View<T> part{b.data + q * b.row + j * b.column, b.row, b.column};
      const T* rows = part.data;
      if (!direct) {
        T* const buffer = pack_buffer<T>();
        pack(part, depth, cols, width, buffer);
        rows = buffer;
      }
      const Index ldb = direct ? b.row : width;
      const T scale = q == 0 ? beta : T(1);
      const View<T> left{a.data + q * a.column, a.row, a.column};
      switch (vectors) {
        case 1:
          panel_product<1>(m, depth, left, rows, ldb, cols, scale, c + j, ldc);
          break;
        case 2:
          panel_product<2>(m, depth, left, rows, ldb, cols, scale, c + j, ldc);
          break;
        case 3:
          if constexpr (block_vectors > 2) {
            panel_product<3>(m, depth, left, rows, ldb, cols, scale, c + j, ldc);
          }
          break;
        default:
          if constexpr (block_vectors > 2) {
            panel_product<4>(m, depth, left, rows, ldb, cols, scale, c + j, ldc);
          }
      }
    }
  }
}

}  // namespace gradus::kernels
