// Captured chains whose operands broadcast along each axis.
#include "capture/capture_support.hpp"

using namespace gradus;
using namespace gradus::test;

TEST_CASE("a captured chain broadcasts columns, rows and blocks as an eager one does") {
  const Shape shapes[] = {{60, 1}, {1, 70}, {60, 70}, {1, 1}, {70}, {}};
  for (const Shape& left : shapes)
    for (const Shape& right : shapes) {
      const Tensor a = randn(left), b = randn(right), big = randn({60, 70});
      const auto f = [](const Tensors& in) {
        return Tensors{tanh(in[2] * 0.5 + 1) * (in[0] - in[1]) + in[2] / (in[1] * in[1] + 1)};
      };
      const CapturedStep step = capture(f, {a, b, big});
      INFO(to_string(left) << " and " << to_string(right));
      require_same(step.run({a, b, big}), f({a, b, big}));
      const Tensor c = randn(left), d = randn(right);
      require_same(step.run({c, d, big}), f({c, d, big}));
    }
}
