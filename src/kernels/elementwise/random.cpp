#include "kernels/elementwise/random.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/pieces.hpp"

#if defined(__AVX512F__)
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
// GCC 12 warns of its own header.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#endif

namespace gradus {
namespace {

using Words = std::array<std::uint32_t, 4>;

// Blocks side by side, so that the compiler can run them in SIMD.
constexpr int width = 16;

struct Wide {
  alignas(64) std::uint32_t word[4 * width];
};

#if defined(__AVX512F__)
// Eight blocks a vector; the upper half of a lane is left over from products and ignored.
struct Eight {
  __m512i w0, w1, w2, w3;

  explicit Eight(std::uint64_t counter) noexcept
      : w0(_mm512_add_epi64(_mm512_set1_epi64(static_cast<long long>(counter)),
                            _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0))),
        w1(_mm512_srli_epi64(w0, 32)),
        w2(_mm512_setzero_si512()),
        w3(w2) {}
  void round(__m512i key0, __m512i key1) noexcept {
    constexpr int exclusive_or = 0x96;  // of three
    const __m512i a = _mm512_mul_epu32(w0, _mm512_set1_epi64(0xD2511F53));
    const __m512i b = _mm512_mul_epu32(w2, _mm512_set1_epi64(0xCD9E8D57));
    w0 = _mm512_ternarylogic_epi64(_mm512_srli_epi64(b, 32), w1, key0, exclusive_or);
    w2 = _mm512_ternarylogic_epi64(_mm512_srli_epi64(a, 32), w3, key1, exclusive_or);
    w1 = b;
    w3 = a;
  }
};

inline void philox_wide(std::uint64_t seed, std::uint64_t counter, Wide& out) noexcept {
  Eight low(counter), high(counter + 8);
  __m512i key0 = _mm512_set1_epi64(static_cast<long long>(seed & 0xffffffff)),
          key1 = _mm512_set1_epi64(static_cast<long long>(seed >> 32));
  for (int round = 0; round < 10; ++round) {
    low.round(key0, key1);
    high.round(key0, key1);
    key0 = _mm512_add_epi32(key0, _mm512_set1_epi64(0x9E3779B9));
    key1 = _mm512_add_epi32(key1, _mm512_set1_epi64(0xBB67AE85));
  }
  // The lower halves of both, in one store: a load would wait for two that it covers.
  const __m512i halves =
      _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
  const auto store = [&](int i, __m512i first, __m512i second) {
    _mm512_store_si512(out.word + i * width, _mm512_permutex2var_epi32(first, halves, second));
  };
  store(0, low.w0, high.w0);
  store(1, low.w1, high.w1);
  store(2, low.w2, high.w2);
  store(3, low.w3, high.w3);
}
#else
inline void philox_wide(std::uint64_t seed, std::uint64_t counter, Wide& out) noexcept {
  for (int j = 0; j < width; ++j) {
    const std::uint64_t c = counter + static_cast<std::uint64_t>(j);
    out.word[j] = static_cast<std::uint32_t>(c);
    out.word[width + j] = static_cast<std::uint32_t>(c >> 32);
    out.word[2 * width + j] = 0;
    out.word[3 * width + j] = 0;
  }
  auto key0 = static_cast<std::uint32_t>(seed), key1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    for (int j = 0; j < width; ++j) {
      const std::uint64_t a = std::uint64_t{0xD2511F53} * out.word[j];
      const std::uint64_t b = std::uint64_t{0xCD9E8D57} * out.word[2 * width + j];
      out.word[j] = static_cast<std::uint32_t>(b >> 32) ^ out.word[width + j] ^ key0;
      out.word[2 * width + j] =
          static_cast<std::uint32_t>(a >> 32) ^ out.word[3 * width + j] ^ key1;
      out.word[width + j] = static_cast<std::uint32_t>(b);
      out.word[3 * width + j] = static_cast<std::uint32_t>(a);
    }
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
}
#endif

// f(i, words) for i in [first, first + count): element i takes the words of block i / per_block.
template <int PerBlock, class F>
void each_element(std::int64_t n, detail::Draw from, F f) {
  kernels::for_pieces(n, 1, [&](std::int64_t first, std::int64_t last) {
    Wide wide;
    for (std::int64_t i = first; i < last; i += PerBlock * width) {
      philox_wide(from.seed, from.offset + static_cast<std::uint64_t>(i / PerBlock), wide);
      const std::int64_t count = std::min<std::int64_t>(last - i, PerBlock * width);
      for (std::int64_t e = 0; e < count; ++e) {
        f(i + e, wide, static_cast<int>(e / PerBlock), static_cast<int>(e % PerBlock));
      }
    }
  });
}

std::uint64_t two_words(const Wide& w, int block, int half) noexcept {
  return std::uint64_t{w.word[2 * half * width + block]} |
         std::uint64_t{w.word[(2 * half + 1) * width + block]} << 32;
}

double unit(std::uint64_t bits) noexcept { return static_cast<double>(bits >> 11) * 0x1p-53; }
float unit(std::uint32_t bits) noexcept { return static_cast<float>(bits >> 8) * 0x1p-24F; }

// One word decides, compared as an integer: exact for any p that is a multiple of 2^-32.
std::uint64_t threshold(double p) noexcept {
  return static_cast<std::uint64_t>(std::llround(std::clamp(p, 0.0, 1.0) * 0x1p32));
}

// f(i, bits, count) for pieces of [0, n): element i + e takes bits[e], the e-th of the four words
// of 16 blocks, word after word.
template <class F>
void each_piece(std::int64_t n, detail::Draw from, F f) {
  constexpr std::int64_t piece = 4 * width;
  kernels::for_pieces(n, 1, [&](std::int64_t first, std::int64_t last) {
    Wide wide;
    for (std::int64_t i = first; i < last; i += piece) {
      philox_wide(from.seed, from.offset + static_cast<std::uint64_t>(i / 4), wide);
      f(i, wide.word, std::min(last - i, piece));
    }
  });
}

/// Where the call begins to draw.
template <class Call>
detail::Draw drawn(const Call& call) {
  return call.at ? *call.at : call.draw;
}

template <class T>
void dropout(const kernels::Dropout& call) {
  const T* x = call.x;
  T* out = call.out;
  const std::uint64_t limit = threshold(1 - call.p);
  if (limit == 0) {
    std::fill_n(out, call.n, T(0));
    return;
  }
  const auto last = static_cast<std::uint32_t>(limit - 1);
  const T scale = static_cast<T>(1 / (1 - call.p));
  each_piece(call.n, drawn(call),
             [=](std::int64_t i, const std::uint32_t* bits, std::int64_t count) {
               const T* from_here = x + i;
               T* to_here = out + i;
               const auto pass = [=](std::int64_t e) {
                 to_here[e] = bits[e] <= last ? from_here[e] * scale : T(0);
               };
               if (count == 4 * width)
                 for (int e = 0; e < 4 * width; ++e) pass(e);
               else
                 for (int e = 0; e < count; ++e) pass(e);
             });
}

}  // namespace

std::array<std::uint32_t, 4> philox(std::uint64_t seed, std::uint64_t counter) noexcept {
  Wide wide;
  philox_wide(seed, counter, wide);
  return {wide.word[0], wide.word[width], wide.word[2 * width], wide.word[3 * width]};
}

namespace {

using kernels::Random;

template <class T>
void uniform(const Random& call) {
  // Rounding of low + (high - low) u can reach `high`, which is outside.
  T* const x = call.out;
  const T low = static_cast<T>(call.a), high = static_cast<T>(call.b);
  const T below = high > low ? std::nextafter(high, low) : low;
  each_element<2>(call.n, drawn(call), [=](std::int64_t i, const Wide& w, int block, int half) {
    if constexpr (sizeof(T) == 4)
      x[i] = std::min(low + (high - low) * unit(w.word[2 * half * width + block]), below);
    else
      x[i] = std::min(low + (high - low) * unit(two_words(w, block, half)), below);
  });
}

// One block gives the pair r cos(a), r sin(a); computed in double, so that the platforms agree in
// float32.
template <class T>
void normal(const Random& call) {
  T* const x = call.out;
  const double mean = call.a, stddev = call.b;
  each_element<2>(call.n, drawn(call), [=](std::int64_t i, const Wide& w, int block, int half) {
    const double u = 1 - unit(two_words(w, block, 0));  // in (0, 1]
    const double radius = std::sqrt(-2 * std::log(u));
    const double angle = 2 * std::numbers::pi * unit(two_words(w, block, 1));
    x[i] = static_cast<T>(mean + stddev * radius * (half == 0 ? std::cos(angle) : std::sin(angle)));
  });
}

}  // namespace

namespace kernels {

void execute(const Random& call) {
  with_floating(call.type, [&]<class T>(T) {
    call.from == Distribution::uniform ? uniform<T>(call) : normal<T>(call);
  });
}

void execute(const RandomIntegers& call) {
  Index* const out = call.out;
  const auto low = static_cast<std::uint64_t>(call.low);
  const std::uint64_t span = static_cast<std::uint64_t>(call.high) - low;
  each_element<2>(call.n, drawn(call), [=](Index i, const Wide& w, int block, int half) {
    // The upper 64 bits of bits * span, from 32-bit halves.
    const std::uint64_t bits = two_words(w, block, half);
    const std::uint64_t mask = 0xffffffffU, b0 = bits & mask, b1 = bits >> 32;
    const std::uint64_t s0 = span & mask, s1 = span >> 32;
    const std::uint64_t middle = b1 * s0 + (b0 * s0 >> 32);
    const std::uint64_t upper = b1 * s1 + (middle >> 32) + ((b0 * s1 + (middle & mask)) >> 32);
    out[i] = static_cast<Index>(low + upper);
  });
}

void execute(const Dropout& call) {
  with_floating(call.type, [&]<class T>(T) { dropout<T>(call); });
}

}  // namespace kernels
}  // namespace gradus
