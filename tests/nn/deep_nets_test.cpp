// Networks of thousands of layers or steps: they train on a stack of 8 MB, and leave nothing
// behind.
#include "gradus/gradus.hpp"
#include "support/catch.hpp"
#include "support/small_stack.hpp"

using namespace gradus;
using gradus::test::on_small_stack;

namespace {

struct Step {
  double loss;
  MemoryStats before, after;  ///< the peak after is that of this step
};

/// Steps of training with all handles to the graph gone in between.
std::vector<Step> train(nn::Module& model, const Tensor& x, const Tensor& y, double lr, int steps) {
  optim::Adam optimizer(model.parameters(), {.lr = lr});
  std::vector<Step> all;
  for (int i = 0; i < steps; ++i) {
    Step step{};
    reset_peak();
    step.before = memory_stats();
    {
      const Tensor loss = mse_loss(model(x), y);
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
      step.loss = loss.item();
    }
    step.after = memory_stats();
    all.push_back(step);
  }
  return all;
}

/// The loss falls in every step; from the second on, when gradients and the optimizer's state are
/// there, a step leaves what it found and needs no more than the step before.
void check_steady(const std::vector<Step>& steps) {
  REQUIRE(steps.size() >= 3);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    INFO("step " << i);
    CHECK(steps[i].after.live_nodes == steps[i].before.live_nodes);
    if (i == 0) continue;
    CHECK(steps[i].loss < steps[i - 1].loss);
    CHECK(steps[i].after.live_tensors == steps[i].before.live_tensors);
    CHECK(steps[i].after.live_buffers == steps[i].before.live_buffers);
    CHECK(steps[i].after.live_bytes == steps[i].before.live_bytes);
    if (i > 1) CHECK(steps[i].after.peak_bytes <= steps[i - 1].after.peak_bytes);
  }
}

/// The last state of a recurrent network, through a linear layer.
struct Reader : nn::Module {
  nn::LSTM lstm = add("lstm", nn::LSTM(2, 4));
  nn::Linear head = add("head", nn::Linear(4, 1));

 protected:
  Tensor forward(const Tensor& x) const override { return head(lstm(x)[-1]); }
};

}  // namespace

TEST_CASE("an LSTM trains over 5,000 steps of time") {
  std::vector<Step> steps;
  on_small_stack([&] {
    manual_seed(1);
    Reader model;
    const Tensor x = randn({5000, 3, 2}), y = randn({3, 1});
    steps = train(model, x, y, 0.01, 4);
  });
  check_steady(steps);
}

TEST_CASE("a residual network of 1,000 layers trains") {
  constexpr int layers = 1000;
  std::vector<Step> steps;
  double first = 0;
  on_small_stack([&] {
    manual_seed(2);
    nn::Sequential model;
    for (int i = 0; i < layers; ++i) {
      const nn::Linear linear(8, 8);
      nn::init::normal_(linear.weight, 0, 0.01);
      nn::init::zeros_(linear.bias);
      model.append(nn::Residual(nn::Sequential(linear, nn::ReLU())));
    }
    const Tensor x = randn({16, 8}), y = randn({16, 8});
    steps = train(model, x, y, 1e-4, 4);
    first = norm(model.parameters()[0].grad()).item();
  });
  check_steady(steps);
  CHECK(first > 1e-3);  // the gradient arrives at the first layer
}

TEST_CASE("checkpoints cut the memory of a deep network to a third, with equal gradients") {
  constexpr std::size_t layers = 64, segment = 8;
  constexpr Index width = 16;
  manual_seed(3);
  std::vector<Tensor> weights;
  for (std::size_t i = 0; i < layers; ++i)
    weights.push_back(nn::init::xavier_normal_(zeros({width, width})).requires_grad_());
  const Tensor x = randn({512, width}), y = randn({512, width});

  const auto part = [](const std::vector<Tensor>& inputs) {
    Tensor h = inputs[0];
    for (std::size_t i = 1; i < inputs.size(); ++i) h = tanh(linear(h, inputs[i]));
    return h;
  };
  const auto measure = [&](bool save) {
    const std::int64_t held = memory_stats().live_bytes;
    reset_peak();
    Tensor h = x;
    for (auto w = weights.cbegin(); w != weights.cend(); w += segment) {
      std::vector<Tensor> inputs{h};
      inputs.insert(inputs.end(), w, w + segment);
      h = save ? checkpoint(part, inputs) : part(inputs);
    }
    std::vector<Tensor> grads = grad(mse_loss(h, y), weights);
    return std::pair(memory_stats().peak_bytes - held, std::move(grads));
  };
  const auto [plain_bytes, plain_grads] = measure(false);
  const auto [saved_bytes, saved_grads] = measure(true);
  INFO(saved_bytes << " bytes with checkpoints, " << plain_bytes << " without");
  CHECK(plain_bytes > static_cast<std::int64_t>(layers) * x.numel() * 4);
  CHECK(3 * saved_bytes <= plain_bytes);
  for (std::size_t i = 0; i < layers; ++i)
    CHECK(saved_grads[i].to_vector<float>() == plain_grads[i].to_vector<float>());
}
