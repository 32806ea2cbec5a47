#pragma once

#include <atomic>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>

#include "gradus/gradus.hpp"
#include "gradus/train.hpp"
#include "support/files.hpp"

namespace gradus::test {

/// What a run is made of.
struct Recipe {
  const char* what;
  const char* optimizer = "adamw";
  optim::Unit unit = optim::Unit::step;
  bool scheduler = true, plateau = false;
  double dropout = 0.3;
  bool batch_norm = true;
  const char* sampler = "random";
  int prefetch = 0;
  bool monitored = false;
  train::FitOptions options = {};
};

/// A monitored run that is saved at `path` after every `every` epochs.
inline Recipe monitored_at(const std::string& path, Index epochs = 2, Index every = 1) {
  return {.what = "",
          .monitored = true,
          .options = {.epochs = epochs, .checkpoint = {.path = path, .every_epochs = every}}};
}

/// Counts what it is told; its state must survive.
struct Counter : train::Callback {
  double steps = 0, sum = 0;
  void on_step_end(train::Context& run) override {
    ++steps;
    sum += run.loss;
  }
  std::string name() const override { return "counter"; }
  optim::StateDict state_dict() const override {
    return {{"steps", full({}, steps, float64)}, {"sum", full({}, sum, float64)}};
  }
  void load_state_dict(const optim::StateDict& state) override {
    if (!state.contains("steps") || !state.contains("sum")) fail("counter", "nothing to load");
    steps = state.at("steps").item();
    sum = state.at("sum").item();
  }
};

/// Thrown where a process would be killed.
struct Killed : std::runtime_error {
  Killed() : std::runtime_error("killed") {}
};
struct Killer : train::Callback {
  Index at = 0;        // a global step; 0: never
  Index at_epoch = 0;  // between its last step and its end
  void on_step_begin(train::Context& run) override {
    if (at > 0 && run.global_step > at) throw Killed();
  }
  void on_epoch_end(train::Context& run, train::Epoch&) override {
    if (run.epoch == at_epoch) throw Killed();
  }
};

/// Everything a program builds before it trains, from fresh random numbers.
struct Program {
  data::TensorDataset training, validation;
  std::unique_ptr<nn::Sequential> model;
  std::unique_ptr<optim::Optimizer> optimizer;
  std::unique_ptr<optim::Scheduler> scheduler;
  std::unique_ptr<optim::ReduceLROnPlateau> plateau;
  std::unique_ptr<data::DataLoader> loader;
  Counter counter;
  Killer killer;
  train::Monitor monitor{{.every = 3}};
  train::FitOptions options;
  train::Loss loss = [](const Tensor& output, const Tensor& target) {
    return cross_entropy(output, target);
  };

  Program(const Recipe& recipe, std::uint64_t seed) : options(recipe.options) {
    Generator generator(11);
    const Tensor x = randn({46, 4}, float32, &generator);
    const Tensor y = argmax(matmul(x, randn({4, 3}, float32, &generator)), 1);
    const auto take = [&](Index from, Index to) {
      const Tensor rows = arange(static_cast<double>(from), static_cast<double>(to), 1, int64);
      return data::TensorDataset(index_select(x, 0, rows), index_select(y, 0, rows));
    };
    training = take(0, 34);
    validation = take(34, 46);
    manual_seed(seed);
    model = std::make_unique<nn::Sequential>();
    model->append(nn::Linear(4, 8));
    if (recipe.batch_norm) model->append(nn::BatchNorm1d(8));
    model->append(nn::ReLU());
    model->append(nn::Dropout(recipe.dropout));
    model->append(nn::Linear(8, 3));
    optimizer = optim::make_optimizer(recipe.optimizer, model->parameters(), {{"lr", 0.02}});
    if (recipe.scheduler)
      scheduler = std::make_unique<optim::Scheduler>(*optimizer,
                                                     optim::WarmupCosine{.warmup = 2, .total = 30},
                                                     optim::SchedulerOptions{.unit = recipe.unit});
    if (recipe.plateau) {
      plateau = std::make_unique<optim::ReduceLROnPlateau>(
          *optimizer, optim::PlateauOptions{.factor = 0.5, .patience = 0, .threshold = 0.5});
      options.plateau = plateau.get();
    }
    loader = std::make_unique<data::DataLoader>(
        training, data::LoaderOptions{.batch_size = 5,
                                      .merge_last_of_one = true,
                                      .sampler = recipe.sampler,
                                      .weights = recipe.sampler == std::string("weighted")
                                                     ? arange(1, 35, 1, float64)
                                                     : Tensor(),
                                      .prefetch = recipe.prefetch});
    options.callbacks = {&killer, &counter};
    if (recipe.monitored) options.callbacks.push_back(&monitor);
  }
  train::FitResult fit() {
    return train::fit(*model, loss, *optimizer, scheduler.get(), *loader, validation, options);
  }
};

/// Every bit of a checkpoint, but for how long things took.
inline std::string bits(train::Checkpoint c) {
  c.place.seconds = 0;
  for (train::Epoch& epoch : c.history) epoch.seconds = 0;
  const TemporaryFolder folder;
  train::save_checkpoint(folder / "bits", c);
  return read_bytes(folder / "bits");
}

}  // namespace gradus::test
