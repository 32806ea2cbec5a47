#include <cmath>

#include "gradus/gradus.hpp"
#include "support/catch.hpp"

using namespace gradus;
using gradus::test::Approx;

namespace {

/// The textbook's network of two inputs, two hidden units and one output, sigmoid everywhere.
struct TwoTwoOne : nn::Module {
  nn::Linear hidden = add("hidden", nn::Linear(2, 2, {.dtype = float64}));
  nn::Linear output = add("output", nn::Linear(2, 1, {.dtype = float64}));
  TwoTwoOne() {
    load_state_dict({{"hidden.weight", tensor({{.15, .25}, {.20, .30}}, float64)},
                     {"hidden.bias", tensor({.35, .35}, float64)},
                     {"output.weight", tensor({{.40, .45}}, float64)},
                     {"output.bias", tensor({.60}, float64)}});
  }
  Tensor forward(const Tensor& x) const override { return sigmoid(output(sigmoid(hidden(x)))); }
};

void check_near(const Tensor& x, const std::vector<double>& expected) {
  const auto values = x.to_vector<double>();
  REQUIRE(values.size() == expected.size());
  for (std::size_t i = 0; i < values.size(); ++i) CHECK(std::abs(values[i] - expected[i]) < 1e-10);
}

}  // namespace

TEST_CASE("the textbook's network has the known gradients and the known weights after a step") {
  TwoTwoOne net;
  const Tensor x = tensor({.05, .10}, float64), target = tensor({.01}, float64);
  optim::SGD opt(net.parameters(), {.lr = 0.5});
  const auto loss = [&] { return mse_loss(net(x), target, {.reduction = Reduction::sum}) * 0.5; };
  const Tensor first = loss();
  check_near(net(x), {.7514046014});
  check_near(first, {.2748403915});
  first.backward();
  check_near(net.output.bias.grad(), {.1384912111});
  check_near(net.output.weight.grad(), {.0823296916, .0825799132});
  check_near(net.hidden.bias.grad(), {.0133546686, .0150025228});
  check_near(net.hidden.weight.grad(), {.0006677334, .0013354669, .0007501261, .0015002523});
  opt.step();
  check_near(net.hidden.weight, {.1496661333, .2493322666, .1996249369, .2992498739});
  check_near(net.hidden.bias, {.3433226657, .3424987386});
  check_near(net.output.weight, {.3588351542, .4087100434});
  check_near(net.output.bias, {.5307543945});
  check_near(loss(), {.2580389054});
}

TEST_CASE("the textbook's network goes on to learn as known") {
  TwoTwoOne net;
  const Tensor x = tensor({.05, .10}, float64), target = tensor({.01}, float64);
  optim::SGD opt(net.parameters(), {.lr = 0.5});
  const auto loss = [&] { return mse_loss(net(x), target, {.reduction = Reduction::sum}) * 0.5; };
  int steps = 0;
  const auto after = [&](int count) {
    for (; steps < count; ++steps) {
      opt.zero_grad();
      loss().backward();
      opt.step();
    }
    return loss().item();
  };
  CHECK(after(10) == Approx(.1106475).epsilon(5e-7));
  CHECK(after(100) == Approx(.0037806).epsilon(2e-5));
  CHECK(after(1000) == Approx(.000160538).epsilon(5e-6));
  CHECK(after(10'000) == Approx(1.817e-6).epsilon(5e-4));
}

TEST_CASE("sigmoids in a row shrink a gradient by a quarter each, or by 0.09 where saturated") {
  const auto through = [](int layers, double at) {
    const Tensor x = tensor(std::log(at / (1 - at)), float64).requires_grad_();
    Tensor y = x;
    for (int i = 0; i < layers; ++i)
      y = sigmoid(y) + (x.detach() - sigmoid(y).detach());  // the next layer sees the same input
    return grad(y, {x})[0].item();
  };
  CHECK(through(4, 0.5) == 0.00390625);
  CHECK(through(5, 0.5) == 0.0009765625);
  CHECK(through(10, 0.5) == 9.5367431640625e-07);
  CHECK(through(5, 0.9) == Approx(5.9049e-06).epsilon(1e-12));
  const Tensor zero = tensor(0.0).requires_grad_();
  CHECK(grad(tanh(zero), {zero})[0].item() == 1);
}

TEST_CASE("exclusive or is learned from any seed by eight tanh units") {
  const Tensor x = tensor({{0, 0}, {0, 1}, {1, 0}, {1, 1}}), y = tensor({{0}, {1}, {1}, {0}});
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Generator generator(seed);
    nn::Sequential net(nn::Linear(2, 8, {.generator = &generator}), nn::Tanh(),
                       nn::Linear(8, 1, {.generator = &generator}));
    optim::Adam opt(net.parameters(), {.lr = 0.05});
    for (int step = 0; step < 1000; ++step) {
      opt.zero_grad();
      bce_with_logits(net(x), y).backward();
      opt.step();
    }
    INFO("seed " << seed);
    CHECK(gt(net(x), 0.0).to_vector<bool>() == std::vector<bool>{false, true, true, false});
  }
}
