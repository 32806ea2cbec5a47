#pragma once

#include <cmath>

#include "gradus/gradus.hpp"
#include "gradus/train.hpp"
#include "support/catch.hpp"

namespace gradus::test {

inline const train::Loss squared = [](const Tensor& output, const Tensor& target) {
  return mse_loss(output, target);
};

/// y = 2 x - 1 with noise.
inline data::TensorDataset line(Index n, std::uint64_t seed = 1) {
  Generator generator(seed);
  const Tensor x = randn({n, 1}, float64, &generator);
  return data::TensorDataset(x, x * 2 - 1 + randn({n, 1}, float64, &generator) * 0.1);
}

inline nn::Linear small_model(std::uint64_t seed = 0) {
  manual_seed(seed);
  nn::Linear model(1, 1);
  model.to(float64);
  return model;
}

/// Remembers what it was told; does more where a test asks for it.
struct Recorder : train::Callback {
  std::string events;
  std::vector<std::vector<double>> gradients;  // of the weight, after each backward pass
  std::vector<double> losses;
  std::function<void(train::Context&)> at_step_end;
  std::function<void(train::Context&, train::Epoch&)> at_epoch_end;

  void on_fit_begin(train::Context&) override { events += "F"; }
  void on_epoch_begin(train::Context&) override { events += "E"; }
  void on_step_begin(train::Context& run) override {
    CHECK(run.input.defined());
    CHECK_FALSE(run.output.defined());
    events += "s";
  }
  void on_backward_end(train::Context& run) override {
    events += "b";
    gradients.push_back(run.model.parameters()[0].grad().to_vector<double>());
    losses.push_back(run.loss);
  }
  void on_step_end(train::Context& run) override {
    events += run.skipped ? "x" : ".";
    if (at_step_end) at_step_end(run);
  }
  void on_epoch_end(train::Context& run, train::Epoch& epoch) override {
    events += "e";
    if (at_epoch_end) at_epoch_end(run, epoch);
  }
  void on_fit_end(train::Context& run) override {
    events += "f";
    CHECK_FALSE(run.model.is_training());
  }
};

inline std::vector<double> values(const nn::Module& model) {
  std::vector<double> all;
  for (const Tensor& parameter : model.parameters())
    for (const double value : parameter.to_vector<double>()) all.push_back(value);
  return all;
}

}  // namespace gradus::test
