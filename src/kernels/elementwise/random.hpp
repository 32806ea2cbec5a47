// Counter-based random numbers (Philox4x32-10, Salmon et al. 2011): element i depends on (seed,
// offset, i) alone.
#pragma once
#include <array>

#include "kernels/call.hpp"

namespace gradus {

/// Four random words of (seed, counter); the upper half of the 128-bit counter is 0.
std::array<std::uint32_t, 4> philox(std::uint64_t seed, std::uint64_t counter) noexcept;

/// Stream offsets a call with n elements uses up: the next call of the same seed starts at offset +
/// philox_blocks(n).
constexpr std::uint64_t philox_blocks(std::int64_t n) noexcept {
  return (static_cast<std::uint64_t>(n) + 1) / 2;
}

/// As philox_blocks, for the bits of dropout.
constexpr std::uint64_t mask_blocks(std::int64_t n) noexcept {
  return (static_cast<std::uint64_t>(n) + 63) / 64 * 16;
}

namespace detail {
/// The place in its stream where a random operation begins to draw.
struct Draw {
  std::uint64_t seed, offset;
};
}  // namespace detail

namespace kernels {

using detail::Draw;

enum class Distribution : std::uint8_t {
  uniform,  ///< in [a, b): 24 random bits in float32, 53 in float64
  normal,   ///< mean a, standard deviation b; by Box and Muller
};

/// out[i] is drawn. In this and the others `at`, unless null, is where the draw is found when the
/// call is made.
struct Random {
  static constexpr const char* name = "random";
  Distribution from;
  DType type;
  Out out;
  Index n;
  double a, b;
  Draw draw;
  const Draw* at = nullptr;

  void describe(Description& d) const {
    d.number("from", from).number("a", a).number("b", b).number("seed", draw.seed);
    d.number("offset", draw.offset).reads("at", at, DType::int64, 2).writes("out", out, n);
  }
};

/// out[i] in [low, high), unbiased to 2^-64 (high - low).
struct RandomIntegers {
  static constexpr const char* name = "random_integers";
  Index* out;
  Index n, low, high;
  Draw draw;
  const Draw* at = nullptr;

  void describe(Description& d) const {
    d.number("low", low).number("high", high).number("seed", draw.seed);
    d.number("offset", draw.offset).reads("at", at, DType::int64, 2).writes("out", out, n);
  }
};

/// out[i] = x[i] / (1 - p) with probability 1 - p, by a word of (draw, i), else 0; out may be x.
/// The same call on the upstream gradient is the backward pass.
struct Dropout {
  static constexpr const char* name = "dropout";
  DType type;
  In x;
  Out out;
  Index n;
  double p;
  Draw draw;
  const Draw* at = nullptr;

  void describe(Description& d) const {
    d.number("p", p).reads("x", x, n).reads("at", at, DType::int64, 2).writes("out", out, n);
  }
};

void execute(const Random& call);
void execute(const RandomIntegers& call);
void execute(const Dropout& call);

}  // namespace kernels
}  // namespace gradus
