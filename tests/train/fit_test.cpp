#include <atomic>
#include <cmath>

#include "gradus/gradus.hpp"
#include "gradus/train.hpp"
#include "support/catch.hpp"

using namespace gradus;
using gradus::test::Approx;
using gradus::test::contains;
using train::metric;

namespace {

const train::Loss squared = [](const Tensor& output, const Tensor& target) {
  return mse_loss(output, target);
};

/// y = 2 x - 1 with noise.
data::TensorDataset line(Index n, std::uint64_t seed = 1) {
  Generator generator(seed);
  const Tensor x = randn({n, 1}, float64, &generator);
  return data::TensorDataset(x, x * 2 - 1 + randn({n, 1}, float64, &generator) * 0.1);
}

nn::Linear small_model(std::uint64_t seed = 0) {
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

std::vector<double> values(const nn::Module& model) {
  std::vector<double> all;
  for (const Tensor& parameter : model.parameters())
    for (const double value : parameter.to_vector<double>()) all.push_back(value);
  return all;
}

}  // namespace

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

TEST_CASE("a run ends early when its metric stops improving, with the best weights") {
  nn::Linear model = small_model();
  optim::SGD optimizer(model.parameters(), {.lr = 0.1});
  data::DataLoader loader(line(8), {.batch_size = 4});
  const double losses[] = {5, 4, 3.95, 3.9, 4.5, 1};
  std::vector<std::vector<double>> after;
  Recorder recorder;
  recorder.at_epoch_end = [&](train::Context& run, train::Epoch& epoch) {
    after.push_back(values(run.model));
    epoch.metrics.emplace_back("mine", losses[run.epoch - 1]);
  };
  const auto result = train::fit(
      model, squared, optimizer, nullptr, loader, {},
      {.epochs = 6, .monitor = "mine", .patience = 3, .min_delta = 0.2, .callbacks = {&recorder}});
  CHECK(result.ended == train::Ended::early);
  CHECK_THAT(result.reason, contains("mine") && contains("3 epochs"));
  CHECK(result.history.size() == 5);
  CHECK(result.best_epoch == 4);
  CHECK(result.best_value == 3.9);
  CHECK(values(model) == after[3]);
}

TEST_CASE("higher is better for accuracies, and for what is said to be") {
  for (const auto& [name, better, best] :
       {std::tuple{"my_accuracy", train::Better::automatic, Index{2}},
        std::tuple{"mine", train::Better::higher, Index{2}},
        std::tuple{"f1", train::Better::lower, Index{1}}}) {
    nn::Linear model = small_model();
    optim::SGD optimizer(model.parameters(), {.lr = 0.1});
    data::DataLoader loader(line(8), {.batch_size = 8});
    Recorder recorder;
    const std::string metric_name = name;
    recorder.at_epoch_end = [&](train::Context& run, train::Epoch& epoch) {
      epoch.metrics.emplace_back(metric_name, run.epoch == 1 ? 0.2 : run.epoch == 2 ? 0.9 : NAN);
    };
    const auto result = train::fit(
        model, squared, optimizer, nullptr, loader, {},
        {.epochs = 3, .monitor = metric_name, .better = better, .callbacks = {&recorder}});
    CHECK(result.best_epoch == best);
  }
}

TEST_CASE("a plateau of the monitored metric lowers the learning rate") {
  nn::Linear model = small_model();
  optim::SGD optimizer(model.parameters(), {.lr = 0});
  optimizer.set_lr(1e-9);
  optim::ReduceLROnPlateau plateau(optimizer, {.factor = 0.5, .patience = 1, .eps = 0});
  data::DataLoader loader(line(8), {.batch_size = 8});
  const auto result = train::fit(model, squared, optimizer, nullptr, loader, line(8),
                                 {.epochs = 4, .plateau = &plateau});
  CHECK(optimizer.lr() == 0.5e-9);
  CHECK(result.history[3].lr == 0.5e-9);
}

TEST_CASE("a request to stop ends the run after the step") {
  nn::Linear model = small_model();
  optim::SGD optimizer(model.parameters(), {.lr = 0.1});
  data::DataLoader loader(line(8), {.batch_size = 2});
  std::atomic<bool> stop = false;
  Recorder recorder;
  std::vector<double> best;
  recorder.at_epoch_end = [&](train::Context& run, train::Epoch&) { best = values(run.model); };
  recorder.at_step_end = [&](train::Context& run) { stop = run.epoch == 2 && run.step == 3; };
  const auto result = train::fit(model, squared, optimizer, nullptr, loader, {},
                                 {.epochs = 4, .stop = &stop, .callbacks = {&recorder}});
  CHECK(recorder.events == "FEsb.sb.sb.sb.eEsb.sb.sb.f");
  CHECK(result.ended == train::Ended::interrupted);
  CHECK_THAT(result.reason, contains("step 3 of 4 in epoch 2"));
  CHECK(result.history.size() == 1);
  CHECK(values(model) == best);
}

TEST_CASE("a callback's wish to stop ends the epoch after the step") {
  nn::Linear model = small_model();
  optim::SGD optimizer(model.parameters(), {.lr = 0.1});
  data::DataLoader loader(line(8), {.batch_size = 2});
  Recorder recorder;
  recorder.at_step_end = [](train::Context& run) {
    if (run.step == 2) run.stop = "enough";
  };
  const auto result = train::fit(model, squared, optimizer, nullptr, loader, {},
                                 {.epochs = 4, .callbacks = {&recorder}});
  CHECK(recorder.events == "FEsb.sb.ef");
  CHECK(result.ended == train::Ended::callback);
  CHECK(result.reason == "enough");
  CHECK(result.history.size() == 1);
  CHECK(loader.state().epoch == 1);
}

TEST_CASE("losses that are not finite raise, are skipped, or stop the run") {
  const auto run = [](optim::NonFinite policy, Recorder& recorder, nn::Module& model,
                      bool only_gradient = false) {
    optim::SGD optimizer(model.parameters(), {.lr = 0.1});
    data::DataLoader loader(line(8), {.batch_size = 2});
    int call = 0;
    const train::Loss loss = [&](const Tensor& output, const Tensor& target) {
      const Tensor value = squared(output, target);
      if (++call != 3) return value;
      return only_gradient ? value + sqrt(sum(output * 0) + 1e-320) * 1e200 : value * NAN;
    };
    return train::fit(model, loss, optimizer, nullptr, loader, {},
                      {.non_finite = policy, .callbacks = {&recorder}});
  };
  Recorder raised, skipped, stopped, ignored;
  nn::Linear model = small_model();
  CHECK_THROWS_AS(run(optim::NonFinite::raise, raised, model), train::NonFiniteError);
  CHECK(raised.events == "FEsb.sb.sbf");
  CHECK(std::isfinite(values(model)[0]));

  nn::Linear other = small_model();
  const auto result = run(optim::NonFinite::skip, skipped, other);
  CHECK(skipped.events == "FEsb.sb.sbxsb.ef");
  CHECK(result.skipped_steps == 1);
  CHECK(result.ended == train::Ended::complete);
  CHECK(std::isfinite(result.history[0].train_loss));
  CHECK(std::isfinite(values(other)[0]));

  nn::Linear third = small_model();
  const auto halted = run(optim::NonFinite::stop, stopped, third);
  CHECK(stopped.events == "FEsb.sb.sbxf");
  CHECK(halted.ended == train::Ended::non_finite);
  CHECK_THAT(halted.reason, contains("nan") && contains("step 3"));

  nn::Linear fourth = small_model();
  run(optim::NonFinite::ignore, ignored, fourth);
  CHECK(ignored.events == "FEsb.sb.sb.sb.ef");
  CHECK(std::isnan(values(fourth)[0]));
}

TEST_CASE(
    "the best weights are restored and evaluation mode is on when an exception ends the run") {
  nn::Linear model = small_model();
  optim::SGD optimizer(model.parameters(), {.lr = 0.1});
  data::DataLoader loader(line(8), {.batch_size = 2});
  for (const double decay : {0.0, 0.5}) {
    std::vector<double> best;
    Recorder recorder;
    recorder.at_epoch_end = [&](train::Context& run, train::Epoch&) {
      if (run.epoch == 2) throw std::runtime_error("in the middle");
      best = values(run.model);
    };
    CHECK_THROWS_WITH(train::fit(model, squared, optimizer, nullptr, loader, line(4),
                                 {.epochs = 3, .ema_decay = decay, .callbacks = {&recorder}}),
                      "in the middle");
    CHECK(recorder.events.ends_with("ef"));
    CHECK(values(model) == best);
    CHECK_FALSE(model.is_training());
  }
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
  refused({.callbacks = {nullptr}}, "callback");
  refused({.monitor = "validation_loss"}, "empty validation part");
  data::DataLoader none(line(3), {.batch_size = 4, .drop_last = true});
  CHECK_THROWS_WITH(train::fit(model, squared, optimizer, nullptr, none, {}, {}),
                    contains("no batches"));
  CHECK(values(model) == before);
  refused({.monitor = "f2"}, "f2");
}
