#include "gradus/train/recorder.hpp"

#include <cmath>

#include "gradus/gradus.hpp"
#include "gradus/train.hpp"
#include "support/catch.hpp"

using namespace gradus;
using test::Approx;
using test::contains;
using train::Recorder;
using train::Series;

namespace {

/// Trains a small network on moons and returns its weights.
nn::StateDict train_moons(const std::vector<train::Callback*>& callbacks, Index epochs = 5,
                          double dropout = 0) {
  const data::Split parts =
      data::split(data::make_moons({.n = 200, .noise = 0.1}), {.validation = 0.2, .seed = 0});
  manual_seed(3);
  nn::MLP model({2, 8, 8, 2}, {.norm = "batch", .dropout = dropout});
  optim::Adam optimizer(model.parameters(), {.lr = 0.01});
  data::DataLoader loader(parts.train, {.batch_size = 16, .shuffle = true, .seed = 0});
  const train::Loss loss = [](const Tensor& output, const Tensor& target) {
    return cross_entropy(output, target);
  };
  train::fit(model, loss, optimizer, nullptr, loader, parts.validation,
             {.epochs = epochs, .callbacks = callbacks});
  return model.state_dict();
}

/// What a recorder calls on a model, without training.
struct Run {
  explicit Run(nn::Module& model, const data::TensorDataset& train)
      : optimizer(model.parameters(), {.lr = 0.1}),
        loader(train, {.batch_size = 4}),
        context{model, optimizer, loader, validation, history, findings} {}
  optim::SGD optimizer;
  data::DataLoader loader;
  data::TensorDataset validation;
  std::vector<train::Epoch> history;
  std::vector<train::Finding> findings;
  train::Context context;
};

}  // namespace

TEST_CASE("a series keeps its first and evenly spaced rows, never more than its limit") {
  Series series;
  series.limit = 8;
  series.begin({"a", "b"});
  for (Index time = 1; time <= 1000; ++time) {
    if (series.wants(time)) series.add(time, {static_cast<double>(time), -1});
    REQUIRE(series.times.size() <= 8);
  }
  CHECK(series.times == std::vector<Index>{1, 129, 257, 385, 513, 641, 769, 897});
  CHECK(*series.at(2, 0) == 257);
  CHECK(*series.at(2, 1) == -1);
  series.add(897, {5, 6});
  CHECK(series.times.size() == 8);
  CHECK(*series.at(7, 0) == 5);
  CHECK_THROWS_WITH(series.add(1025, {1}), contains("[Series.add] 1 numbers were given; 2"));
}

TEST_CASE("a series starts again when its columns are others") {
  Series series;
  series.begin({"a"});
  series.add(1, {1});
  series.begin({"a"});
  CHECK(series.times.size() == 1);
  series.begin({"b"});
  CHECK(series.empty());
}

TEST_CASE("recording a run does not change a bit of it") {
  Recorder recorder;
  const nn::StateDict with = train_moons({&recorder}, 4, 0.2), without = train_moons({}, 4, 0.2);
  for (const auto& [name, tensor] : with)
    CHECK(tensor.to_vector<float>() == without.at(name).to_vector<float>());
  CHECK(recorder.steps.times.size() == 4 * 10);
}

TEST_CASE("a recorder sees layers, steps, snapshots, the surface and the answers of a run") {
  Recorder recorder;
  train_moons({&recorder});
  CHECK(recorder.gradients.columns ==
        std::vector<std::string>{"fc1", "norm1", "fc2", "norm2", "fc3"});
  CHECK(recorder.steps.columns == std::vector<std::string>{"lr", "loss"});
  CHECK(*recorder.steps.at(0, 0) == Approx(0.01));
  CHECK(*recorder.steps.at(0, 1) > 0.1);
  CHECK(*recorder.gradients.at(0, 0) > 0);
  CHECK(recorder.gradient_histograms.times == std::vector<Index>{1, 2, 3, 4, 5});
  CHECK(recorder.kept == 6);
  CHECK(recorder.weight_histograms.times == std::vector<Index>{1, 2, 3, 4, 5, 6});
  CHECK(recorder.surface.times.back() == recorder.kept);
  CHECK(recorder.idle.columns == std::vector<std::string>{"act1", "act2"});
  const double* histogram = recorder.weight_histograms.at(0, 0);
  double counted = 0;
  for (std::size_t i = 0; i < Recorder::bins; ++i) counted += histogram[2 + i];
  CHECK(counted == 2 * 8 + 8);  // weights and biases of fc1
  CHECK(histogram[0] < histogram[1]);
  CHECK(recorder.surface.width == 48 * 48);
  CHECK(recorder.surface_classes);
  REQUIRE(recorder.judged.size() == 1);
  const train::Judgement& judged = recorder.judged[0];
  CHECK(judged.part == "validation");
  CHECK(judged.classes == 2);
  Index all = 0;
  for (const Index count : judged.confusion) all += count;
  CHECK(all == judged.samples);
  CHECK(static_cast<Index>(judged.wrong.size()) == judged.confusion[1] + judged.confusion[2]);
}

TEST_CASE("the gradient norms of the layers make the norm of the whole") {
  nn::MLP model({2, 4, 1});
  Run run(model, data::TensorDataset(randn({8, 2}), randn({8, 1})));
  Recorder recorder;
  recorder.on_fit_begin(run.context);
  mse_loss(model(randn({8, 2})), zeros({8, 1})).backward();
  run.context.global_step = 1;
  recorder.on_backward_end(run.context);
  const double a = *recorder.gradients.at(0, 0), b = *recorder.gradients.at(0, 1);
  CHECK(std::hypot(a, b) == Approx(grad_norm(model.parameters())));
}

TEST_CASE("units that are 0 for every sample count as idle, and others do not") {
  nn::MLP model({2, 4, 1});
  const NoGrad guard;
  const Tensor bias = model.named_parameters()[1].second;
  Tensor(bias).copy_(tensor({-1000, -1000, -1000, 1000}));
  Run run(model, data::TensorDataset(randn({50, 2}), randn({50, 1})));
  Recorder recorder;
  recorder.on_fit_begin(run.context);
  train::Epoch epoch{.epoch = 1};
  recorder.on_epoch_end(run.context, epoch);
  REQUIRE(recorder.idle.columns == std::vector<std::string>{"act1"});
  CHECK(*recorder.idle.at(0, 0) == 0.75);
}

TEST_CASE("a model that throws while a recorder looks at it keeps none of its hooks") {
  nn::MLP model({2, 4, 1});
  Run run(model, data::TensorDataset(randn({8, 3}), randn({8, 1})));
  Recorder recorder;
  recorder.on_fit_begin(run.context);
  train::Epoch epoch{.epoch = 1};
  CHECK_THROWS_AS(recorder.on_epoch_end(run.context, epoch), Error);
  for (const nn::NamedModule& entry : model.named_modules())
    CHECK_FALSE(entry.module->has_forward_hooks());
}

TEST_CASE("a recorder watches at most as many layers as it is told, first and last among them") {
  std::vector<Index> sizes(60, 3);
  nn::MLP model(sizes);
  Run run(model, data::TensorDataset(randn({4, 3}), randn({4, 3})));
  Recorder recorder({.layers = 5});
  recorder.on_fit_begin(run.context);
  CHECK(recorder.gradients.columns ==
        std::vector<std::string>{"fc1", "fc15", "fc30", "fc44", "fc59"});
}

TEST_CASE("judging restores the modes of modules and finds the surest wrong answer") {
  nn::Sequential model(nn::Linear(2, 2, {.bias = false}), nn::Dropout(0.5));
  const NoGrad guard;
  model.parameters()[0].copy_(eye(2));
  model.train();
  model[1].eval();
  const data::TensorDataset part(tensor({{3, 0}, {0, 1}, {0, 9}, {2, 0}}),
                                 from_vector<std::int64_t>({0, 0, 0, 0}));
  Recorder recorder({.wrong = 1});
  recorder.judge(model, part, "test");
  CHECK(recorder.judged.at(0).confusion == std::vector<Index>{2, 2, 0, 0});
  REQUIRE(recorder.judged.at(0).wrong.size() == 1);
  CHECK(recorder.judged.at(0).wrong[0].sample == 2);
  CHECK(recorder.judged.at(0).wrong[0].certainty == Approx(1 / (1 + std::exp(-9.0))));
  CHECK(recorder.judged.at(0).wrong[0].inputs == std::vector<double>{0, 9});
  CHECK(model.is_training());
  CHECK(!model[1].is_training());
}

TEST_CASE("quantities and single logits are judged, too, in the units of the data") {
  nn::Sequential model(nn::Linear(1, 1, {.bias = false}));
  const NoGrad guard;
  model.parameters()[0].copy_(tensor({{1}}));
  data::StandardScaler scaler;
  scaler.fit(tensor({{10}, {30}}));
  const Tensor x = tensor({{-1}, {1}, {2}});
  Recorder numbers(
      {.unscale_inputs = [&](const Tensor& inputs) { return scaler.inverse_transform(inputs); },
       .unscale_targets = [](const Tensor& y) { return 2 * y; }});
  numbers.judge(model, data::TensorDataset(x, tensor({{-1}, {1}, {9}})), "test");
  CHECK(numbers.judged.at(0).classes == 0);
  CHECK(numbers.judged.at(0).truths == std::vector<double>{-2, 2, 18});
  CHECK(numbers.judged.at(0).answers == std::vector<double>{-2, 2, 4});
  CHECK(numbers.judged.at(0).wrong[0].certainty == -14);
  CHECK(numbers.judged.at(0).wrong[0].inputs == std::vector<double>{40});
  Recorder logits({.binary = true});
  logits.judge(model, data::TensorDataset(x, tensor({{0}, {1}, {0}})), "test");
  CHECK(logits.judged.at(0).confusion == std::vector<Index>{1, 1, 0, 1});
  Recorder labels;
  labels.judge(model, data::TensorDataset(x, from_vector<std::int64_t>({0, 1, 0})), "test");
  CHECK(labels.judged.at(0).confusion == logits.judged.at(0).confusion);
  Recorder told({.predict = [](const Tensor& output) {
    return cat({output * 0, output * 0, output * 0 + 0.75}, 1);
  }});
  told.judge(model, data::TensorDataset(x, from_vector<std::int64_t>({0, 1, 0})), "test");
  CHECK(told.judged.at(0).classes == 3);
  CHECK(told.judged.at(0).wrong.size() == 3);
  CHECK(told.judged.at(0).wrong[0].certainty == 0.75);
}

TEST_CASE("the surface is drawn in the units of the data") {
  nn::Sequential model(nn::Linear(1, 1, {.bias = false}));
  const NoGrad guard;
  model.parameters()[0].copy_(tensor({{1}}));
  Run run(model, data::TensorDataset(tensor({{-1}, {1}}), tensor({{-1}, {1}})));
  Recorder recorder({.unscale_inputs = [](const Tensor& x) { return 10 * x + 100; },
                     .unscale_targets = [](const Tensor& y) { return 3 * y; }});
  recorder.on_fit_begin(run.context);
  train::Epoch epoch{.epoch = 1};
  recorder.on_epoch_end(run.context, epoch);
  CHECK(recorder.surface_range[0] == Approx(100 - 11.6));
  CHECK(recorder.surface_range[1] == Approx(100 + 11.6));
  CHECK(recorder.surface_points == std::vector<double>{90, -3, 110, 3});
  REQUIRE(recorder.surface.width == 200);
  CHECK(*recorder.surface.at(0, 0) == Approx(-3 * 1.16 * (1 - 1.0 / 200)));
}

TEST_CASE("answers that are not finite are the most wrong ones") {
  nn::Sequential model(nn::Linear(1, 1, {.bias = false}));
  const NoGrad guard;
  model.parameters()[0].copy_(tensor({{1}}));
  Tensor x = tensor({{1}, {2}, {3}});
  x.mutable_data<float>()[1] = NAN;
  Recorder recorder({.wrong = 2});
  recorder.judge(model, data::TensorDataset(x, tensor({{0}, {0}, {0}})), "test");
  CHECK(recorder.judged.at(0).wrong[0].sample == 1);
  CHECK(recorder.judged.at(0).wrong[1].sample == 2);
}

TEST_CASE("judging refuses empty parts, odd names and models without a row for each sample") {
  nn::Sequential model(nn::Function("sum", [](const Tensor& x) { return sum(x); }));
  Recorder recorder;
  const data::TensorDataset part(randn({4, 2}), randn({4, 1}));
  CHECK_THROWS_WITH(recorder.judge(model, {}, "test"),
                    contains("[Recorder.judge] the test part is empty"));
  CHECK_THROWS_WITH(recorder.judge(model, part, "a.b"), contains("a name without dots"));
  CHECK_THROWS_WITH(recorder.judge(model, part, "test"), contains("one row for each"));
}

TEST_CASE("the last snapshot is of the weights that are kept") {
  // Each epoch moves the weight by 1 away from the best place, where the run begins.
  nn::Sequential model(nn::Linear(1, 1, {.bias = false}));
  {
    const NoGrad guard;
    model.parameters()[0].copy_(tensor({{0}}));
  }
  optim::SGD optimizer(model.parameters(), {.lr = 1});
  const data::TensorDataset up(tensor({{1}}), tensor({{0}})), flat(tensor({{1}}), tensor({{1}}));
  data::DataLoader loader(up, {.batch_size = 1});
  const train::Loss loss = [](const Tensor& y, const Tensor& t) {
    return t.item() == 0 ? -1 * sum(y) : mse_loss(y, t);
  };
  Recorder recorder;
  const train::FitResult result = train::fit(model, loss, optimizer, nullptr, loader, flat,
                                             {.epochs = 3, .callbacks = {&recorder}});
  REQUIRE(result.best_epoch == 1);
  CHECK(recorder.kept == 4);
  REQUIRE(recorder.weight_histograms.times == std::vector<Index>{1, 2, 3, 4});
  CHECK(recorder.weight_histograms.at(2, 0)[0] == 3);
  CHECK(recorder.weight_histograms.at(3, 0)[0] == 1);
  CHECK(*recorder.surface.at(3, 0) == *recorder.surface.at(0, 0));
  // A run that goes on forgets it, for it is no epoch.
  train::fit(model, loss, optimizer, nullptr, loader, flat,
             {.epochs = 1, .callbacks = {&recorder}});
  CHECK(recorder.kept == 2);
}

TEST_CASE("parts are judged side by side, and each again in its place") {
  nn::Sequential model(nn::Linear(2, 2));
  const data::TensorDataset four(randn({4, 2}), zeros({4}, int64)),
      nine(randn({9, 2}), zeros({9}, int64));
  Recorder recorder;
  recorder.judge(model, four, "validation");
  recorder.judge(model, four, "test");
  recorder.judge(model, nine, "validation");
  REQUIRE(recorder.judged.size() == 2);
  CHECK(recorder.judged[0].part == "validation");
  CHECK(recorder.judged[0].samples == 9);
  CHECK(recorder.judged[1].samples == 4);
  Recorder again;
  again.load_state_dict(recorder.state_dict());
  REQUIRE(again.judged.size() == 2);
  CHECK(again.judged[0].part == "test");
  CHECK(again.judged[0].samples == 4);
  CHECK(again.judged[1].samples == 9);
}

TEST_CASE("a recorder that takes over a state goes on as the one that gave it") {
  Recorder whole, half, resumed;
  train_moons({&whole}, 3);
  train_moons({&half}, 3);
  resumed.load_state_dict(half.state_dict());
  const optim::StateDict expected = whole.state_dict(), got = resumed.state_dict();
  REQUIRE(got.size() == expected.size());
  for (const auto& [name, tensor] : expected) {
    INFO(name);
    REQUIRE(got.count(name) == 1);
    CHECK(got.at(name).shape() == tensor.shape());
    CHECK(got.at(name).to_vector<double>() == tensor.to_vector<double>());
  }
  CHECK(resumed.judged.at(0).wrong.size() == whole.judged.at(0).wrong.size());
  CHECK(resumed.kept == 4);
}

TEST_CASE("states of a recorder that do not fit together are refused and change nothing") {
  Recorder source;
  train_moons({&source}, 2);
  const optim::StateDict good = source.state_dict();
  const auto refused = [&](const std::string& key, const Tensor& value, const std::string& text) {
    optim::StateDict bad = good;
    if (value.defined())
      bad[key] = value;
    else
      bad.erase(key);
    Recorder target;
    CHECK_THROWS_WITH(target.load_state_dict(bad),
                      contains("[Recorder.load_state_dict]") && contains(key) && contains(text));
    CHECK(target.steps.empty());
  };
  refused("steps.times", tensor({3, 2}, int64), "does not grow");
  refused("steps.stride", {}, "missing");
  refused("steps.stride", tensor({1, 2}, int64), "has 2 numbers instead of 1");
  refused("steps.001.loss", tensor({1, 2, 3}), "one row for each");
  refused("surface_range", tensor({1, 2, 3}), "2 or 4 numbers");
  refused("surface_points", tensor({1, 2}), "cut off");
  refused("judged.validation.size", {}, "missing");
  refused("judged.validation.confusion", tensor({1, 2, 3}, int64), "classes x classes");
  refused("judged.validation.wrong", tensor({1, 2, 3}), "does not fit its inputs");
  refused("judged.validation.answers", tensor({1, 2}), "has 2 numbers instead of 0");
  for (const double odd : {double(NAN), double(INFINITY), 1e300, 0.5, -1.0}) {
    for (const char* key : {"steps.stride", "judged.validation.size", "judged.validation.confusion",
                            "surface_classes", "kept"}) {
      std::vector<double> numbers = good.at(key).to_vector<double>();
      numbers[0] = odd;
      refused(key, from_vector(numbers, good.at(key).shape()), "whole ones from");
    }
    std::vector<double> times = good.at("steps.times").to_vector<double>();
    times[0] = odd;
    refused("steps.times", from_vector(times), "whole ones from 1");
  }
  refused("unknown", tensor({1}), "is not known");
  Recorder target;
  CHECK_THROWS_WITH(target.load_state_dict(
                        {{"idle.times", tensor({1}, int64)}, {"idle.stride", tensor(1, int64)}}),
                    contains("stands without columns"));
}
