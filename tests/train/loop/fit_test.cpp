#include <cmath>

#include "train/loop/fit_support.hpp"

using namespace gradus;
using namespace gradus::test;
using train::metric;

TEST_CASE("callbacks are told of a run in order") {
  nn::Linear model = small_model();
  optim::SGD optimizer(model.parameters(), {.lr = 0.1});
  data::DataLoader loader(line(10), {.batch_size = 4});
  Recorder recorder;
  const auto result = train::fit(model, squared, optimizer, nullptr, loader, line(4),
                                 {.epochs = 2, .callbacks = {&recorder}});
  CHECK(recorder.events == "FEsb.sb.sb.eEsb.sb.sb.ef");
  CHECK(result.history.size() == 2);
  CHECK(result.ended == train::Ended::complete);
  CHECK(result.reason == "");
  CHECK(result.monitor == "validation_loss");
  CHECK(result.history[1].validation_loss < result.history[0].validation_loss);
  CHECK(std::isnan(result.history[0].validation_accuracy));
  CHECK(metric(result.history[0].metrics, "rmse") ==
        Approx(std::sqrt(result.history[0].validation_loss)));
}

TEST_CASE("without validation nothing is said of it, and the training loss chooses the best") {
  nn::Linear model = small_model();
  optim::SGD optimizer(model.parameters(), {.lr = 0.1});
  data::DataLoader loader(line(10), {.batch_size = 4});
  const auto result = train::fit(model, squared, optimizer, nullptr, loader, {}, {.epochs = 3});
  CHECK(result.monitor == "train_loss");
  for (const train::Epoch& epoch : result.history) {
    CHECK(std::isnan(epoch.validation_loss));
    CHECK(std::isnan(epoch.validation_accuracy));
    CHECK(epoch.metrics.empty());
  }
  CHECK(result.best_epoch == 3);
  CHECK(result.best_value == result.history[2].train_loss);
}

TEST_CASE("accumulated gradients are those of the mean over all samples, also of uneven batches") {
  for (const Index batch : {2, 3, 4}) {
    nn::Linear whole_model = small_model(), model = small_model();
    optim::SGD whole_optimizer(whole_model.parameters(), {.lr = 0.1}),
        optimizer(model.parameters(), {.lr = 0.1});
    const data::TensorDataset set = line(10);
    data::DataLoader whole(set, {.batch_size = 10}), parts(set, {.batch_size = batch});
    Recorder expected, found;
    train::fit(whole_model, squared, whole_optimizer, nullptr, whole, {},
               {.epochs = 3, .callbacks = {&expected}});
    train::fit(model, squared, optimizer, nullptr, parts, {},
               {.epochs = 3, .accumulate = parts.size(), .callbacks = {&found}});
    REQUIRE(found.gradients.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
      CHECK(found.gradients[i][0] == Approx(expected.gradients[i][0]).epsilon(1e-12));
      CHECK(found.losses[i] == Approx(expected.losses[i]).epsilon(1e-12));
    }
    CHECK(values(model)[0] == Approx(values(whole_model)[0]).epsilon(1e-12));
  }
}

TEST_CASE("an epoch's last step accumulates the batches that are left") {
  nn::Linear model = small_model();
  optim::SGD optimizer(model.parameters(), {.lr = 0});
  data::DataLoader loader(line(10), {.batch_size = 2});
  Recorder recorder;
  train::fit(model, squared, optimizer, nullptr, loader, {},
             {.accumulate = 2, .callbacks = {&recorder}});
  CHECK(recorder.events == "FEsb.sb.sb.ef");
  const data::TensorDataset set = line(10);
  const Tensor tail = arange(8, 10, 1, int64);
  const double expected =
      mse_loss(model(index_select(set.x(), 0, tail)), index_select(set.y(), 0, tail)).item();
  CHECK(recorder.losses[2] == Approx(expected).epsilon(1e-12));
}

TEST_CASE("the loss of an epoch is a mean over samples") {
  nn::Linear model = small_model();
  optim::SGD optimizer(model.parameters(), {.lr = 0});
  data::DataLoader loader(line(10), {.batch_size = 4});
  const auto result = train::fit(model, squared, optimizer, nullptr, loader, line(10), {});
  CHECK(result.history[0].train_loss == Approx(result.history[0].validation_loss).epsilon(1e-12));
}

TEST_CASE("each way of clipping limits the step") {
  const auto moved = [](train::FitOptions options, double lr = 1) {
    nn::Linear model = small_model();
    const std::vector<double> before = values(model);
    optim::SGD optimizer(model.parameters(), {.lr = lr});
    data::DataLoader loader(line(8), {.batch_size = 4});
    options.restore_best = false;
    train::fit(model, squared, optimizer, nullptr, loader, {}, options);
    const std::vector<double> after = values(model);
    return std::hypot(after[0] - before[0], after[1] - before[1]);
  };
  CHECK(moved({}) > 0.1);
  CHECK(moved({.clip_norm = 0.01}) <= 0.02 + 1e-12);
  CHECK(moved({.clip_value = 0.01}) <= 0.02 * std::sqrt(2.0) + 1e-12);
  // At this rate gradients grow from step to step.
  CHECK(moved({.epochs = 3, .clip_percentile = 1e-9}, 5) < moved({.epochs = 3}, 5));
  CHECK_THROWS_WITH(moved({.clip_norm = 1, .clip_value = 1}), contains("choose one"));
}

TEST_CASE("the penalty pulls weights to zero and leaves biases and the losses shown alone") {
  const auto trained = [](train::FitOptions options) {
    nn::Linear model = small_model();
    optim::SGD optimizer(model.parameters(), {.lr = 0.05});
    data::DataLoader loader(line(64), {.batch_size = 64});
    options.epochs = 200;
    options.restore_best = false;
    const auto result = train::fit(model, squared, optimizer, nullptr, loader, {}, options);
    CHECK(result.history.back().train_loss < 10);
    return values(model);
  };
  const auto plain = trained({}), l1 = trained({.l1 = 0.5}), l2 = trained({.l2 = 0.5}),
             both = trained({.l1 = 0.5, .l2 = 0.5});
  CHECK(plain[0] == Approx(2).margin(0.1));
  CHECK(plain[1] == Approx(-1).margin(0.1));
  CHECK(l1[0] < 1.9);
  CHECK(l2[0] < 1.6);
  CHECK(both[0] < std::min(l1[0], l2[0]));
  // The optimum of mean (w x + b - y)^2 + l2 w^2: its gradient is zero.
  const data::TensorDataset set = line(64);
  const Tensor error = set.x() * l2[0] + l2[1] - set.y();
  CHECK(mean(error * set.x()).item() * 2 + 2 * 0.5 * l2[0] == Approx(0).margin(1e-6));
  CHECK(mean(error).item() == Approx(0).margin(1e-6));
}

TEST_CASE("with averages of the weights these are what is measured and kept") {
  nn::Linear model = small_model(), reference = small_model();
  optim::SGD optimizer(model.parameters(), {.lr = 0.1}), step(reference.parameters(), {.lr = 0.1});
  data::DataLoader loader(line(8), {.batch_size = 4}), same(line(8), {.batch_size = 4});
  std::vector<double> measured;
  Recorder recorder;
  recorder.at_epoch_end = [&](train::Context& run, train::Epoch& epoch) {
    measured = values(run.model);
    CHECK(epoch.validation_loss == train::evaluate(run.model, squared, run.validation).loss);
  };
  train::fit(model, squared, optimizer, nullptr, loader, line(8),
             {.ema_decay = 0.9, .callbacks = {&recorder}});
  optim::Ema ema(reference.parameters(), {.decay = 0.9});
  for (auto [x, y] : same) {
    step.zero_grad();
    squared(reference(x), y).backward();
    step.step();
    ema.update();
  }
  ema.apply();
  CHECK(measured == values(reference));
  CHECK(values(model) == values(reference));
}

TEST_CASE("evaluate puts every module back into its mode, also when the loss throws") {
  nn::Sequential model(nn::Linear(1, 4), nn::BatchNorm1d(4), nn::Linear(4, 1));
  model.train();
  model.children()[1].second->eval();
  const train::Loss failing = [&](const Tensor&, const Tensor&) -> Tensor {
    CHECK_FALSE(model.is_training());
    throw std::runtime_error("no loss");
  };
  const data::TensorDataset set(zeros({4, 1}), zeros({4, 1}));
  CHECK_THROWS_WITH(train::evaluate(model, failing, set), "no loss");
  CHECK(model.is_training());
  CHECK_FALSE(model.children()[1].second->is_training());
  CHECK(model.children()[2].second->is_training());
  CHECK(std::isnan(train::evaluate(model, squared, {}).loss));
  CHECK(model.is_training());
}

TEST_CASE("LBFGS trains with its closure, with a penalty and in parts") {
  const data::TensorDataset set = line(32);
  std::vector<std::vector<double>> found;
  for (const Index batch : {32, 10}) {
    nn::Linear model = small_model();
    optim::LBFGS optimizer(model.parameters());
    data::DataLoader loader(set, {.batch_size = batch});
    train::fit(model, squared, optimizer, nullptr, loader, {},
               {.epochs = 3, .accumulate = 4, .l2 = 0.1, .restore_best = false});
    const auto w = values(model);
    const Tensor error = set.x() * w[0] + w[1] - set.y();
    CHECK(mean(error * set.x()).item() * 2 + 0.2 * w[0] == Approx(0).margin(1e-6));
    found.push_back(w);
    CHECK_THROWS_WITH(train::fit(model, squared, optimizer, nullptr, loader, {}, {.clip_norm = 1}),
                      contains("LBFGS"));
  }
  CHECK(found[0][0] == Approx(found[1][0]).epsilon(1e-6));
}

TEST_CASE("options out of range are refused by name before anything happens") {
  nn::Linear model = small_model();
  const std::vector<double> before = values(model);
  optim::SGD optimizer(model.parameters(), {.lr = 0.1});
  data::DataLoader loader(line(8), {.batch_size = 2});
  const auto refused = [&](const train::FitOptions& options, const std::string& text) {
    CHECK_THROWS_WITH(train::fit(model, squared, optimizer, nullptr, loader, {}, options),
                      contains("[fit]") && contains(text));
  };
  refused({.epochs = 0}, "epochs");
  refused({.accumulate = 0}, "accumulate");
  refused({.clip_norm = -1}, "clip_norm");
  refused({.clip_value = NAN}, "clip_value");
  refused({.clip_percentile = 101}, "clip_percentile");
  refused({.l1 = -1}, "l1");
  refused({.l2 = INFINITY}, "l2");
  refused({.ema_decay = 1}, "ema_decay");
  refused({.patience = -1}, "patience");
  refused({.min_delta = NAN}, "min_delta");
  refused({.checkpoint = {.every_steps = -1}}, "every_steps");
  refused({.checkpoint = {.every_epochs = -1}}, "every_epochs");
  refused({.checkpoint = {.every_seconds = -1}}, "every_seconds");
  refused({.callbacks = {nullptr}}, "callback");
  refused({.monitor = "validation_loss"}, "empty validation part");
  data::DataLoader none(line(3), {.batch_size = 4, .drop_last = true});
  CHECK_THROWS_WITH(train::fit(model, squared, optimizer, nullptr, none, {}, {}),
                    contains("no batches"));
  CHECK(values(model) == before);
  refused({.monitor = "f2"}, "f2");
}
