#include "base/pool.hpp"
#include "gradus/gradus.hpp"
#include "gradus/train.hpp"
#include "support/catch.hpp"

using namespace gradus;
using gradus::test::contains;

namespace {

std::string kinds(const std::vector<train::Finding>& findings) {
  std::string out;
  for (const auto& f : findings) out += (out.empty() ? "" : " ") + f.kind + (f.alarm ? "!" : "");
  return out;
}

std::string lint(nn::Module&& model, const train::LintOptions& options = {}) {
  return kinds(train::lint(model, options));
}

nn::Linear with(nn::Linear layer, double weight, double bias) {
  const NoGrad guard;
  Tensor w = layer.weight, b = layer.bias;
  if (weight != 1) w.copy_(w * weight);
  b.fill_(bias);
  return layer;
}

data::TensorDataset moons(Index n = 40) { return data::make_moons({.n = n, .noise = 0.1}); }

}  // namespace

TEST_CASE("lint has nothing to say about usual networks") {
  for (const std::string name :
       {"relu", "gelu", "tanh", "silu", "selu", "leaky_relu", "elu", "mish"})
    for (const std::string init : {"auto", "default", "xavier", "orthogonal"}) {
      INFO(name + ", " + init);
      CHECK(lint(nn::MLP({16, 64, 64, 3}, {.activation = name, .dropout = 0.1, .init = init})) ==
            "");
    }
  for (const std::string name : {"celu", "softplus", "hardswish"}) {
    INFO(name);  // the factors of 30 layers multiply
    CHECK(lint(nn::MLP(std::vector<Index>(32, 64), {.activation = name})) == "");
  }
  CHECK(lint(nn::MLP({16, 64, 64, 3}, {.activation = "sigmoid"}), {.loss = "cross_entropy"}) == "");
  CHECK(lint(nn::MLP({64, 1024, 1024, 10}, {.norm = "layer"}), {.loss = "cross_entropy"}) == "");
  CHECK(lint(nn::MLP({8, 32, 32, 32, 1}, {.residual = true}), {.loss = "mse"}) == "");
  CHECK(lint(nn::Sequential(nn::Linear(4, 3)), {.loss = "cross_entropy"}) == "");
}

TEST_CASE("lint says which linear layers follow each other, once a chain") {
  nn::Sequential model(nn::Linear(4, 8), nn::Dropout(0.5), nn::Linear(8, 8), nn::Linear(8, 8),
                       nn::ReLU(), nn::Linear(8, 2));
  const auto findings = train::lint(model);
  REQUIRE(kinds(findings) == "linear_after_linear!");
  CHECK(findings[0].where == "0");
  CHECK_THAT(findings[0].text, contains("0 and 2 follow each other without an activation"));
}

TEST_CASE("lint knows which outputs fit which loss") {
  const auto ends = [](const auto& last, const char* loss) {
    return lint(nn::Sequential(nn::Linear(4, 8), nn::ReLU(), nn::Linear(8, 3), last),
                {.loss = loss});
  };
  CHECK(ends(nn::Softmax(), "cross_entropy") == "softmax_before_cross_entropy!");
  CHECK(ends(nn::LogSoftmax(), "cross_entropy") == "softmax_before_cross_entropy");
  CHECK(ends(nn::Sigmoid(), "bce_with_logits") == "sigmoid_before_bce_with_logits!");
  CHECK(ends(nn::Sigmoid(), "cross_entropy") == "output_not_logits!");
  CHECK(ends(nn::ReLU(), "cross_entropy") == "output_not_logits!");
  CHECK(ends(nn::Sigmoid(), "mse") == "squared_error_on_sigmoid");
  CHECK(ends(nn::LogSoftmax(), "nll") == "");
  CHECK(ends(nn::Identity(), "cross_entropy") == "");
  CHECK(ends(nn::Sigmoid(), "bce") == "");
  CHECK(ends(nn::Tanh(), "mse") == "");
  const auto plain = [](const char* loss, Index outputs) {
    return lint(nn::Sequential(nn::Linear(4, 8), nn::ReLU(), nn::Linear(8, outputs)),
                {.loss = loss});
  };
  CHECK(plain("nll", 3) == "output_not_logarithms!");
  CHECK(plain("bce", 1) == "output_not_probabilities!");
  CHECK(plain("cross_entropy", 1) == "single_output!");
}

TEST_CASE("lint warns of a squared error on sigmoids that are saturated") {
  nn::Sequential model(nn::Linear(4, 8), nn::ReLU(), with(nn::Linear(8, 2), 1, 20), nn::Sigmoid());
  CHECK(kinds(train::lint(model, {.loss = "mse"})) == "squared_error_on_sigmoid!");
}

TEST_CASE("lint finds deep stacks of sigmoids, unless they are normalized or residual") {
  const std::vector<Index> deep(12, 16);
  CHECK(lint(nn::MLP(deep, {.activation = "sigmoid"})) == "deep_sigmoids!");
  CHECK(lint(nn::MLP(deep, {.activation = "sigmoid", .norm = "layer"})) == "");
  CHECK(lint(nn::MLP(deep, {.activation = "sigmoid", .residual = true})) == "");
  CHECK(lint(nn::MLP(deep, {.activation = "tanh"})) == "");
}

TEST_CASE("lint looks at what stands before batch norm, and at batches of one sample") {
  nn::Sequential model(nn::Linear(2, 8), nn::BatchNorm1d(8), nn::ReLU(),
                       nn::Linear(8, 8, {.bias = false}), nn::ReLU(), nn::Dropout(0.1),
                       nn::BatchNorm1d(8), nn::Linear(8, 2));
  CHECK(kinds(train::lint(model)) == "bias_before_batch_norm dropout_before_batch_norm");
  const auto batches = [&](const data::LoaderOptions& options) {
    const data::DataLoader loader(moons(41), options);
    return kinds(train::lint(model, {.loader = &loader})).substr(0, 13);
  };
  CHECK(batches({.batch_size = 1, .shuffle = true}) == "batch_of_one!");
  CHECK(batches({.batch_size = 8, .shuffle = true}) == "batch_of_one!");
  CHECK(batches({.batch_size = 8, .shuffle = true, .drop_last = true}) != "batch_of_one!");
  CHECK(batches({.batch_size = 8, .shuffle = true, .merge_last_of_one = true}) != "batch_of_one!");
}

TEST_CASE("lint measures whether weights suit the activation") {
  const auto scaled = [](double factor) {
    nn::Sequential model(with(nn::Linear(32, 32), factor, 0), nn::ReLU(), nn::Linear(32, 2));
    return kinds(train::lint(model));
  };
  CHECK(scaled(1) == "");
  CHECK(scaled(0.1) == "initial_weights!");
  CHECK(scaled(20) == "initial_weights!");
  CHECK(scaled(0) == "equal_weights!");
  nn::Sequential model(with(nn::Linear(32, 32), 0, 0), nn::ReLU(), nn::Linear(32, 2));
  CHECK(kinds(train::lint(model, {.trained = true})) == "");
  // Each layer alone is within the tolerance, all together are not.
  CHECK(lint(nn::MLP(std::vector<Index>(20, 32), {.init = "default"})) == "initial_weights!");
  CHECK(lint(nn::MLP(std::vector<Index>(20, 32))) == "");
}

TEST_CASE(
    "lint finds units that are dead or saturated from the start, for samples that are given") {
  nn::Sequential dead(with(nn::Linear(2, 16), 1, -30), nn::ReLU(), nn::Linear(16, 2));
  const Tensor x = moons().x();
  const auto findings = train::lint(dead, {.input = x});
  REQUIRE(kinds(findings) == "dead_units!");
  CHECK(findings[0].where == "1");
  CHECK_THAT(findings[0].text,
             contains("100 % of the units") && contains("biases of 0 have a mean of -30"));
  nn::Sequential saturated(with(nn::Linear(2, 16), 1, 9), nn::Tanh(), nn::Linear(16, 2));
  CHECK(kinds(train::lint(saturated, {.input = x})) == "saturated_units!");
}

TEST_CASE("lint compares the sizes of features") {
  const auto of = [](const Tensor& x, bool norm = false) {
    nn::Sequential model;
    if (norm) model.append(nn::BatchNorm1d(3));
    model.append(nn::Linear(3, 2));
    return kinds(train::lint(model, {.input = x}));
  };
  Generator generator(1);
  const Tensor x = randn({50, 3}, float32, &generator);
  CHECK(of(x) == "");
  CHECK(of(x * 12.0) == "");
  CHECK(of(x * tensor({1, 1, 300})) == "inputs_not_scaled!");
  CHECK(of(x * tensor({1, 1, 300}), true) == "");
  CHECK(of(x * 255.0) == "inputs_not_scaled!");
  CHECK(of(x * 1e-5) == "inputs_not_scaled!");
  CHECK(of(x / tensor({1, 1, 0})) == "non_finite!");
}

TEST_CASE("lint compares the learning rate with what the optimizer takes") {
  const auto rate = [](const std::string& optimizer, double lr) {
    nn::MLP model({2, 8, 2});
    const auto made = optim::make_optimizer(optimizer, model.parameters(), {{"lr", lr}});
    return kinds(train::lint(model, {.optimizer = made.get()}));
  };
  CHECK(rate("adamw", 2e-3) == "");
  CHECK(rate("adam", 0.05) == "");
  CHECK(rate("adamw", 0.2) == "learning_rate_high!");
  CHECK(rate("adamw", 2e-6) == "learning_rate_low!");
  CHECK(rate("sgd", 0.1) == "");
  CHECK(rate("sgd", 10) == "learning_rate_high!");
  CHECK(rate("sgd", 1e-4) == "learning_rate_low!");
  for (const std::string& name : optim::optimizer_names()) {
    INFO(name);
    nn::MLP model({2, 8, 2});
    const auto made = optim::make_optimizer(name, model.parameters());
    CHECK(kinds(train::lint(model, {.optimizer = made.get()})) == "");
    CHECK(rate(name, 1e-9) == "learning_rate_low!");
    CHECK(rate(name, 50) == "learning_rate_high!");
  }
}

TEST_CASE("lint takes no rate of a warm-up for the run's, whether it knows the scheduler or not") {
  nn::MLP model({2, 8, 2});
  optim::AdamW optimizer(model.parameters(), {.lr = 2e-3});
  const optim::Scheduler scheduler(optimizer, optim::WarmupCosine{.warmup = 400, .total = 5000});
  REQUIRE(optimizer.lr() < 1e-5);
  CHECK(kinds(train::lint(model, {.optimizer = &optimizer})) == "");
}

TEST_CASE("lint compares the schedule with the run, and judges its highest rate") {
  nn::MLP model({2, 8, 2});
  optim::AdamW optimizer(model.parameters(), {.lr = 2e-3});
  const data::DataLoader loader(moons(40), {.batch_size = 8, .shuffle = true});
  optim::Scheduler fits(optimizer, optim::WarmupCosine{.warmup = 10, .total = 50});
  CHECK(kinds(train::lint(
            model,
            {.optimizer = &optimizer, .scheduler = &fits, .loader = &loader, .epochs = 10})) == "");
  const auto findings = train::lint(
      model, {.optimizer = &optimizer, .scheduler = &fits, .loader = &loader, .epochs = 2});
  REQUIRE(kinds(findings) == "schedule_length!");
  CHECK_THAT(findings[0].text, contains("WarmupCosine is 50 steps long, but the run has 10"));
  optim::Scheduler high(optimizer, optim::OneCycle{.total = 50, .max_lr = 5});
  CHECK(
      kinds(train::lint(
          model, {.optimizer = &optimizer, .scheduler = &high, .loader = &loader, .epochs = 10})) ==
      "learning_rate_high!");
}

TEST_CASE("lint asks for shuffling where the order tells the class") {
  nn::MLP model({2, 8, 2});
  const auto of = [&](const data::TensorDataset& data, const data::LoaderOptions& options) {
    const data::DataLoader loader(data, options);
    return kinds(train::lint(model, {.loader = &loader}));
  };
  const auto set = moons(40);
  std::vector<Index> order;
  for (Index c = 0; c < 2; ++c)
    for (Index i = c; i < 40; i += 2) order.push_back(i);
  const auto sorted = set.select(order);
  CHECK(of(sorted, {.batch_size = 8}) == "no_shuffling!");
  CHECK(of(sorted, {.batch_size = 8, .shuffle = true}) == "");
  CHECK(of(sorted, {.batch_size = 64}) == "");
  CHECK(of(set, {.batch_size = 8}) == "no_shuffling");
  CHECK(of(data::TensorDataset(set.x(), set.x()), {.batch_size = 8}) == "no_shuffling");
}

TEST_CASE("lint finds parameters that the optimizer does not know") {
  nn::MLP model({2, 8, 2}), other({2, 8, 2});
  optim::AdamW optimizer(other.parameters());
  const auto findings = train::lint(model, {.optimizer = &optimizer});
  REQUIRE(kinds(findings) == "not_optimized!");
  CHECK_THAT(findings[0].text, contains("4 of the model's parameters (fc1.weight, fc1.bias"));
  model.requires_grad_(false);
  CHECK(kinds(train::lint(model, {.optimizer = &optimizer})) == "");
}

TEST_CASE("lint judges the mode where it is asked to") {
  using Mode = train::LintOptions::Mode;
  nn::MLP model({2, 8, 2}, {.dropout = 0.1}), plain({2, 8, 2});
  CHECK(kinds(train::lint(model, {.mode = Mode::train})) == "");
  CHECK(kinds(train::lint(model, {.mode = Mode::evaluate})) == "wrong_mode!");
  CHECK(kinds(train::lint(plain, {.mode = Mode::evaluate})) == "");
  model.eval();
  CHECK(kinds(train::lint(model, {.mode = Mode::train})) == "wrong_mode!");
  CHECK(kinds(train::lint(model, {.mode = Mode::evaluate})) == "");
  CHECK(kinds(train::lint(model)) == "");
}

TEST_CASE("lint leaves the model as it was, and follows modules of one's own") {
  struct Net : nn::Module {
    nn::Linear a = add("a", nn::Linear(2, 8));
    nn::BatchNorm1d norm = add("norm", nn::BatchNorm1d(8));
    nn::Linear b = add("b", nn::Linear(8, 8));
    nn::Linear c = add("c", nn::Linear(8, 2));
    Tensor forward(const Tensor& x) const override { return c(relu(b(norm(a(x))))); }
  };
  Net net;
  net.norm.eval();
  const auto before = net.state_dict();
  manual_seed(4);
  CHECK(kinds(train::lint(net)) == "bias_before_batch_norm");
  const double next = rand({1}).item();
  manual_seed(4);
  CHECK(rand({1}).item() == next);
  for (const auto& [name, tensor] : net.state_dict())
    CHECK(tensor.to_vector<double>() == before.at(name).to_vector<double>());
  CHECK(net.is_training());
  CHECK_FALSE(net.norm.is_training());
  for (const auto& entry : net.named_modules()) CHECK_FALSE(entry.module->has_forward_hooks());
}

TEST_CASE("lint says when a model cannot be called") {
  nn::MLP model({2, 8, 2});
  const auto findings = train::lint(model, {.input = ones({4, 3})});
  CHECK(kinds(findings) == "not_traced");
}

TEST_CASE("lint passes on that memory ran out, and keeps other failures as findings") {
  nn::MLP model({4, 8, 2});
  const Tensor input = randn({16, 4});
  Index failed = 0;
  for (Index n = 1; n < 200; ++n) {
    gradus::detail::fail_allocation_after(n);
    std::vector<train::Finding> findings;
    try {
      findings = train::lint(model, {.input = input});
    } catch (const Error& error) {
      ++failed;
      CHECK_THAT(error.what(), contains("[memory] no memory"));
    }
    gradus::detail::fail_allocation_after(0);
    for (const train::Finding& finding : findings) CHECK(finding.kind != "not_traced");
  }
  CHECK(failed > 10);
  CHECK_THAT(kinds(train::lint(model, {.input = randn({16, 5})})), contains("not_traced"));
}
