#pragma once

// Tensors of any numbers, leaves, and the numbers of tensors.

#include <cstdint>
#include <limits>
#include <vector>

#include "gradus/ops.hpp"
#include "gradus/random.hpp"

namespace gradus::test {

using Numbers = std::vector<double>;

inline constexpr double infinity = std::numeric_limits<double>::infinity();

inline Numbers numbers(const Tensor& x) { return x.to_vector<double>(); }

/// Normal float64 numbers; for one shape and seed always the same.
inline Tensor some(const Shape& shape, std::uint64_t seed = 1) {
  Generator generator(seed);
  return randn(shape, float64, &generator);
}

/// A float64 leaf that gets a gradient.
inline Tensor leaf(const Values& values) { return tensor(values, float64).requires_grad_(); }

}  // namespace gradus::test
