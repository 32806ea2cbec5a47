// Counter-based random numbers (Philox4x32-10, Salmon et al. 2011): element i depends on (seed,
// offset, i) alone.
#pragma once
#include <array>
#include <cstdint>

#include "gradus/dtype.hpp"

namespace gradus {

/// Four random words of (seed, counter); the upper half of the 128-bit counter is 0.
std::array<std::uint32_t, 4> philox(std::uint64_t seed, std::uint64_t counter) noexcept;

/// Stream offsets a call with n elements uses up: the next call of the same seed starts at offset +
/// philox_blocks(n).
constexpr std::uint64_t philox_blocks(std::int64_t n) noexcept {
  return (static_cast<std::uint64_t>(n) + 1) / 2;
}

/// As philox_blocks, for the bits of dropout and bernoulli.
constexpr std::uint64_t mask_blocks(std::int64_t n) noexcept {
  return (static_cast<std::uint64_t>(n) + 63) / 64 * 16;
}

namespace kernels {

/// Uniform in [low, high): 24 random bits in float32, 53 in float64.
void uniform(DType t, void* out, std::int64_t n, double low, double high, std::uint64_t seed,
             std::uint64_t offset);

/// Normal by Box and Muller.
void normal(DType t, void* out, std::int64_t n, double mean, double stddev, std::uint64_t seed,
            std::uint64_t offset);

/// Integers in [low, high), unbiased to 2^-64 (high - low).
void randint(std::int64_t* out, std::int64_t n, std::int64_t low, std::int64_t high,
             std::uint64_t seed, std::uint64_t offset);

/// true with probability p.
void bernoulli(bool* out, std::int64_t n, double p, std::uint64_t seed, std::uint64_t offset);

/// out[i] = x[i] / (1 - p) where bernoulli(1 - p) of (seed, offset, i) is true, else 0; out may be
/// x. The same call on the upstream gradient is the backward pass.
void dropout(DType t, const void* x, void* out, std::int64_t n, double p, std::uint64_t seed,
             std::uint64_t offset);

}  // namespace kernels
}  // namespace gradus
