#include "kernels/products/gemm_bf16.hpp"

#include <algorithm>
#include <atomic>

#include "base/pool.hpp"
#include "base/threads.hpp"
#include "gradus/error.hpp"
#include "gradus/runtime.hpp"
#include "kernels/products/gemm_pack.hpp"

namespace gradus {
namespace {
std::atomic<Precision> current{Precision::full};
}

Precision matmul_precision() noexcept { return current.load(std::memory_order_relaxed); }

void set_matmul_precision(Precision precision) {
  if (precision == Precision::bfloat16 && !kernels::has_bf16())
    fail("set_matmul_precision",
         "bfloat16 was given; a processor with AVX512-BF16 and a library built for it are "
         "required; stay with full precision, or build with -DGRADUS_ISA=native on such a "
         "processor");
  current.store(precision, std::memory_order_relaxed);
}

namespace kernels {

bool prefers_bf16(Index m, Index n, Index k) noexcept {
  if (matmul_precision() != Precision::bfloat16) return false;
  return m >= 32 && n >= 32 && k >= 32 && m * n * k >= (1 << 20);
}

#if defined(__AVX512BF16__) && XSIMD_WITH_AVX512F

bool has_bf16() noexcept {
  static const bool there = __builtin_cpu_supports("avx512bf16") != 0;
  return there;
}

namespace {

// Two neighbours along k, rounded, in one lane of 32 bits: the unit in which both factors are
// packed. vdpbf16ps adds both products of a lane to a float32 sum.
using Pair = std::uint32_t;

constexpr Index panel = 64, row_block = 192, depth_block = 256;  // depth in pairs

inline __m512i round_pairs(__m512 first, __m512 second) noexcept {
  return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(second, first));
}

// 16 pairs of one row: row[0..2 count), neighbours in memory.
inline __m512i pairs_along(const float* row, Index left) noexcept {
  if (left >= 32) return round_pairs(_mm512_loadu_ps(row), _mm512_loadu_ps(row + 16));
  return round_pairs(load_part(row, std::min<Index>(left, 16)),
                     left > 16 ? __m512(load_part(row + 16, left - 16)) : _mm512_setzero_ps());
}

// 16 pairs of two rows: (first[i], second[i]).
inline __m512i pairs_across(__m512 first, __m512 second) noexcept {
  const auto bits = [](__m512 v) {
    return _mm512_cvtepu16_epi32(reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(v)));
  };
  return _mm512_or_si512(bits(first), _mm512_slli_epi32(bits(second), 16));
}

// x(i, p) for i < count, neighbours along i, as k pairs of rows of `width` pairs, zeros behind.
void pack_across(const float* x, Index step, Index k, Index count, Index width,
                 Pair* out) noexcept {
  for (Index p = 0; p < k; p += 2, out += width) {
    const float *first = x + p * step, *second = first + step;
    for (Index i = 0; i < width; i += 16) {
      const Index r = std::clamp<Index>(count - i, 0, 16);
      const __m512 lo = r == 16 ? _mm512_loadu_ps(first + i) : __m512(load_part(first + i, r));
      const __m512 hi = p + 1 == k ? _mm512_setzero_ps()
                        : r == 16  ? _mm512_loadu_ps(second + i)
                                   : __m512(load_part(second + i, r));
      _mm512_storeu_si512(out + i, pairs_across(lo, hi));
    }
  }
}

// x(j, p) for j < count, neighbours along p, turned into rows of `width` pairs along j.
void pack_turned(const float* x, Index step, Index k, Index count, Index width,
                 Pair* out) noexcept {
  alignas(64) float square[16 * 16];
  const Index pairs = (k + 1) / 2;
  for (Index q = 0; q < pairs; q += 16) {
    const Index rows = std::min<Index>(16, pairs - q);
    for (Index j = 0; j < width; j += 16) {
      const Index there = std::clamp<Index>(count - j, 0, 16);
      for (Index r = 0; r < there; ++r) {
        _mm512_store_si512(square + 16 * r, pairs_along(x + (j + r) * step + 2 * q, k - 2 * q));
      }
      turn_block(square, 16, there, rows, reinterpret_cast<float*>(out + q * width + j), width);
    }
  }
}

// R rows of c and NV batches of columns; b has rows of 16 NV pairs.
template <int R, int NV>
inline void block(Index pairs, View<Pair> a, const Pair* b, Index cols, float beta, float* c,
                  Index ldc) noexcept {
  __m512 sum[R][NV];
#pragma GCC unroll 12
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) sum[i][v] = _mm512_setzero_ps();
  }
  for (Index p = 0; p < pairs; ++p) {
    __m512bh row[NV];
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) {
      row[v] = reinterpret_cast<__m512bh>(_mm512_loadu_si512(b + 16 * v));
    }
#pragma GCC unroll 12
    for (int i = 0; i < R; ++i) {
      const auto factor =
          reinterpret_cast<__m512bh>(_mm512_set1_epi32(static_cast<int>(a.data[i * a.row])));
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) sum[i][v] = _mm512_dpbf16_ps(sum[i][v], factor, row[v]);
    }
    a.data += a.column;
    b += 16 * NV;
  }
  const Index last = cols - (NV - 1) * 16;
  const auto part = static_cast<__mmask16>((1U << last) - 1);
  const __m512 scale = _mm512_set1_ps(beta);
#pragma GCC unroll 12
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) {
      float* out = c + i * ldc + 16 * v;
      const __mmask16 mask = v < NV - 1 ? static_cast<__mmask16>(0xffff) : part;
      __m512 value = sum[i][v];
      if (beta != 0) value = _mm512_fmadd_ps(scale, _mm512_maskz_loadu_ps(mask, out), value);
      _mm512_mask_storeu_ps(out, mask, value);
    }
  }
}

template <int NV>
void panel_of(Index m, Index pairs, View<Pair> a, const Pair* b, Index cols, float beta, float* c,
              Index ldc) noexcept {
  constexpr int rows = NV == 4 ? 6 : NV == 3 ? 8 : 12;
  Index i = 0;
  for (; i + rows <= m; i += rows)
    block<rows, NV>(pairs, a.from(i, 0), b, cols, beta, c + i * ldc, ldc);
  for (; i + 2 <= m; i += 2) block<2, NV>(pairs, a.from(i, 0), b, cols, beta, c + i * ldc, ldc);
  if (i < m) block<1, NV>(pairs, a.from(i, 0), b, cols, beta, c + i * ldc, ldc);
}

}  // namespace

void gemm_bf16(const Gemm& call) {
  const Index m = call.m, n = call.n, k = call.k, lda = call.lda, ldb = call.ldb, ldc = call.ldc;
  const bool ta = call.transpose_a, tb = call.transpose_b;
  const float *const a = call.a, *const b = call.b, beta = static_cast<float>(call.beta);
  float* const c = call.c;
  const Index pairs = (k + 1) / 2, blocks = (m + row_block - 1) / row_block;
  const auto bytes = static_cast<std::size_t>(blocks * row_block * pairs) * sizeof(Pair);
  struct Free {
    std::size_t bytes;
    void operator()(void* p) const { detail::release(p, bytes); }
  };
  const std::unique_ptr<void, Free> memory(detail::allocate(bytes), Free{bytes});
  Pair* const left = static_cast<Pair*>(memory.get());
  // a is packed once, in blocks of rows: as rows of pairs, or as pairs of rows if it is transposed.
  parallel_for(blocks, [=](Index t) {
    const Index i = t * row_block, rows = std::min(row_block, m - i);
    Pair* out = left + i * pairs;
    if (ta) return pack_across(a + i, lda, k, rows, row_block, out);
    for (Index r = 0; r < rows; ++r, out += pairs) {
      const float* row = a + (i + r) * lda;
      for (Index p = 0; p < pairs; p += 16) {
        const auto mask = static_cast<__mmask16>(pairs - p < 16 ? (1U << (pairs - p)) - 1 : 0xffff);
        _mm512_mask_storeu_epi32(out + p, mask, pairs_along(row + 2 * p, k - 2 * p));
      }
    }
  });
  // Tiles of columns, and of rows if there are many.
  const Index width = n >= 1024 ? 4 * panel : n >= 256 ? 2 * panel : panel;
  const Index height = m > 3 * row_block ? 2 * row_block : m;
  const Index across = (n + width - 1) / width, down = (m + height - 1) / height;
  const auto tile = [=](Index t) {
    const Index first_row = t / across * height, last_row = std::min(m, first_row + height);
    const Index first = t % across * width, last = std::min(n, first + width);
    Pair* const right = scratch<Pair, 4 * panel * depth_block, 2>();
    for (Index q = 0; q < pairs; q += depth_block) {
      const Index depth = std::min(depth_block, pairs - q), from_k = 2 * q;
      const Index here = std::min(2 * depth, k - from_k);
      for (Index j = first; j < last; j += panel) {
        const Index cols = std::min(panel, last - j), whole = (cols + 15) / 16 * 16;
        Pair* const out = right + (j - first) * depth;
        if (tb) {
          pack_turned(b + j * ldb + from_k, ldb, here, cols, whole, out);
        } else {
          pack_across(b + from_k * ldb + j, ldb, here, cols, whole, out);
        }
      }
      for (Index i = first_row; i < last_row; i += row_block) {
        const Index rows = std::min(row_block, last_row - i);
        const Pair* const block_of_a = left + i * pairs;
        const View<Pair> x = ta ? View<Pair>{block_of_a + q * row_block, 1, row_block}
                                : View<Pair>{block_of_a + q, pairs, 1};
        for (Index j = first; j < last; j += panel) {
          const Index cols = std::min(panel, last - j);
          with_count<4>((cols + 15) / 16, [&]<int NV>() {
            panel_of<NV>(rows, depth, x, right + (j - first) * depth, cols, q == 0 ? beta : 1.f,
                         c + i * ldc + j, ldc);
          });
        }
      }
    }
  };
  parallel_for(across * down, tile);
}

#else

bool has_bf16() noexcept { return false; }

void gemm_bf16(const Gemm&) {}

#endif

}  // namespace kernels
}  // namespace gradus
