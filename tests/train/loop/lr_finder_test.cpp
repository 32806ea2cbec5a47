#include "gradus/gradus.hpp"
#include "gradus/train.hpp"
#include "support/catch.hpp"

using namespace gradus;
using gradus::test::Approx;
using gradus::test::contains;

namespace {

const train::Loss cross = [](const Tensor& output, const Tensor& target) {
  return cross_entropy(output, target);
};

using Numbers = std::map<std::string, std::vector<double>>;
Numbers numbers(const std::map<std::string, Tensor>& state) {
  Numbers out;
  for (const auto& [name, tensor] : state) out[name] = tensor.to_vector<double>();
  return out;
}

}  // namespace

TEST_CASE("the finder suggests a rate at which the model learns") {
  manual_seed(0);
  nn::MLP model({64, 64, 10});
  const auto digits = data::load_digits();
  const data::TensorDataset scaled(digits.x() / 16.0, digits.y());
  data::DataLoader loader(scaled, {.batch_size = 32, .shuffle = true, .seed = 0});
  optim::SGD optimizer(model.parameters(), {.lr = 1e-3});
  const train::LrCurve curve =
      train::find_lr(model, cross, optimizer, loader, {.low = 1e-5, .high = 100});
  CHECK(curve.reason == "");
  CHECK(curve.diverged);
  CHECK(curve.lr.size() == curve.loss.size());
  CHECK(curve.lr.size() == curve.smoothed.size());
  REQUIRE(curve.steepest);
  REQUIRE(curve.valley);
  for (const double lr : {*curve.steepest, *curve.valley, *curve.suggestion()}) {
    CHECK(lr >= 5e-3);
    CHECK(lr <= 3);
  }
  const double before = train::evaluate(model, cross, scaled).loss;
  optimizer.set_lr(*curve.suggestion());
  train::fit(model, cross, optimizer, nullptr, loader, {}, {.epochs = 2});
  CHECK(train::evaluate(model, cross, scaled).loss < 0.5 * before);
}

TEST_CASE("the noise of the first losses is not taken for the steepest descent") {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    manual_seed(seed);
    nn::Sequential model(nn::Linear(2, 32), nn::ReLU(), nn::Dropout(0.5), nn::Linear(32, 2));
    data::DataLoader loader(data::make_moons({.n = 200, .noise = 0.1}),
                            {.batch_size = 4, .shuffle = true, .seed = seed});
    optim::AdamW optimizer(model.parameters(), {.lr = 1e-3});
    const train::LrCurve curve = train::find_lr(model, cross, optimizer, loader);
    CAPTURE(seed);
    CHECK(curve.steepest.value_or(1) > curve.lr[9]);
  }
}

TEST_CASE("the finder puts everything back to the bit") {
  manual_seed(1);
  Generator own(7);
  nn::Sequential model(nn::Linear(2, 8), nn::BatchNorm1d(8), nn::ReLU(), nn::Dropout(0.2),
                       nn::Dropout(0.2, &own), nn::Linear(8, 2));
  data::DataLoader loader(data::make_moons({.n = 40, .noise = 0.1}),
                          {.batch_size = 8, .shuffle = true});
  optim::AdamW optimizer(
      {{model[0].parameters(), {.lr = 0.01}}, {model[5].parameters(), {.lr = 0.03}}});
  for (auto [x, y] : loader) {  // moments, gradients and statistics are there
    optimizer.zero_grad();
    cross(model(x), y).backward();
    optimizer.step();
  }
  model[1].eval();
  optimizer.set_lr(0.005);
  const auto weights = numbers(model.state_dict()), state = numbers(optimizer.state_dict());
  std::vector<std::vector<double>> gradients;
  for (const Tensor& p : model.parameters()) gradients.push_back(p.grad().to_vector<double>());
  const auto offset = default_generator().offset(), own_offset = own.offset();
  const auto place = loader.state();

  const auto check_restored = [&] {
    CHECK(numbers(model.state_dict()) == weights);
    CHECK(numbers(optimizer.state_dict()) == state);
    std::size_t i = 0;
    for (const Tensor& p : model.parameters())
      CHECK(p.grad().to_vector<double>() == gradients[i++]);
    CHECK(default_generator().offset() == offset);
    CHECK(own.offset() == own_offset);
    CHECK(loader.state().seed == place.seed);
    CHECK(loader.state().epoch == place.epoch);
    CHECK(loader.state().position == place.position);
    CHECK(model.is_training());
    CHECK_FALSE(model[1].is_training());
  };
  Index steps = 0;
  train::find_lr(
      model, cross, optimizer, loader,
      {.generators = {&own}, .on_step = [&](Index step, double, double) { steps = step; }});
  CHECK(steps > 20);
  check_restored();

  int calls = 0;
  const train::Loss failing = [&](const Tensor& output, const Tensor& target) {
    if (++calls == 5) fail("test", "no more");
    return cross(output, target);
  };
  CHECK_THROWS_WITH(train::find_lr(model, failing, optimizer, loader, {.generators = {&own}}),
                    contains("no more"));
  check_restored();
}

TEST_CASE("an optimizer that has not stepped yet has no state after the finder either") {
  nn::MLP model({2, 4, 2});
  optim::Adam optimizer(model.parameters());
  const auto before = numbers(optimizer.state_dict());
  const data::DataLoader loader(data::make_moons({.n = 16}), {.batch_size = 8});
  train::find_lr(model, cross, optimizer, loader);
  CHECK(numbers(optimizer.state_dict()) == before);
  for (const Tensor& p : model.parameters()) CHECK_FALSE(p.grad().defined());
}

TEST_CASE("the finder gives a finite suggestion or a sentence why not") {
  nn::MLP model({2, 4, 2});
  const data::DataLoader loader(data::make_moons({.n = 16}), {.batch_size = 8});
  optim::SGD optimizer(model.parameters(), {.lr = 0.1});
  const auto reason = [&](const train::Loss& loss, const train::LrFinderOptions& options = {}) {
    const train::LrCurve curve = train::find_lr(model, loss, optimizer, loader, options);
    if (curve.suggestion()) {
      CHECK(std::isfinite(*curve.suggestion()));
      CHECK(curve.reason == "");
    } else {
      CHECK(curve.reason != "");
    }
    return curve.reason;
  };
  const train::Loss flat = [](const Tensor& output, const Tensor&) {
    return sum(output) * 0.0 + 1.0;
  };
  CHECK_THAT(reason(flat), contains("falls at no rate"));
  const train::Loss broken = [](const Tensor& output, const Tensor&) {
    return sum(output) / zeros({});
  };
  CHECK_THAT(reason(broken), contains("not finite before the first step"));
  const train::Loss steep = [](const Tensor& output, const Tensor&) {
    return 1e6 * mean(output * output) + 1e-3;
  };
  CHECK_THAT(reason(steep, {.low = 1, .high = 10}),
             contains("from the lowest rate on") || contains(""));
  CHECK(reason(cross) == "");
}

TEST_CASE("the finder refuses options out of range") {
  nn::MLP model({2, 4, 2});
  optim::SGD optimizer(model.parameters(), {.lr = 0.1});
  const data::DataLoader loader(data::make_moons({.n = 16}), {.batch_size = 8});
  const data::DataLoader none(data::make_moons({.n = 4}), {.batch_size = 8, .drop_last = true});
  const auto find = [&](const train::LrFinderOptions& options) {
    train::find_lr(model, cross, optimizer, loader, options);
  };
  CHECK_THROWS_WITH(find({.low = 1, .high = 1}), contains("0 < low < high is required"));
  CHECK_THROWS_WITH(find({.steps = 9}), contains("[find_lr] 9 steps were given"));
  CHECK_THROWS_WITH(find({.smoothing = 1}), contains("smoothing = 1"));
  CHECK_THROWS_WITH(find({.divergence = 1}), contains("divergence = 1"));
  CHECK_THROWS_WITH(train::find_lr(model, cross, optimizer, none),
                    contains("the loader has no batches"));
}
