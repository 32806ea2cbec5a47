// Captured steps with indices that stay the same.
#include "capture/capture_support.hpp"

using namespace gradus;
using namespace gradus::test;

TEST_CASE("a captured step selects and adds by indices from outside it") {
  const Tensor index = tensor({2, 0, 2}, int64), places = tensor({{1, 0}, {2, 2}}, int64);
  const auto f = [&](const Tensors& in) {
    const Tensor rows = index_select(in[0], 0, index), mask = index_select(in[0] > 0, 0, index);
    return Tensors{rows * 2, mask, gather(in[0], 0, places) + 1, index_add(in[0], 0, index, rows)};
  };
  for (const DType type : {float32, float64}) {
    const Tensor x = randn({3, 2}, type), y = randn({3, 2}, type);
    const CapturedStep step = capture(f, {x});
    require_same(step.run({x}), f({x}));
    require_same(step.run({y}), f({y}));
  }
}
