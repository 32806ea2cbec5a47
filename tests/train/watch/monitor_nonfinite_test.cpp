#include "gradus/gradus.hpp"
#include "gradus/train.hpp"
#include "support/catch.hpp"
#include "train/loop/fit_support.hpp"

using namespace gradus;
using gradus::test::contains;
using gradus::test::squared;

namespace {

struct Reciprocal : nn::Module {
  Tensor forward(const Tensor& x) const override { return 1.0 / x; }
};

/// The findings of one epoch that ends with an error.
std::vector<train::Finding> broken(nn::Module& model, const data::TensorDataset& data) {
  optim::SGD optimizer(model.parameters(), {.lr = 0.01});
  data::DataLoader loader(data, {.batch_size = 4});
  train::Monitor monitor({.lint = false});
  std::vector<train::Finding> findings;
  CHECK_THROWS_AS(train::fit(model, squared, optimizer, nullptr, loader, {},
                             {.epochs = 1, .callbacks = {&monitor}, .findings = &findings}),
                  Error);
  return findings;
}

}  // namespace

TEST_CASE("a non-finite loss is traced to the operation, the module and the rows of the batch") {
  nn::Sequential model(nn::Identity(), Reciprocal(), nn::Linear(2, 1));
  const Tensor x = tensor({{1, 2}, {3, 0}, {5, 6}, {7, 0}});
  const auto findings = broken(model, data::TensorDataset(x, zeros({4, 1})));
  REQUIRE_FALSE(findings.empty());
  CHECK(findings[0].kind == "non_finite");
  CHECK(findings[0].where == "1");
  CHECK_THAT(findings[0].text, contains("The loss became inf in epoch 1 (step 1)") &&
                                   contains("'rdiv' in module '1' made inf at (1, 1)") &&
                                   contains("not finite in rows 1, 3 of the batch"));
}

TEST_CASE("inputs and parameters that are not finite are named") {
  nn::MLP model({2, 4, 1});
  Tensor x = ones({4, 2});
  x.mutable_data<float>()[5] = NAN;
  auto findings = broken(model, data::TensorDataset(x, zeros({4, 1})));
  REQUIRE_FALSE(findings.empty());
  CHECK_THAT(findings[0].text, contains("the inputs hold values that are not finite in row 2"));

  nn::MLP fresh({2, 4, 1});
  Tensor bias = dynamic_cast<const nn::Linear&>(fresh[0]).bias;
  {
    const NoGrad guard;
    bias.fill_(INFINITY);
  }
  findings = broken(fresh, data::TensorDataset(ones({4, 2}), zeros({4, 1})));
  REQUIRE_FALSE(findings.empty());
  CHECK(findings[0].where == "fc1.bias");
}

TEST_CASE("looking for the operation leaves buffers, gradients and random numbers as they were") {
  const auto run = [](bool monitored) {
    manual_seed(5);
    nn::Sequential model(nn::Linear(2, 4), nn::BatchNorm1d(4), nn::Dropout(0.5), Reciprocal(),
                         nn::Linear(4, 1));
    optim::SGD optimizer(model.parameters(), {.lr = 0.01});
    data::DataLoader loader(data::TensorDataset(randn({4, 2}), zeros({4, 1})), {.batch_size = 4});
    train::Monitor monitor({.lint = false});
    train::FitOptions options{.epochs = 1};
    if (monitored) options.callbacks = {&monitor};
    std::vector<train::Finding> findings;
    options.findings = &findings;
    CHECK_THROWS_AS(train::fit(model, squared, optimizer, nullptr, loader, {}, options), Error);
    CHECK(findings.empty() == !monitored);
    std::vector<double> all = {rand({1}).item()};
    for (const auto& [name, buffer] : model.named_buffers())
      for (const double v : buffer.to_vector<double>()) all.push_back(v);
    return all;
  };
  CHECK(run(true) == run(false));
}
