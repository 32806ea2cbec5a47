// What counts as dead, saturated and idle, whoever says it.
#include "train/watch/units.hpp"

#include "gradus/gradus.hpp"
#include "gradus/train.hpp"
#include "support/catch.hpp"

using namespace gradus;
using gradus::test::Approx;
namespace units = gradus::train::detail;

namespace {

struct Said {
  double monitor, recorder, linter;  // shares of the units of "act"
};

/// What is said of the activation behind inputs that are its own, a column a unit.
Said said_of(const std::string& activation, const Tensor& x) {
  nn::Sequential model;
  model.append("act", nn::Activation(activation));
  model.append("fc", nn::Linear(x.size(1), 1));
  optim::SGD optimizer(model.parameters(), {.lr = 0});
  data::DataLoader loader(data::TensorDataset(x, zeros({x.size(0), 1})), {.batch_size = 8});
  train::Monitor monitor({.lint = false, .every = 1});
  train::Recorder recorder;
  train::fit(model, [](const Tensor& out, const Tensor& y) { return mse_loss(out, y); }, optimizer,
             nullptr, loader, {}, {.callbacks = {&monitor, &recorder}});
  const train::LayerStats stats = monitor.layers().at(0).layers.at(0);
  double linted = 0;
  for (const train::Finding& finding : train::lint(model, {.input = x, .trained = true}))
    if (finding.kind == "dead_units" || finding.kind == "saturated_units")
      linted = std::stod(finding.text) / 100;
  return {std::isnan(stats.dead) ? stats.saturated : stats.dead, *recorder.idle.at(0, 0), linted};
}

/// Rows that are all alike.
Tensor rows(const Tensor& row) { return expand(row.reshape({1, -1}), {64, row.numel()}).clone(); }

}  // namespace

TEST_CASE(
    "monitor, linter and recorder mean the same units when they call them dead or saturated") {
  struct Case {
    const char* activation;
    Tensor row;
    double share;
  };
  // sigmoid's derivative is a tenth of its largest at 3.64, tanh's at 1.82.
  for (const Case& c : {Case{"relu", tensor({-1.0, -2.0, 0.0, 3.0}), 0.75},
                        {"relu6", tensor({-1.0, 7.0, 6.0, 3.0}), 0.75},
                        {"sigmoid", tensor({3.7, -3.7, 4.0, 3.5}), 0.75},
                        {"tanh", tensor({1.9, -1.9, 2.0, 1.7}), 0.75},
                        {"hardsigmoid", tensor({-3.0, 3.0, 4.0, 2.9}), 0.75},
                        {"hardtanh", tensor({-1.0, 1.0, 4.0, 0.9}), 0.75}}) {
    INFO(c.activation);
    const Said said = said_of(c.activation, rows(c.row.to(float32)));
    CHECK(said.monitor == c.share);
    CHECK(said.recorder == c.share);
    CHECK(said.linter == c.share);
  }
}

TEST_CASE("the units of images are their channels, and one that works anywhere works") {
  std::vector<std::uint8_t> works;
  Tensor image = zeros({2, 3, 2, 2});
  image.mutable_data<float>()[5] = 1;  // of the first sample's second channel
  const units::Look look = units::look_at(units::flat_of(nn::ReLU()), image, works);
  CHECK(works == std::vector<std::uint8_t>{0, 1, 0});
  CHECK(units::idle_share(works) == Approx(2.0 / 3));
  CHECK(look.active == 1);
  CHECK(look.rows == 2);
}

TEST_CASE("other activations have no flat parts") {
  std::vector<std::uint8_t> works{1};
  for (const char* name : {"gelu", "leaky_relu", "softplus"}) {
    const units::Flat flat = units::flat_of(nn::Activation(name));
    CHECK(flat.kind == units::Kind::other);
    CHECK(units::look_at(flat, full({2, 2}, -9), works).saturated == 0);
    CHECK(works.empty());
  }
}
