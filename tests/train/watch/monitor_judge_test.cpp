#include "gradus/gradus.hpp"
#include "gradus/train.hpp"
#include "support/catch.hpp"
#include "train/watch/limits.hpp"

using namespace gradus;
using gradus::test::contains;

namespace {

/// A run whose losses are made up: the monitor is told what a loop would tell it.
struct MadeUp {
  nn::MLP model;
  optim::SGD optimizer;
  data::DataLoader loader;
  data::TensorDataset validation;
  std::vector<train::Epoch> history = {};
  std::vector<train::Finding> findings = {};
  train::Monitor monitor{{.lint = false}};
  train::Context run{model, optimizer, loader, validation, history, findings};

  explicit MadeUp(double lr = 0.01)
      : model({2, 8, 2}),
        optimizer(model.parameters(), {.lr = lr}),
        loader(data::make_moons({.n = 40, .noise = 0.1}), {.batch_size = 8}),
        validation(data::make_moons({.n = 10})) {
    run.epochs = 40;
    monitor.on_fit_begin(run);
  }

  /// 20 steps whose update changes every weight by `change` of itself.
  void epoch(double train_loss, double validation_loss, double change = 0.01) {
    ++run.epoch;
    for (int i = 0; i < 20; ++i) {
      ++run.global_step;
      run.input = zeros({8, 2});
      run.output = zeros({8, 2});
      run.loss = train_loss;
      run.grad_norm = 1;
      monitor.on_step_begin(run);
      for (Tensor& p : model.parameters()) p.set_grad(full_like(p, 0.01));
      monitor.on_backward_end(run);
      const NoGrad guard;
      for (Tensor& p : model.parameters()) p.copy_(p * (1 + change));
      monitor.on_step_end(run);
    }
    train::Epoch record{.epoch = run.epoch,
                        .train_loss = train_loss,
                        .validation_loss = validation_loss,
                        .lr = 0.01};
    monitor.on_epoch_end(run, record);
    history.push_back(record);
  }

  std::string kinds() const {
    std::string out;
    for (const auto& f : findings) out += (out.empty() ? "" : " ") + f.kind;
    return out;
  }
};

const double c = std::log(2.0);  // of two classes of the same size

}  // namespace

TEST_CASE("losses that fall on both parts are healthy") {
  MadeUp run;
  for (int i = 1; i <= 40; ++i) run.epoch(1.0 / i, 1.1 / i + 0.01 * (i % 2));
  CHECK(run.kinds() == "");
}

TEST_CASE("a validation loss that rises while the training loss falls is overfitting") {
  MadeUp run;
  for (int i = 1; i <= 5; ++i) run.epoch(0.7 / i, 0.75 / i);
  for (int i = 1; i <= 6; ++i) run.epoch(0.12 / i, 0.15 + 0.1 * i);
  REQUIRE(run.kinds() == "overfitting");
  CHECK(run.findings[0].epoch >= 8);
  CHECK_THAT(run.findings[0].text, contains("since epoch 5 the validation loss rose from 0.15 to"));
}

TEST_CASE("a small rise of the validation loss, or one of both losses, is not overfitting") {
  MadeUp small;
  for (int i = 1; i <= 20; ++i) small.epoch(0.7 / i, 0.2 + 0.001 * i);
  CHECK(small.kinds() == "");
  MadeUp both;
  for (int i = 1; i <= 20; ++i) both.epoch(0.1 + 0.01 * i, 0.2 + 0.02 * i);
  CHECK(both.kinds() == "");
}

TEST_CASE("training below a validation loss that never beats a constant is no signal") {
  MadeUp run;
  for (int i = 1; i <= 10; ++i) run.epoch(0.7 / i, c + 0.1 * i);
  REQUIRE(run.kinds() == "no_signal");
  CHECK_THAT(run.findings[0].text, contains("a constant output has 0.693"));
}

TEST_CASE("losses that stay at the constant predictor's are reported after a quarter of the run") {
  MadeUp run;
  for (int i = 1; i <= 9; ++i) run.epoch(c + 0.001 * (i % 2), c);
  CHECK(run.kinds() == "");
  run.epoch(c, c);
  CHECK(run.kinds() == "constant_predictor");
  MadeUp learns;  // dropout keeps the training loss high, but the validation loss falls
  for (int i = 1; i <= 20; ++i) learns.epoch(c + 0.1, c / i);
  CHECK(learns.kinds().find("constant_predictor") == std::string::npos);
}

TEST_CASE("updates that are tiny while the loss stands still tell of a low learning rate") {
  MadeUp run(1e-6);
  for (int i = 1; i <= 4; ++i) run.epoch(1.0 - 0.001 * i, 1, 1e-6);
  REQUIRE_FALSE(run.findings.empty());
  CHECK(run.findings[0].kind == "learning_rate_low");
  CHECK_THAT(run.findings[0].text,
             contains("The learning rate 1e-06 is too low") && contains("try 0.001"));
  MadeUp done(1e-6);  // the same updates of a model that has learned already
  for (int i = 1; i <= 8; ++i) done.epoch(0.05, 0.05, 1e-6);
  CHECK(done.kinds() == "");
}

TEST_CASE("updates of the size of the weights tell of a high learning rate") {
  MadeUp run(0.5);
  run.epoch(0.5, 0.5, 0.4);
  run.epoch(0.4, 0.4, 0.4);
  REQUIRE(run.kinds() == "learning_rate_high");
  CHECK(run.findings[0].step == 30);
  CHECK_THAT(run.findings[0].text,
             contains("The learning rate 0.5 is too high") && contains("40 % of their size"));
}

TEST_CASE("a loss that grows far beyond its beginning diverges") {
  MadeUp run;
  run.epoch(0.7, 0.7);
  run.epoch(0.6, 0.7);
  for (int i = 1; i <= 4; ++i) run.epoch(2.0 * i, 0.7);
  REQUIRE_FALSE(run.findings.empty());
  CHECK(run.kinds().find("divergence") != std::string::npos);
}

TEST_CASE("limits of losses go by their magnitude, as losses of densities are negative") {
  using train::limits::times;
  for (const double loss : {0.5, 4.0}) {
    CHECK(times(2, loss) == 2 * loss);
    CHECK(times(0.75, loss) == 0.75 * loss);
    CHECK(times(2, -loss) == 0);
    CHECK(times(0.75, -loss) == -1.25 * loss);
  }
  CHECK(times(2, 0) == 0);
}

TEST_CASE("a loss that jumps up and down oscillates, and one that stands still is a plateau") {
  MadeUp jumps;
  for (int i = 1; i <= 12; ++i) jumps.epoch(i % 2 ? 0.45 : 0.65, 0.5);
  CHECK(jumps.kinds().find("oscillation") != std::string::npos);
  MadeUp still;
  for (int i = 1; i <= 14; ++i) still.epoch(0.5, 0.5);
  REQUIRE(still.kinds() == "plateau");
  CHECK_FALSE(still.findings[0].alarm);
  MadeUp arrived;
  for (int i = 1; i <= 20; ++i) arrived.epoch(i % 2 ? 0.02 : 0.04, 0.03);
  CHECK(arrived.kinds() == "");
}

TEST_CASE("gradients that vanish or explode through the layers are told apart") {
  const auto found = [](double first, double last) {
    manual_seed(0);
    nn::MLP model({2, 8, 2});
    // Scaled on its way: the gradient of the first layer's result is multiplied.
    const train::Loss loss = [&](const Tensor& output, const Tensor&) {
      Tensor a = model.named_parameters()[0].second, b = model.named_parameters()[2].second;
      return sum(a * first) + sum(b * last) + sum(output) * 0.0;
    };
    optim::SGD optimizer(model.parameters(), {.lr = 1e-9});
    data::DataLoader loader(data::make_moons({.n = 40}), {.batch_size = 8});
    train::Monitor monitor({.lint = false, .every = 1});
    std::vector<train::Finding> findings;
    train::fit(model, loss, optimizer, nullptr, loader, {},
               {.epochs = 8, .callbacks = {&monitor}, .findings = &findings});
    std::string out;
    for (const auto& f : findings)
      if (f.kind.ends_with("gradient")) out += f.kind + "@" + f.where;
    return out;
  };
  CHECK(found(1e-6, 1) == "vanishing_gradient@fc1");
  CHECK(found(1e6, 1) == "exploding_gradient@fc1");
  CHECK(found(1, 1) == "");
}

TEST_CASE("a layer that no gradient reaches is named") {
  struct Net : nn::Module {
    nn::Linear used = add("used", nn::Linear(2, 2)), unused = add("unused", nn::Linear(2, 2));
    Tensor forward(const Tensor& x) const override { return used(x); }
  };
  Net net;
  optim::SGD optimizer(net.parameters(), {.lr = 0.01});
  data::DataLoader loader(data::make_moons({.n = 40}), {.batch_size = 8});
  train::Monitor monitor({.every = 1});
  std::vector<train::Finding> findings;
  train::fit(
      net, [](const Tensor& output, const Tensor& target) { return cross_entropy(output, target); },
      optimizer, nullptr, loader, {},
      {.epochs = 8, .callbacks = {&monitor}, .findings = &findings});
  const auto found = std::find_if(findings.begin(), findings.end(),
                                  [](const auto& f) { return f.kind == "no_gradient"; });
  REQUIRE(found != findings.end());
  CHECK(found->where == "unused");
}

TEST_CASE("a gradient that is far larger than all before it is a spike") {
  const auto found = [](int steps, double usual, double largest, double norm) {
    MadeUp made;
    made.run.loss = 0.5;
    made.run.output = zeros({8, 2});
    for (int i = 0; i <= steps; ++i) {
      ++made.run.global_step;
      made.run.grad_norm = i == 0 ? largest : i == steps ? norm : usual;
      made.monitor.on_backward_end(made.run);
    }
    return made.findings;
  };
  const auto findings = found(60, 1, 2, 50);
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].kind == "gradient_spike");
  CHECK_FALSE(findings[0].alarm);
  CHECK(findings[0].step == 61);
  CHECK_THAT(findings[0].text, contains("jumps to 50") && contains("where 1 is usual") &&
                                   contains("2 was the largest") && contains("norm at 1."));
  CHECK(found(60, 1, 2, 19).empty());   // not that far
  CHECK(found(60, 1, 20, 50).empty());  // the run began with as much
  CHECK(found(40, 1, 2, 50).empty());   // too early to tell
  CHECK(found(60, 0.01, 0.02, 50).size() == 1);
}
