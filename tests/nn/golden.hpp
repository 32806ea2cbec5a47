#pragma once

// Comparison with values that PyTorch 1.13 gives in float64 for the same formulas:
//   parameter j:  p = 0.4 sin(1.3 i + j),   input: x = cos(0.5 i),   i = position, row-major
//   cotangent of the output: sin(i);  of a parameter's gradient the sum of g cos(i) is compared

#include <algorithm>
#include <cmath>
#include <vector>

#include "gradus/autograd.hpp"
#include "gradus/nn/module.hpp"
#include "gradus/ops.hpp"
#include "support/catch.hpp"

namespace gradus::test {

template <class F>
Tensor by_position(const Shape& shape, F f) {
  std::vector<double> values(static_cast<std::size_t>(numel(shape)));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = f(static_cast<double>(i));
  return from_vector(values, shape);
}

inline Tensor golden_input(const Shape& shape) {
  return by_position(shape, [](double i) { return std::cos(0.5 * i); });
}

inline void golden_parameters(const nn::Module& module) {
  const NoGrad guard;
  double j = 0;
  for (Tensor& p : module.parameters()) {
    p.copy_(by_position(p.shape(), [j](double i) { return 0.4 * std::sin(1.3 * i + j); }));
    j += 1;
  }
}

inline void check_values(const Tensor& x, const std::vector<double>& expected,
                         double tolerance = 1e-12) {
  const std::vector<double> values = x.to_vector<double>();
  REQUIRE(values.size() == expected.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    INFO("element " << i);
    CHECK(std::abs(values[i] - expected[i]) <= tolerance * (1 + std::abs(expected[i])));
  }
}

/// The sums over the gradients of the parameters, in their order.
inline void check_gradients(const nn::Module& module, const Tensor& out,
                            const std::vector<double>& expected) {
  for (Tensor& p : module.parameters()) p.set_grad({});
  out.backward(by_position(out.shape(), [](double i) { return std::sin(i); }));
  std::vector<double> sums;
  for (const Tensor& p : module.parameters()) {
    REQUIRE(p.grad().defined());
    const Tensor weights = by_position(p.shape(), [](double i) { return std::cos(i); });
    sums.push_back(sum(p.grad() * weights).item());
  }
  check_values(from_vector(sums), expected, 1e-11);
}

/// Compares d |d<out, sin>/dx|^2 / d parameter, a second derivative, with differences of the first.
template <class F>
void check_second_order(const nn::Module& module, F f, const Tensor& x) {
  const auto slope = [&](bool create_graph) {
    const Tensor out = f(x);
    const Tensor weights = by_position(out.shape(), [](double i) { return std::sin(i + 1); });
    return sum(square(grad(sum(out * weights), {x}, {.create_graph = create_graph})[0]));
  };
  const std::vector<Tensor> parameters = module.parameters();
  const std::vector<Tensor> exact = grad(slope(true), parameters, {.allow_unused = true});
  double largest = 0, error = 0;
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    Tensor p = parameters[k];
    const std::vector<double> analytic = exact[k].to_vector<double>();
    for (std::size_t i = 0; i < analytic.size(); ++i) {
      const auto at = [&](double step) {
        {
          const NoGrad guard;
          p.mutable_data<double>()[i] += step;
        }
        const double value = slope(false).item();
        const NoGrad guard;
        p.mutable_data<double>()[i] -= step;
        return value;
      };
      const double numeric = (8 * (at(1e-3) - at(-1e-3)) - (at(2e-3) - at(-2e-3))) / 12e-3;
      largest = std::max(largest, std::abs(numeric));
      error = std::max(error, std::abs(numeric - analytic[i]));
    }
  }
  CHECK(largest > 1e-4);
  CHECK(error < 1e-7 * (1 + largest));
}

}  // namespace gradus::test
