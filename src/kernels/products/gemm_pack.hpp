// Operands of a product copied into the order in which the kernel reads them.
#pragma once
#include <memory>
#include <new>

#include "kernels/simd.hpp"

namespace gradus::kernels {

/// A matrix read as (row, column) with any strides.
template <class T>
struct View {
  const T* data;
  Index row, column;
  View from(Index i, Index j) const noexcept { return {data + i * row + j * column, row, column}; }
};

#if XSIMD_WITH_AVX512F
/// 16 x 16 in registers: out[p * ldo + j] = in[j * ldi + p] for j < rows, p < cols, and zeros for
/// other j.
inline void turn_block(const float* in, Index ldi, Index rows, Index cols, float* out,
                       Index ldo) noexcept {
  const auto mask = static_cast<__mmask16>((1U << cols) - 1);
  __m512 r[16], t[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) {
    r[i] = i < rows ? _mm512_maskz_loadu_ps(mask, in + i * ldi) : _mm512_setzero_ps();
  }
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    t[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    r[4 * i] = _mm512_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
    r[4 * i + 1] = _mm512_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
    r[4 * i + 2] = _mm512_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
    r[4 * i + 3] = _mm512_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xdd);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    r[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
    r[i + 4] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0x88);
    r[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xdd);
    r[i + 12] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0xdd);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) {
    if (i < cols) _mm512_storeu_ps(out + i * ldo, r[i]);
  }
}
#endif

/// b (k, cols) as k rows of `width` values, whole batches, with zeros behind the last column.
template <class T>
void pack(View<T> b, Index k, Index cols, Index width, T* out) noexcept {
  if (b.column == 1) {
    constexpr Index w = lanes<T>;
    for (Index p = 0; p < k; ++p) {
      const T* row = b.data + p * b.row;
      Index j = 0;
      for (; j + w <= cols; j += w) store(out + p * width + j, load(row + j));
      if (j < width) store(out + p * width + j, load_part(row + j, cols - j));
    }
    return;
  }
  constexpr Index side = 16;
  for (Index q = 0; q < k; q += side) {
    const Index depth = k - q < side ? k - q : side;
#if XSIMD_WITH_AVX512F
    if constexpr (sizeof(T) == 4) {
      if (b.row == 1) {
        for (Index j = 0; j < width; j += side) {
          turn_block(b.data + j * b.column + q, b.column, cols - j < side ? cols - j : side, depth,
                     out + q * width + j, width);
        }
        continue;
      }
    }
#endif
    for (Index j = 0; j < width; ++j) {
      T* to = out + q * width + j;
      const T* from = b.data + j * b.column + q * b.row;
      for (Index p = 0; p < depth; ++p) to[p * width] = j < cols ? from[p * b.row] : T(0);
    }
  }
}

/// f.operator()<n>(), n from 1 to `most`.
template <int most, class F>
inline void with_count(Index n, F&& f) {
  if constexpr (most > 1)
    if (n < most) return with_count<most - 1>(n, f);
  f.template operator()<most>();
}

/// Scratch memory of this thread, aligned to whole batches.
template <class T, Index Size, int Which>
T* scratch() {
  struct Free {
    void operator()(T* p) const { ::operator delete (p, std::align_val_t{64}); }
  };
  thread_local const std::unique_ptr<T, Free> buffer(static_cast<T*>(
      ::operator new (static_cast<std::size_t>(Size) * sizeof(T), std::align_val_t{64})));
  return buffer.get();
}

}  // namespace gradus::kernels
