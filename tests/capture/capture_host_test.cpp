// What a captured step says of values that it reads beside recorded operations, and of the host's
// work among its calls.
#include "capture/capture_support.hpp"
#include "gradus/capture.hpp"

using namespace gradus;
using test::contains;
using test::require_same;
using test::same_bits;
using test::Tensors;

TEST_CASE("what a step only compares with lives as long as the step") {
  const Index n = 300;
  Tensor limit = full({n}, 0.5), order = arange(0, n, 1, float32);
  const Tensor x = rand({n});
  const CapturedStep step =
      capture([&](const Tensor& in) { return gt(in, limit).to(float32) + argmax(order); }, {x});
  const Tensor want = gt(x, limit).to(float32) + argmax(order);
  limit = order = Tensor();
  const Tensor other = full({n}, 2), another = full({n}, -1);  // where they were
  require_same({step(x)}, {want});
}

TEST_CASE("the step of an optimizer names what it reads and updates") {
  for (const char* name : {"sgd", "momentum", "adam", "adamw", "rmsprop"}) {
    INFO(name);
    const Index n = 3 * test::chain_tile;
    const Tensor w = ones({n}).requires_grad_(), x = rand({n});
    const auto optimizer = optim::make_optimizer(name, {w}, {{"lr", 0.1}});
    const CapturedStep step = capture(
        [&](const Tensor& in) {
          const Tensor unused = exp(in) * in;  // it is freed after the host's work
          const Tensor loss = sum(square(w * in));
          optimizer->zero_grad();
          loss.backward();
          clip_grad_norm({w}, 1);
          optimizer->step();
          return loss;
        },
        {x});
    CHECK(step.dropped() == 2);
    const std::string text = step.text();
    CHECK_THAT(text, contains("host updated <> "));
    CHECK_THAT(text, contains("host read <- "));
  }
}

TEST_CASE("a step that seeds a generator is refused") {
  CHECK_THROWS_WITH(capture(
                        [](const Tensor& in) {
                          manual_seed(1);
                          return in + rand({3});
                        },
                        {ones({3})}),
                    contains("[capture] the step calls manual_seed or set_state"));
}
