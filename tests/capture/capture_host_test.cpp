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

TEST_CASE("a step that reads what it changes itself is refused") {
  const Tensor w = ones({1}).requires_grad_(), count = zeros({1}), x = ones({1});
  optim::SGD optimizer({w}, {.lr = 0.1});
  const auto refused = [&](const Function& f, const char* operation) {
    CHECK_THROWS_WITH(capture(f, {x}),
                      contains(std::string("[capture] the step calls ") + operation +
                               ", which reads values that the step itself changes"));
  };
  refused(
      [&](const Tensor& in) {
        const double k = w.item();
        const Tensor loss = sum(square(w * in)) * k;
        optimizer.zero_grad();
        loss.backward();
        optimizer.step();
        return loss;
      },
      "item");
  refused(
      [&](const Tensor& in) {
        Tensor counter = count;
        counter.copy_(counter + 1);
        return in * static_cast<double>(counter.data<float>()[0]);
      },
      "data");
  CHECK(count.item() == 0);
  const CapturedStep other = capture([&](const Tensor& in) { return in * count.item(); }, {x});
  CHECK(other(x).item() == 0);
}

TEST_CASE("what keeps state and ends with the step is refused") {
  const Tensor w = ones({3}).requires_grad_(), x = ones({3});
  const auto refused = [&](const Function& f) {
    CHECK_THROWS_WITH(capture(f, {x}), contains("ends with it; make it before the step"));
    require_same({w}, {ones({3})});
  };
  refused([](const Tensor& in) {
    Generator generator(5);
    return in + rand({3}, float32, &generator);
  });
  refused([&](const Tensor& in) {
    optim::Adam optimizer({w});
    optimizer.zero_grad();
    const Tensor loss = sum(w * in);
    loss.backward();
    optimizer.step();
    return loss;
  });
  refused([&](const Tensor& in) {
    optim::Ema average({w});
    average.update();
    return in * 2;
  });
}

TEST_CASE("a training flag that is switched is captured anew") {
  nn::Dropout dropout(0.5);
  const Tensor x = ones({64});
  const CapturedStep step = capture([&](const Tensor& in) { return dropout(in); }, {x});
  CHECK(sum(ne(step(x), x)).item() > 0);
  dropout.eval();
  require_same({step(x)}, {x});
  CHECK(step.captures() == 2);
  dropout.train();
  CHECK(sum(ne(step(x), x)).item() > 0);
  CHECK(step.captures() == 2);
}

TEST_CASE("a step that sets rates or loads states is refused") {
  const Tensor w = ones({3}).requires_grad_(), x = ones({3});
  optim::SGD optimizer({w}, {.lr = 0.1, .momentum = 0.9});
  optim::Ema average({w});
  optim::Scheduler scheduler(optimizer, optim::StepLR{.step_size = 2});
  optim::ReduceLROnPlateau plateau(optimizer);
  optim::PercentileClip clip;
  const auto state = optimizer.state_dict(), averages = average.state_dict();
  const auto refused = [&](const auto& change, const std::string& operation) {
    CHECK_THROWS_WITH(capture(
                          [&](const Tensor& in) {
                            change();
                            return in * 2;
                          },
                          {x}),
                      contains("[capture] the step calls " + operation));
    CHECK_THROWS_WITH(checkpoint(
                          [&](const Tensor& in) {
                            change();
                            return in * 2;
                          },
                          {w}),
                      contains("[checkpoint] the function changes state outside tensors"));
  };
  refused([&] { optimizer.set_lr(0.2); }, "set_lr");
  refused([&] { optimizer.set_momentum(0, 0.5); }, "set_momentum");
  refused([&] { optimizer.load_state_dict(state); }, "load_state_dict");
  refused([&] { average.load_state_dict(averages); }, "Ema.load_state_dict");
  refused([&] { scheduler.step(); }, "Scheduler.step");
  refused([&, was = scheduler.state_dict()] { scheduler.load_state_dict(was); },
          "Scheduler.load_state_dict");
  refused([&] { plateau.step(1); }, "ReduceLROnPlateau.step");
  refused([&, was = plateau.state_dict()] { plateau.load_state_dict(was); },
          "ReduceLROnPlateau.load_state_dict");
  refused([&, was = clip.state_dict()] { clip.load_state_dict(was); },
          "PercentileClip.load_state_dict");
  CHECK(optimizer.lr(0) == 0.1);
  CHECK(scheduler.time() == 0);
}
