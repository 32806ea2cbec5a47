#pragma once

// Tensors of any numbers, and the numbers of tensors.

#include <cstdint>
#include <vector>

#include "gradus/ops.hpp"
#include "gradus/random.hpp"

namespace gradus::test {

using Numbers = std::vector<double>;

inline Numbers numbers(const Tensor& x) { return x.to_vector<double>(); }

/// Normal float64 numbers; for one shape and seed always the same.
inline Tensor some(const Shape& shape, std::uint64_t seed = 1) {
  Generator generator(seed);
  return randn(shape, float64, &generator);
}

}  // namespace gradus::test
