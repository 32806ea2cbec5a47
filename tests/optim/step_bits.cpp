// A training step gives the same bits for any number of threads.
#include <cstring>

#include "gradus/gradus.hpp"
#include "support/catch.hpp"

using namespace gradus;

namespace {

/// Losses and parameters after three steps, as bits.
template <class Model, class Loss>
std::vector<std::uint32_t> train(const Model& model, const Tensor& x, const Loss& loss,
                                 const char* optimizer) {
  const auto opt = optim::make_optimizer(optimizer, model.parameters(), {{"lr", 1e-2}});
  std::vector<std::uint32_t> bits;
  const auto keep = [&](const Tensor& tensor) {
    const auto values = tensor.detach().template to_vector<float>();
    bits.resize(bits.size() + values.size());
    std::memcpy(bits.data() + bits.size() - values.size(), values.data(),
                values.size() * sizeof(float));
  };
  for (int i = 0; i < 3; ++i) {
    const Tensor value = loss(model(x));
    opt->zero_grad();
    value.backward();
    clip_grad_norm(model.parameters(), 1.0);
    opt->step();
    keep(value);
  }
  for (const Tensor& parameter : model.parameters()) keep(parameter);
  return bits;
}

std::vector<std::uint32_t> classifier() {
  manual_seed(1);
  nn::Sequential model(nn::Linear(300, 515), nn::GELU(), nn::Linear(515, 260), nn::ReLU(),
                       nn::Linear(260, 10));
  const Tensor x = randn({130, 300}), y = randint(0, 10, {130});
  return train(
      model, x, [&](const Tensor& z) { return cross_entropy(z, y); }, "adamw");
}

std::vector<std::uint32_t> normalized() {
  manual_seed(1);
  nn::Sequential model(nn::Linear(128, 256), nn::BatchNorm1d(256), nn::ReLU(), nn::Dropout(0.3),
                       nn::Linear(256, 128), nn::LayerNorm(Shape{128}), nn::Tanh(),
                       nn::Linear(128, 1));
  const Tensor x = randn({257, 128}), y = randint(0, 2, {257, 1}).to(float32);
  return train(
      model, x, [&](const Tensor& z) { return binary_cross_entropy_with_logits(z, y); }, "adam");
}

std::vector<std::uint32_t> wide_regression() {
  manual_seed(1);
  nn::Sequential model(nn::Linear(700, 600), nn::SiLU(), nn::Linear(600, 700));
  const Tensor x = randn({3, 65, 700}), y = randn({3, 65, 700});
  return train(
      model, x, [&](const Tensor& z) { return mse_loss(z, y); }, "sgd");
}

}  // namespace

TEST_CASE("a training step gives the same bits for 1, 2, 3, 4 and 8 threads", "[threads]") {
  const int before = num_threads();
  for (const auto& step : {classifier, normalized, wide_regression}) {
    set_num_threads(1);
    const auto expected = step();
    for (const int threads : {2, 3, 4, 8}) {
      set_num_threads(threads);
      CHECK((step() == expected));
    }
  }
  set_num_threads(before);
}
