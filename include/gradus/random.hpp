#pragma once

#include <cstdint>

#include "gradus/tensor.hpp"

namespace gradus {

class Generator;
namespace detail {
struct Draw;
struct Drawn;
Drawn draw(Generator& generator, std::uint64_t count, bool replayable);
}  // namespace detail

/// A counter-based source of random numbers (Philox 4x32-10): the same seed gives the same numbers
/// on every platform and for any number of threads. Not for concurrent use; give each thread its
/// own.
class Generator {
 public:
  explicit Generator(std::uint64_t seed = 0) : seed_(seed) {}
  Generator(const Generator&) = default;
  Generator& operator=(const Generator&) = default;
  ~Generator();
  std::uint64_t seed() const { return seed_; }
  /// How many blocks of four 32-bit numbers were handed out; with the seed, the whole state.
  std::uint64_t offset() const { return offset_; }
  void set_state(std::uint64_t seed, std::uint64_t offset);
  /// Reserves numbers for `count` elements and returns the offset of the first.
  std::uint64_t advance(std::uint64_t count);
  /// One number below `bound` (> 0), without bias.
  std::uint64_t below(std::uint64_t bound);
  /// One number, uniform in [0, 1).
  double uniform();

 private:
  friend detail::Drawn detail::draw(Generator& generator, std::uint64_t count, bool replayable);
  detail::Draw take(std::uint64_t count);

  std::uint64_t seed_;
  std::uint64_t offset_ = 0;
};

/// The calling thread's generator, used where none is passed.
Generator& default_generator();
/// Seeds the calling thread's generator.
void manual_seed(std::uint64_t seed);

/// Uniform in [0, 1).
Tensor rand(const Shape& shape, DType dtype = float32, Generator* generator = nullptr);
/// Standard normal.
Tensor randn(const Shape& shape, DType dtype = float32, Generator* generator = nullptr);
/// Integers in [low, high).
Tensor randint(Index low, Index high, const Shape& shape, DType dtype = int64,
               Generator* generator = nullptr);
/// The integers 0 … n-1 in random order.
Tensor randperm(Index n, Generator* generator = nullptr);

}  // namespace gradus
