#include "gradus/gradus.hpp"
#include "gradus/train.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"

using namespace gradus;
using gradus::test::contains;

namespace {

/// A network with a layer that is never called.
struct Net : nn::Module {
  nn::Linear first = add("first", nn::Linear(2, 8)), last = add("last", nn::Linear(8, 2)),
             unused = add("unused", nn::Linear(2, 2));
  nn::ReLU act = add("act", nn::ReLU());
  Tensor forward(const Tensor& x) const override { return last(act(first(x))); }
};

struct Watched {
  std::vector<std::string> told;  // by on_finding
  std::vector<train::Finding> findings;
  std::vector<train::LayerEpoch> layers;
  std::vector<double> norms;
};

/// Trains to the end of epoch `stop` of 12, from the checkpoint at `path` if it is there.
Watched train_to(Index stop, const std::string& path) {
  manual_seed(4);
  Net net;
  optim::SGD optimizer(net.parameters(), {.lr = 0.01});
  data::DataLoader loader(data::make_moons({.n = 40, .noise = 0.1}),
                          {.batch_size = 8, .shuffle = true, .seed = 1});
  Watched out;
  std::atomic<bool> stopped = false;
  train::Monitor monitor({.every = 3, .on_finding = [&](const train::Finding& finding) {
                            out.told.push_back(finding.kind + ": " + finding.text);
                          }});
  train::FitOptions options{.epochs = 12,
                            .stop = &stopped,
                            .checkpoint = {.path = path},
                            .callbacks = {&monitor},
                            .findings = &out.findings};
  options.on_epoch = [&](const train::Epoch& epoch) { stopped = epoch.epoch == stop; };
  train::Checkpoint before;
  if (std::filesystem::exists(path)) {
    before = train::load_checkpoint(path);
    options.resume = &before;
  }
  train::fit(
      net, [](const Tensor& output, const Tensor& target) { return cross_entropy(output, target); },
      optimizer, nullptr, loader, {}, options);
  out.layers = monitor.layers();
  out.norms = monitor.grad_norms();
  return out;
}

}  // namespace

TEST_CASE("a run that goes on tells of every finding once, and with the same words") {
  const test::TemporaryFolder folder;
  const Watched whole = train_to(12, folder / "whole");
  REQUIRE(whole.told.size() == 1);  // in epoch 4 or so
  CHECK_THAT(whole.told[0], contains("No gradient reaches unused"));
  for (const Index stop : {1, 2, 3, 4, 5, 8}) {
    INFO("stopped after epoch " << stop);
    const std::string path = folder / ("stopped" + std::to_string(stop));
    std::vector<std::string> told = train_to(stop, path).told;
    const Watched rest = train_to(12, path);
    told.insert(told.end(), rest.told.begin(), rest.told.end());
    CHECK(told == whole.told);
    CHECK(rest.findings.size() == 1);
    CHECK(rest.norms == whole.norms);
    REQUIRE(rest.layers.size() == 12);
    for (const std::size_t epoch : {std::size_t{0}, std::size_t{11}})
      for (std::size_t i = 0; i < whole.layers[epoch].layers.size(); ++i) {
        const train::LayerStats &a = rest.layers[epoch].layers[i],
                                &b = whole.layers[epoch].layers[i];
        CHECK(a.name == b.name);
        CHECK(a.module == b.module);
        CHECK(a.parameters == b.parameters);
        CHECK((a.grad_norm == b.grad_norm || std::isnan(b.grad_norm)));
        CHECK((a.update_ratio == b.update_ratio || std::isnan(b.update_ratio)));
        CHECK((a.active == b.active || std::isnan(b.active)));
      }
  }
}

TEST_CASE("a monitor refuses states that are none, and keeps its own") {
  const test::TemporaryFolder folder;
  train_to(2, folder / "run");
  const optim::StateDict good =
      train::load_checkpoint(folder / "run").states.at("callback.monitor");
  train::Monitor monitor;
  CHECK_NOTHROW(monitor.load_state_dict(good));
  CHECK_THROWS_WITH(monitor.load_state_dict({}),
                    contains("[Monitor.load_state_dict]") && contains("a monitor is required"));
  for (const auto& [key, tensor] : good) {
    if (key == "norms") continue;  // of any length
    INFO(key);
    optim::StateDict bad = good;
    bad[key] = zeros({5}, float64);
    CHECK_THROWS_AS(monitor.load_state_dict(bad), Error);
    bad[key] = zeros({2}, int64);
    CHECK_THROWS_AS(monitor.load_state_dict(bad), Error);
  }
}

TEST_CASE("a monitor does not go on in a model with other modules") {
  const test::TemporaryFolder folder;
  train_to(2, folder / "run");
  train::Monitor monitor({.lint = false});
  monitor.load_state_dict(train::load_checkpoint(folder / "run").states.at("callback.monitor"));
  nn::MLP model({2, 2});
  optim::SGD optimizer(model.parameters(), {.lr = 0.01});
  data::DataLoader loader(data::make_moons({.n = 8}), {.batch_size = 8});
  CHECK_THROWS_WITH(
      train::fit(
          model,
          [](const Tensor& output, const Tensor& target) { return cross_entropy(output, target); },
          optimizer, nullptr, loader, {}, {.callbacks = {&monitor}}),
      contains("the state of 4 modules was given; that of the 1 modules of this model"));
}

TEST_CASE("the state of a monitor that saw no run loads, and the next run is like a first one") {
  const test::TemporaryFolder folder;
  train::Monitor monitor({.lint = false}), unused;
  CHECK_NOTHROW(monitor.load_state_dict(unused.state_dict()));
  CHECK_NOTHROW(unused.load_state_dict(unused.state_dict()));
  // Whatever was loaded before is gone.
  train_to(2, folder / "run");
  monitor.load_state_dict(train::load_checkpoint(folder / "run").states.at("callback.monitor"));
  monitor.load_state_dict(unused.state_dict());
  nn::MLP model({2, 2});
  optim::SGD optimizer(model.parameters(), {.lr = 0.01});
  data::DataLoader loader(data::make_moons({.n = 8}), {.batch_size = 8});
  train::fit(
      model,
      [](const Tensor& output, const Tensor& target) { return cross_entropy(output, target); },
      optimizer, nullptr, loader, {}, {.epochs = 2, .callbacks = {&monitor}});
  CHECK(monitor.layers().size() == 2);
  CHECK(monitor.grad_norms().size() == 2);
}

TEST_CASE("the unused state of every callback loads") {
  const test::TemporaryFolder folder;
  train::Recorder recorder;
  train::JsonLog json(folder / "a");
  train::CsvLog csv(folder / "b");
  train::TensorBoardLog board(folder / "c");
  train::ProgressPrinter printer;
  for (train::Callback* callback :
       std::initializer_list<train::Callback*>{&recorder, &json, &csv, &board, &printer}) {
    INFO(callback->name());
    CHECK_NOTHROW(callback->load_state_dict(callback->state_dict()));
  }
}
