#include "gradus/autograd.hpp"
#include "gradus/ops.hpp"
#include "ops/products/golden.hpp"
#include "support/catch.hpp"

// Values of PyTorch 1.13 in float64.

using namespace gradus;
using gradus::test::check_values;

namespace {

/// The numbers 1, 2, ... times `factor` modulo `modulus`, less `shift`.
Tensor pattern(const Shape& shape, double factor, double modulus, double shift) {
  const Tensor n = arange(1, static_cast<double>(numel(shape)) + 1, 1, float64);
  return reshape(remainder(n * factor, modulus) - shift, shape);
}

Tensor image() { return pattern({2, 4, 5, 4}, 7, 11, 5).requires_grad_(); }

Tensor first_channel(const Tensor& x) { return x[0][0]; }

std::vector<Tensor> gradients(const Tensor& y, const std::vector<Tensor>& inputs) {
  return grad(y, inputs, {.grad_outputs = {pattern(y.shape(), 3, 5, 2)}});
}

}  // namespace

TEST_CASE("conv2d agrees with PyTorch", "[ops]") {
  const Tensor x = image(), w = (pattern({4, 2, 2, 3}, 5, 7, 3) / 2).detach().requires_grad_();
  const Tensor b = tensor({1, -1, 0.5, 2}, float64).requires_grad_();
  const Tensor y =
      conv2d(x, w, b, {.stride = {2, 1}, .padding = {1, 2}, .dilation = {1, 2}, .groups = 2});
  CHECK(y.shape() == Shape{2, 4, 3, 4});
  check_values(y[0], {-1,    -9,  10.5, 0.5,   11.5, -2,    -6,   9.5,   2.5,   0,     13.5, 12.5,
                      2.5,   4.5, -7,   -7,    -8,   -12.5, 9.5,  -4.5,  -5.5,  -15.5, 2,    -6.5,
                      -13.5, 6.5, 9.5,  -13.5, -15,  -3,    16.5, -16.5, 9.5,   -0.5,  16.5, -16.5,
                      9.5,   6.5, 4.5,  7.5,   11,   10,    0.5,  3.5,   -13.5, 7.5,   -3,   5.5});
  const auto g = gradients(y, {x, w, b});
  check_values(first_channel(g[0]), {1.5, -0.5, 5.5,  -0.5, 0.5, 0, 1,   4,    -1.5, 1.5,
                                     -1,  5.5,  -1.5, 0.5,  -2,  1, 0.5, -1.5, 0,    -1});
  check_values(g[1], {7,   4,  -8,  3,   5,  29, -20, -1, 3,  -8, -11, 2,   -9, 12, 1,   4,
                      -20, 3,  -12, -29, 7,  -2, -4,  3,  7,  33, -12, 12,  1,  -2, -12, 33,
                      7,   15, -2,  -8,  -3, 21, 26,  12, 27, 9,  -20, -15, 7,  9,  27,  12});
  check_values(g[2], {-2, 2, 1, 0});
}

TEST_CASE("pooling agrees with PyTorch", "[ops]") {
  const Tensor x = image();
  const Tensor y = max_pool2d(x, {3, 2}, {.stride = 2, .padding = {1, 0}});
  check_values(y[0], {4, 5, 5, 2, 5, 3, 5, 4, 5, 5, 2, 5, 3, 5, 4, 5, 5, 2, 4, 3, 5, 4, 2, 5});
  check_values(first_channel(gradients(y, {x})[0]),
               {0, 0, -1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
  check_values(avg_pool2d(x, {3, 2}, {.stride = 2, .padding = 1, .count_include_pad = false})[0],
               {-0.5,
                1.75,
                -1.5,
                -0.66666666666666663,
                0.66666666666666663,
                -1.6666666666666667,
                1,
                0.5,
                0,
                2,
                -1.25,
                1,
                0,
                -0.5,
                2.6666666666666665,
                -2,
                0.25,
                2.5,
                -1,
                1.25,
                -2,
                0.66666666666666663,
                0.16666666666666666,
                -0.33333333333333331,
                0.5,
                0,
                -0.5,
                1.5,
                -1.75,
                0.5,
                1.3333333333333333,
                -1,
                0.33333333333333331,
                -2.5,
                -0.25,
                2});
  check_values(
      first_channel(avg_pool2d(x, {3, 2}, {.stride = 2, .padding = 1})),
      {-0.16666666666666666, 1.1666666666666667, -0.5, -0.33333333333333331, 0.66666666666666663,
       -0.83333333333333337, 0.33333333333333331, 0.33333333333333331, 0});
}
