#pragma once

// A loss with all its derivatives up to the second, for comparisons of one input with another.

#include <cmath>
#include <functional>
#include <vector>

#include "gradus/autograd.hpp"
#include "gradus/ops.hpp"
#include "gradus/random.hpp"
#include "support/catch.hpp"
#include "support/numbers.hpp"

namespace gradus::test {

using Tensors = std::vector<Tensor>;

/// Value, gradients and second derivatives (of the gradients times fixed numbers), one after
/// another.
struct Derivatives {
  Numbers value;
  std::vector<Numbers> first, second;
};

inline Derivatives derivatives(const std::function<Tensor(const Tensors&)>& f,
                               const Tensors& inputs) {
  Tensors leaves, wanted;
  for (const Tensor& x : inputs) {
    leaves.push_back(x.clone());
    if (is_floating_point(x.dtype())) wanted.push_back(leaves.back().requires_grad_());
  }
  const Tensor y = f(leaves);
  Generator generator(3);
  Derivatives d{numbers(y), {}, {}};
  const Tensor cotangent = rand(y.shape(), y.dtype(), &generator) + 0.5;
  for (const Tensor& g :
       grad(y, wanted, {.retain_graph = true, .allow_unused = true, .grad_outputs = {cotangent}}))
    d.first.push_back(numbers(g));
  Tensor total = zeros({}, y.dtype());
  const Tensors recorded =
      grad(y, wanted, {.create_graph = true, .allow_unused = true, .grad_outputs = {cotangent}});
  for (std::size_t i = 0; i < recorded.size(); ++i) {
    for (std::size_t j = 0; j < d.first[i].size(); ++j)
      CHECK(numbers(recorded[i])[j] == Approx(d.first[i][j]).margin(1e-12));
    total = total + sum(recorded[i] * (rand(recorded[i].shape(), y.dtype(), &generator) + 0.5));
  }
  if (!total.requires_grad()) return d;
  for (const Tensor& g : grad(total, wanted, {.allow_unused = true}))
    d.second.push_back(numbers(g));
  return d;
}

inline void check_close(const Numbers& found, const Numbers& wanted) {
  REQUIRE(found.size() == wanted.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    INFO("element " << i);
    CHECK(found[i] == Approx(wanted[i]).epsilon(1e-9).margin(1e-12));
  }
}
inline void check_same(const Derivatives& found, const Derivatives& wanted) {
  check_close(found.value, wanted.value);
  REQUIRE(found.second.size() == wanted.second.size());
  for (std::size_t i = 0; i < found.first.size(); ++i) {
    INFO("first derivative by input " << i);
    check_close(found.first[i], wanted.first[i]);
  }
  for (std::size_t i = 0; i < found.second.size(); ++i) {
    INFO("second derivative by input " << i);
    check_close(found.second[i], wanted.second[i]);
  }
}

/// x with another number in one place.
inline Tensor with(const Tensor& x, Index place, double number) {
  Numbers values = numbers(x);
  values[static_cast<std::size_t>(place)] = number;
  return from_vector(values, x.shape()).to(x.dtype());
}

inline const Numbers wild = {INFINITY, -INFINITY, NAN, 1e308, -1e308};

inline Tensor sample(const Shape& shape, double low, double high, std::uint64_t seed) {
  Generator generator(seed);
  return low + (high - low) * rand(shape, float64, &generator);
}

}  // namespace gradus::test
