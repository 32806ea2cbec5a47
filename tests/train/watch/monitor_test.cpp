#include "gradus/gradus.hpp"
#include "gradus/train.hpp"
#include "support/catch.hpp"
#include "train/loop/fit_support.hpp"

using namespace gradus;
using gradus::test::Approx;
using gradus::test::contains;
using gradus::test::squared;

namespace {

const train::Loss cross = [](const Tensor& output, const Tensor& target) {
  return cross_entropy(output, target);
};

/// Trains with a monitor that looks at every step, and returns what it found.
std::vector<train::Finding> watch(train::Monitor& monitor, nn::Module& model,
                                  const train::Loss& loss, const data::TensorDataset& data,
                                  Index epochs, double lr = 0.01, Index batch_size = 8) {
  optim::SGD optimizer(model.parameters(), {.lr = lr});
  data::DataLoader loader(data, {.batch_size = batch_size});
  std::vector<train::Finding> findings;
  train::fit(model, loss, optimizer, nullptr, loader, {},
             {.epochs = epochs, .callbacks = {&monitor}, .findings = &findings});
  return findings;
}

const train::Finding* find(const std::vector<train::Finding>& findings, const std::string& kind) {
  for (const auto& finding : findings)
    if (finding.kind == kind) return &finding;
  return nullptr;
}

const train::LayerStats& layer(const train::LayerEpoch& epoch, const std::string& name) {
  for (const auto& stats : epoch.layers)
    if (stats.name == name) return stats;
  FAIL("no layer " + name);
  return epoch.layers.front();
}

bool same_bits(const nn::StateDict& a, const nn::StateDict& b) {
  for (const auto& [name, tensor] : a)
    if (tensor.to_vector<double>() != b.at(name).to_vector<double>()) return false;
  return a.size() == b.size();
}

Tensor ramp(Index rows, Index columns) {
  return reshape(linspace(-1, 1, rows * columns), {rows, columns});
}

}  // namespace

TEST_CASE("a run with a monitor ends with the same bits as one without") {
  const auto run = [](bool monitored, const nn::MLPOptions& shape) {
    manual_seed(3);
    nn::MLP model({2, 16, 16, 2}, shape);
    optim::AdamW optimizer(model.parameters(), {.lr = 0.01});
    data::DataLoader loader(data::make_moons({.n = 64, .noise = 0.1}),
                            {.batch_size = 8, .shuffle = true, .seed = 1});
    train::Monitor monitor({.every = 3});
    train::FitOptions options{.epochs = 4};
    if (monitored) options.callbacks = {&monitor};
    train::fit(model, cross, optimizer, nullptr, loader, data::make_moons({.n = 20}), options);
    CHECK(monitor.layers().empty() == !monitored);
    return model.state_dict();
  };
  const auto check = [&](const nn::MLPOptions& shape) {
    CHECK(same_bits(run(true, shape), run(false, shape)));
  };
  check({.norm = "batch", .dropout = 0.2});
  for (const char* fused : {"relu", "tanh", "sigmoid", "gelu", "silu"}) {
    INFO(fused);
    check({.activation = fused});
  }
}

TEST_CASE("the model has the monitor's hooks in the steps that are looked at") {
  nn::MLP model({2, 4, 2});
  std::vector<Index> hooked;
  struct Spy : train::Callback {
    std::vector<Index>* steps = nullptr;
    void on_step_begin(train::Context& run) override {
      bool any = false;
      for (const auto& entry : run.model.named_modules()) any |= entry.module->has_forward_hooks();
      if (any) steps->push_back(run.global_step);
    }
  } spy;
  spy.steps = &hooked;
  train::Monitor monitor({.lint = false, .every = 4});
  optim::SGD optimizer(model.parameters(), {.lr = 0.01});
  data::DataLoader loader(data::make_moons({.n = 24}), {.batch_size = 2});
  train::fit(model, cross, optimizer, nullptr, loader, {},
             {.epochs = 1, .callbacks = {&monitor, &spy}});
  CHECK(hooked == std::vector<Index>{1, 2, 3, 4, 5, 8, 12});
}

TEST_CASE("the monitor's hooks are gone after the run, also after one that threw") {
  nn::MLP model({2, 4, 2});
  const auto hooked = [&] {
    for (const auto& entry : model.named_modules())
      if (entry.module->has_forward_hooks()) return true;
    return false;
  };
  {
    train::Monitor monitor({.lint = false});
    watch(monitor, model, cross, data::make_moons({.n = 8}), 1);
    CHECK_FALSE(hooked());
  }
  {
    train::Monitor monitor({.lint = false});
    const train::Loss throwing = [](const Tensor&, const Tensor&) -> Tensor {
      fail("test", "no loss today");
    };
    CHECK_THROWS_AS(watch(monitor, model, throwing, data::make_moons({.n = 8}), 1), Error);
  }
  CHECK_FALSE(hooked());
}

TEST_CASE("a unit is dead if it is 0 for all samples, not for those of one batch") {
  nn::Sequential model(nn::Linear(1, 4), nn::ReLU(), nn::Linear(4, 1));
  const auto& first = dynamic_cast<const nn::Linear&>(model[0]);
  Tensor weight = first.weight, bias = first.bias;
  {
    const NoGrad guard;  // units for x > 0, for x < 0, never, always
    weight.copy_(tensor({{1}, {-1}, {0}, {0}}));
    bias.copy_(tensor({0, 0, -1, 1}));
  }
  const Tensor x = reshape(linspace(-1, 1, 16), {16, 1});  // sorted: two batches of one sign each
  train::Monitor monitor({.lint = false, .every = 1});
  watch(monitor, model, squared, data::TensorDataset(x, x * 0.0), 1, 0);
  const auto& stats = layer(monitor.layers().at(0), "1");
  CHECK(stats.dead == 0.25);
  CHECK(stats.active == 0.5);
  CHECK(stats.module == "ReLU()");
  CHECK(std::isnan(stats.saturated));
}

TEST_CASE("dead units are reported once, with the layer, and to the function given") {
  nn::Sequential model(nn::Linear(2, 8), nn::ReLU(), nn::Linear(8, 2));
  Tensor bias = dynamic_cast<const nn::Linear&>(model[0]).bias;
  {
    const NoGrad guard;
    bias.fill_(-50);
  }
  int told = 0;
  train::Monitor monitor(
      {.lint = false, .every = 1, .on_finding = [&](const train::Finding&) { ++told; }});
  const auto findings = watch(monitor, model, cross, data::make_moons({.n = 64}), 12);
  REQUIRE(find(findings, "dead_units"));
  CHECK(findings[0].kind == "dead_units");
  CHECK(findings[0].where == "1");
  CHECK(findings[0].alarm);
  CHECK(findings[0].epoch == 1);
  CHECK(findings[0].step == 8);
  CHECK_THAT(findings[0].text,
             contains("1 (100 % of the outputs are 0)") && contains("in epoch 1 (step 8)"));
  CHECK(told == static_cast<int>(findings.size()));
  CHECK(std::count_if(findings.begin(), findings.end(),
                      [](const auto& f) { return f.kind == "dead_units"; }) == 1);
}

TEST_CASE("norms, updates, activations and attenuation are measured per layer") {
  nn::Sequential model(nn::Linear(1, 1), nn::Sigmoid());
  const auto& linear = dynamic_cast<const nn::Linear&>(model[0]);
  Tensor weight = linear.weight, bias = linear.bias;
  {
    const NoGrad guard;
    weight.fill_(2);
    bias.fill_(0);
  }
  // x = 0: output 1/2, derivative 1/4; loss (1/2 - 0)^2, gradient of the bias 2 1/2 1/4, none of w.
  train::Monitor monitor({.lint = false, .every = 1});
  watch(monitor, model, squared, data::TensorDataset(zeros({4, 1}), zeros({4, 1})), 1, 0.5, 4);
  const auto& epoch = monitor.layers().at(0);
  CHECK(epoch.steps == 1);
  CHECK(layer(epoch, "0").grad_norm == Approx(0.25));
  CHECK(layer(epoch, "0").weight_norm == Approx(2));
  CHECK(layer(epoch, "0").update_ratio == 0);
  CHECK(layer(epoch, "0").parameters == 2);
  CHECK(layer(epoch, "1").activation_mean == Approx(0.5));
  CHECK(layer(epoch, "1").activation_std == Approx(0).margin(1e-6));
  CHECK(layer(epoch, "1").saturated == 0);
  CHECK(layer(epoch, "1").attenuation == Approx(0.5));  // 2 times 1/4
  CHECK(monitor.grad_norms() == std::vector<double>{0.25});
}

TEST_CASE("a chain of four sigmoids at 0 with weights 1 attenuates by 0.25^4") {
  nn::Sequential model;
  for (int i = 0; i < 4; ++i) {
    const nn::Linear linear(1, 1);
    Tensor weight = linear.weight, bias = linear.bias;
    const NoGrad guard;
    weight.fill_(1);
    bias.fill_(i ? -0.5 : 0);  // the sigmoid before gives 1/2
    model.append(linear);
    model.append(nn::Sigmoid());
  }
  train::Monitor monitor({.lint = false, .every = 1});
  watch(monitor, model, squared, data::TensorDataset(zeros({2, 1}), zeros({2, 1})), 1, 0);
  double product = 1;
  for (const auto& stats : monitor.layers().at(0).layers)
    if (std::isfinite(stats.attenuation)) product *= stats.attenuation;
  CHECK(product == Approx(0.00390625));
}

TEST_CASE("an update ratio is the change of the weights over their size") {
  nn::Sequential model(nn::Linear(1, 1, {.bias = false}));
  Tensor weight = dynamic_cast<const nn::Linear&>(model[0]).weight;
  {
    const NoGrad guard;
    weight.fill_(2);
  }
  train::Monitor monitor({.lint = false, .every = 1});
  // Loss (2 x - 1)^2 at x = 1: gradient 2, step 0.1 * 2 of a weight of 2.
  watch(monitor, model, squared, data::TensorDataset(ones({4, 1}), ones({4, 1})), 1, 0.1);
  CHECK(layer(monitor.layers().at(0), "0").update_ratio == Approx(0.1));
}

TEST_CASE("the constant predictor's loss is entropy, variance or what a logit gives") {
  const Tensor x = ramp(8, 2), labels = from_vector(std::vector<Index>{0, 0, 0, 0, 0, 0, 1, 1});
  const double entropy = -(0.75 * std::log(0.75) + 0.25 * std::log(0.25));
  const auto constant_of = [&](nn::Module&& model, const train::Loss& loss, const Tensor& y) {
    train::Monitor monitor({.lint = false});
    CHECK(std::isnan(monitor.constant_loss()));
    watch(monitor, model, loss, data::TensorDataset(x, y), 1);
    return monitor.constant_loss();
  };
  CHECK(constant_of(nn::MLP({2, 4, 2}), cross, labels) == Approx(entropy));
  const Tensor values = reshape(labels, {8, 1}).to(float32);
  CHECK(constant_of(nn::MLP({2, 4, 1}), squared, values) == Approx(0.75 * 0.25));
  const train::Loss logits = [](const Tensor& output, const Tensor& target) {
    return bce_with_logits(output, target);
  };
  CHECK(constant_of(nn::MLP({2, 4, 1}), logits, values) == Approx(entropy));
  const train::Loss own = [](const Tensor& output, const Tensor&) { return mean(output * output); };
  CHECK(constant_of(nn::MLP({2, 4, 2}), own, x) >= 0);
}

TEST_CASE("gradient norms have a histogram and suggest a limit for clipping") {
  train::Monitor monitor({.lint = false});
  CHECK(monitor.suggested_clip() == 0);
  CHECK(monitor.grad_norm_histogram().counts.empty());
  CHECK_THROWS_WITH(monitor.suggested_clip(101), contains("[Monitor] percentile = 101"));
  CHECK_THROWS_WITH(monitor.grad_norm_histogram(0), contains("[Monitor] 0 bins were given"));
  CHECK_THROWS_WITH(train::Monitor({.every = 0}), contains("[Monitor] every = 0 was given"));

  nn::MLP model({2, 8, 2});
  watch(monitor, model, cross, data::make_moons({.n = 80}), 2);
  std::vector<double> norms = monitor.grad_norms();
  REQUIRE(norms.size() == 20);
  std::sort(norms.begin(), norms.end());
  CHECK(monitor.suggested_clip(100) == Approx(norms.back()).epsilon(0.05));
  CHECK(monitor.suggested_clip(0) == Approx(norms.front()).epsilon(0.05));
  const train::LogHistogram histogram = monitor.grad_norm_histogram(5);
  REQUIRE(histogram.counts.size() == 5);
  REQUIRE(histogram.edges.size() == 6);
  Index total = 0;
  for (const Index count : histogram.counts) total += count;
  CHECK(total == 20);
  CHECK(histogram.edges.front() == Approx(norms.front()));
  CHECK(histogram.edges.back() == Approx(norms.back()));
}

TEST_CASE("a monitor can watch one run after the other") {
  train::Monitor monitor({.lint = false});
  for (int i = 0; i < 2; ++i) {
    nn::MLP model({2, 4, 2});
    watch(monitor, model, cross, data::make_moons({.n = 16}), 3);
    CHECK(monitor.layers().size() == 3);
    CHECK(monitor.grad_norms().size() == 6);
  }
}
