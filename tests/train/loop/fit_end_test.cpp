// How a run comes to its end, and which epoch is best.

#include <atomic>
#include <cmath>

#include "train/loop/fit_support.hpp"

using namespace gradus;
using namespace gradus::test;

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
  CHECK_THAT(halted.reason, contains("NaN") && contains("step 3"));

  nn::Linear fourth = small_model();
  run(optim::NonFinite::ignore, ignored, fourth);
  CHECK(ignored.events == "FEsb.sb.sb.sb.ef");
  CHECK(std::isnan(values(fourth)[0]));
}

TEST_CASE(
    "a finite gradient that the optimizer cannot square is treated as one that is not finite") {
  const auto run = [](optim::NonFinite policy, double clip, nn::Module& model) {
    optim::Adam optimizer(model.parameters(), {.lr = 0.1});
    data::DataLoader loader(line(8), {.batch_size = 2});
    int call = 0;
    const train::Loss loss = [&](const Tensor& output, const Tensor& target) {
      return squared(output, target) * (++call == 3 ? 1e200 : 1);
    };
    return train::fit(model, loss, optimizer, nullptr, loader, {},
                      {.clip_norm = clip, .non_finite = policy});
  };
  nn::Linear model = small_model();
  CHECK_THROWS_WITH(run(optim::NonFinite::raise, 0, model),
                    contains("too large for an update, in epoch 1, step 3"));
  CHECK(run(optim::NonFinite::skip, 0, model).skipped_steps == 1);
  CHECK(run(optim::NonFinite::stop, 0, model).ended == train::Ended::non_finite);
  CHECK(run(optim::NonFinite::raise, 1, model).skipped_steps == 0);  // clipped to a usual size
  for (const double value : values(model)) CHECK(std::isfinite(value));
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
