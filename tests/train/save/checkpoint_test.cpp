#include "gradus/train/checkpoint.hpp"

#include <cmath>
#include <filesystem>

#include "gradus/io/file.hpp"
#include "support/catch.hpp"
#include "train/save/resume_support.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

/// A checkpoint with something unusual in every field.
train::Checkpoint odd_checkpoint() {
  train::Checkpoint c;
  c.weights = {{"fc1.weight", tensor({{1, 2}, {3, 4}})}, {"count", full({}, 7, int64)}};
  c.best = {{"fc1.weight", tensor({{1, 2}, {3, -0.0}})}};
  c.optimizer = "adamw";
  c.states = {{"optimizer", {{"param.0.exp_avg", tensor({{0, 1e-40}, {1, 2}})}}},
              {"callback.empty", {}}};
  c.seed = ~std::uint64_t{0};
  c.offset = std::uint64_t{1} << 63;
  c.loader = {~std::uint64_t{0} - 1, 3, 40, 1000};
  c.place = {.epoch = 4,
             .step = 2,
             .global_step = 77,
             .skipped_steps = 1,
             .accumulate = 3,
             .loss = 0.1,
             .norm = 1.0 / 3,
             .samples = 40,
             .steps = 2,
             .lr = 5e-324,
             .seconds = 1e300};
  c.history = {{.epoch = 1, .train_loss = 0.1 + 0.2, .metrics = {{"a,\"b\"", -0.0}, {"", 1e22}}},
               {.epoch = 2, .train_loss = INFINITY, .lr = -INFINITY, .grad_norm = NAN}};
  c.findings = {{.kind = "k", .alarm = false, .where = "w", .epoch = 1, .step = 2, .text = "tü\n"}};
  c.texts = {{"config", "{\"a\": 1}"}, {"", "empty name"}};
  c.tensors = {{"scaler/shift", zeros({3}, float64)}};
  return c;
}

}  // namespace

TEST_CASE("a checkpoint comes back bit for bit") {
  const TemporaryFolder folder;
  const train::Checkpoint c = odd_checkpoint();
  train::save_checkpoint(folder / "c", c);
  const train::Checkpoint read = train::load_checkpoint(folder / "c");
  CHECK(read.seed == c.seed);
  CHECK(read.offset == c.offset);
  CHECK(read.loader.seed == c.loader.seed);
  CHECK(read.loader.position == 40);
  CHECK(read.place.norm == 1.0 / 3);
  CHECK(read.place.lr == 5e-324);
  CHECK(read.place.skipped_steps == 1);
  CHECK(read.place.accumulate == 3);
  REQUIRE(read.history.size() == 2);
  CHECK(read.history[0].train_loss == 0.1 + 0.2);
  CHECK(std::isnan(read.history[0].validation_loss));
  CHECK(std::signbit(read.history[0].metrics[0].second));
  CHECK(read.history[0].metrics[0].first == "a,\"b\"");
  CHECK(read.history[1].train_loss == INFINITY);
  CHECK(read.history[1].lr == -INFINITY);
  CHECK(read.findings[0].text == "tü\n");
  CHECK(read.texts == c.texts);
  CHECK(read.states.contains("callback.empty"));
  CHECK(read.tensors.contains("scaler/shift"));
  train::save_checkpoint(folder / "again", read);
  CHECK(read_bytes(folder / "again") == read_bytes(folder / "c"));
}

TEST_CASE("the weights of a checkpoint have their own names, all else begins with gradus/") {
  const TemporaryFolder folder;
  train::save_checkpoint(folder / "c", odd_checkpoint());
  const io::SafeTensors file = io::read_safetensors(folder / "c");
  std::vector<std::string> weights;
  for (const auto& [name, tensor] : file.tensors)
    if (!name.starts_with("gradus/")) weights.push_back(name);
  CHECK(weights == std::vector<std::string>{"count", "fc1.weight"});
  CHECK(file.text("format") == "pt");
  CHECK(file.text("gradus.text.config") == "{\"a\": 1}");
}

TEST_CASE("names that would be mistaken for others are refused") {
  const TemporaryFolder folder;
  train::Checkpoint c = odd_checkpoint();
  c.weights["gradus/x"] = zeros({1});
  CHECK_THROWS_WITH(train::save_checkpoint(folder / "c", c), contains("gradus/x"));
  c = odd_checkpoint();
  c.states["a/b"];
  CHECK_THROWS_WITH(train::save_checkpoint(folder / "c", c), contains("a/b"));
  CHECK_FALSE(std::filesystem::exists(folder / "c"));
}

TEST_CASE("files that are no whole checkpoint are refused with what they lack") {
  const TemporaryFolder folder;
  io::write_safetensors(folder / "weights", {{"w", zeros({2})}});
  CHECK_THROWS_WITH(train::load_checkpoint(folder / "weights"), contains("gradus.run"));
  CHECK_THROWS_WITH(train::load_checkpoint(folder / "missing"), contains("missing"));
  train::save_checkpoint(folder / "c", odd_checkpoint());
  const std::string whole = read_bytes(folder / "c");
  write_bytes(folder / "cut", whole.substr(0, whole.size() - 1));
  CHECK_THROWS_WITH(train::load_checkpoint(folder / "cut"), contains("cut"));

  const io::SafeTensors good = io::read_safetensors(folder / "c");
  const auto refused = [&](const std::string& key, const std::string& from, const std::string& to,
                           const std::string& text) {
    io::SafeTensors bad = good;
    for (auto& [name, value] : bad.metadata)
      if (name == key) {
        const std::size_t at = value.find(from);
        REQUIRE(at != std::string::npos);
        value.replace(at, from.size(), to);
      }
    CHECK_THROWS_WITH(train::parse_checkpoint(bad, "file"),
                      contains("[load_checkpoint] file") && contains(text));
  };
  refused("gradus.run", "\"version\":1", "\"version\":9", "version is 9");
  refused("gradus.run", "{", "[", "not valid JSON");
  refused("gradus.run", "\"seed\"", "\"sead\"", "seed");
  refused("gradus.run", "\"epoch\":4", "\"epoch\":0", "gradus.run.place.epoch is 0");
  refused("gradus.run", "\"epoch\":4", "\"epoch\":\"x\"", "whole number");
  refused("gradus.history", "\"inf\"", "\"infinite\"", "infinite");
  refused("gradus.history", "\"metrics\"", "\"metric\"", "metrics");
  refused("gradus.findings", "\"kind\"", "\"kin\"", "kind");
  refused("gradus.states", "[", "", "not valid JSON");
  refused("gradus.run", "\"step\":2", "\"step\":78", "from 0 to 77");
  refused("gradus.run", "\"accumulate\":3", "\"accumulate\":0", "place.accumulate is 0");
  refused("gradus.run", "\"position\":40", "\"position\":-1", "loader.position is -1");
  refused("gradus.run", "\"samples\":1000", "\"samples\":1e30", "loader.samples is 1e+30");
  refused("gradus.run", "\"seconds\":1e+300", "\"seconds\":-1", "seconds is -1");
  refused("gradus.run", "\"optimizer\"", "\"more\":1,\"optimizer\"", "\"more\"");
  refused("gradus.run", "\"optimizer\"", "\"seed\":1,\"optimizer\"", "stands twice");
  refused("gradus.history", "\"epoch\":2", "\"epoch\":1", "from 2 to 3");
  refused("gradus.history", "\"epoch\":2", "\"epoch\":4", "from 2 to 3");
  refused("gradus.states", "\"optimizer\"", "\"optimiser\"", "gradus/state/optimizer");
  refused("gradus.states", "[", "[\"optimizer\",", "does not hold already");
  io::SafeTensors strange = good;
  strange.tensors.emplace_back("gradus/unknown/x", zeros({1}));
  CHECK_THROWS_WITH(train::parse_checkpoint(strange), contains("gradus/unknown/x"));
}

TEST_CASE("a checkpoint that does not fit lists every mismatch and changes nothing") {
  const TemporaryFolder folder;
  Recipe recipe{.what = "",
                .options = {.epochs = 1, .checkpoint = {.path = folder / "c", .every_steps = 3}}};
  Program first(recipe, 1);
  first.killer.at = 4;
  CHECK_THROWS_AS(first.fit(), Killed);
  train::Checkpoint c = train::load_checkpoint(folder / "c");
  c.weights.erase("0.bias");
  c.weights["0.weight"] = zeros({8, 5});
  c.weights["4.weight"] = zeros({3, 8}, float64);
  c.weights["5.weight"] = zeros({1});
  c.best = {{"0.bias", zeros({8})}};
  c.states["callback.counter"].erase("sum");
  c.states["plateau"];
  c.loader.position = 4;

  recipe.options.accumulate = 2;
  recipe.options.ema_decay = 0.5;
  recipe.options.checkpoint.path = folder / "other";
  Program second(recipe, 2);
  second.options.resume = &c;
  const auto snapshot = [&] {
    train::Checkpoint all;
    all.weights = second.model->state_dict();
    all.states["optimizer"] = second.optimizer->state_dict();
    all.states["scheduler"] = second.scheduler->state_dict();
    all.states["counter"] = second.counter.state_dict();
    all.loader = second.loader->state();
    all.offset = default_generator().offset();
    return bits(all);
  };
  const std::string before = snapshot();
  std::string text;
  try {
    second.fit();
  } catch (const Error& error) {
    text = error.what();
  }
  for (const char* part :
       {"[resume]", "missing: 0.bias (8,) float32",
        "0.weight is (8, 5) float32; (8, 4) float32 is required", "4.weight is (3, 8) float64",
        "unexpected: 5.weight", "best weights", "accumulate = 2", "no state of ema",
        "a state of plateau", "[counter] nothing to load", "position 4 is not the end of a batch"})
    CHECK_THAT(text, contains(part));
  CHECK(snapshot() == before);
  CHECK_FALSE(std::filesystem::exists(folder / "other"));

  Recipe sgd = recipe;
  sgd.optimizer = "sgd";
  Program third(sgd, 2);
  third.options.resume = &c;
  CHECK_THROWS_WITH(third.fit(), contains("the optimizer is SGD; AdamW was saved"));
}

TEST_CASE("a checkpoint whose numbers contradict each other or the run is refused in one line") {
  const TemporaryFolder folder;
  Recipe recipe{.what = "",
                .options = {.epochs = 2, .checkpoint = {.path = folder / "c", .every_steps = 3}}};
  Program first(recipe, 1);
  first.killer.at = 10;
  CHECK_THROWS_AS(first.fit(), Killed);
  const train::Checkpoint good = train::load_checkpoint(folder / "c");
  REQUIRE(good.place.step > 0);
  const auto refused = [&](const char* text, const auto& change) {
    train::Checkpoint bad = good;
    change(bad);
    Program second(recipe, 2);
    second.options.resume = &bad;
    std::string message;
    try {
      second.fit();
    } catch (const Error& error) {
      message = error.what();
    }
    CHECK_THAT(message, contains(text));
    CHECK(message.find('\n') == std::string::npos);
  };
  const auto entry = [](const std::string& part, const std::string& name, double value) {
    return [=](train::Checkpoint& c) { c.states.at(part).at(name) = full({}, value, float64); };
  };
  refused("step 1000 of an epoch of",
          [](train::Checkpoint& c) { c.place.step = c.place.global_step = 1000; });
  refused("step 0 of an epoch, and position", [](train::Checkpoint& c) { c.place.step = 0; });
  refused("position 0 in its data", [](train::Checkpoint& c) { c.loader.position = 0; });
  refused("the best epoch is 9", entry("best", "best_epoch", 9));
  refused("best_epoch = -1", entry("best", "best_epoch", -1));
  refused("best_epoch = 0.5", entry("best", "best_epoch", 0.5));
  refused("time = nan", entry("scheduler", "time", NAN));
  refused("param.0.step = inf", entry("optimizer", "param.0.step", INFINITY));
  refused("group.0.lr = nan", entry("optimizer", "group.0.lr", NAN));
  refused("group.0.initial_lr = -1", entry("optimizer", "group.0.initial_lr", -1));
  refused("amsgrad = 0.5", entry("optimizer", "group.0.amsgrad", 0.5));
  refused("amsgrad = 1e+300", entry("optimizer", "group.0.amsgrad", 1e300));
  refused("param.0.exp_avg_sq holds -1", [](train::Checkpoint& c) {
    c.states.at("optimizer").at("param.0.exp_avg_sq").fill_(-1);
  });
  refused("param.0.exp_avg holds nan",
          [](train::Checkpoint& c) { c.states.at("optimizer").at("param.0.exp_avg").fill_(NAN); });
  refused("exp_avg is (2,) float32", [](train::Checkpoint& c) {
    c.states.at("optimizer").at("param.0.exp_avg") = zeros({2});
  });
}

TEST_CASE("two callbacks of one name are refused") {
  Program program({.what = "", .options = {.checkpoint = {.path = "/tmp/never-written"}}}, 1);
  Counter twin;
  program.options.callbacks.push_back(&twin);
  CHECK_THROWS_WITH(program.fit(), contains("two callbacks are called \"counter\""));
  CHECK_FALSE(std::filesystem::exists("/tmp/never-written"));
}

TEST_CASE("whether checkpoints can be written is found out before the first step") {
  const TemporaryFolder folder;
  const auto refused = [&](const train::CheckpointOptions& options, const std::string& text) {
    Program program({.what = "", .options = {.checkpoint = options}}, 1);
    CHECK_THROWS_WITH(program.fit(), contains(text));
    CHECK(program.counter.steps == 0);
  };
  refused({.path = folder.path()}, "is a folder");
  refused({.path = folder / "missing/c"}, "missing/c");
  refused({.path = folder / "c", .free_bytes = std::uintmax_t{1} << 61}, "are free on this disk");
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("what killed writers left beside a checkpoint is removed, what others write is not") {
  const TemporaryFolder folder;
  const std::string kept[] = {"c.tmp1.0", "c.history", "c.abcdefgh.history", "d.abcdefgh.history",
                              ".gradus-abcdefgh"};
  for (const std::string& name : kept) write_bytes(folder / name, "mine");
  const std::string left[] = {".c.gradus-abcdefgh", "c.22222222.history", "c.33333333.history"};
  write_bytes(folder / left[0], "x");
  write_bytes(folder / left[1], "gradus-hi");
  write_bytes(folder / left[2], "gradus-history 1\n{}\n");
  Program({.what = "", .options = {.checkpoint = {.path = folder / "c"}}}, 1).fit();
  for (const std::string& name : left) CHECK_FALSE(std::filesystem::exists(folder / name));
  for (const std::string& name : kept) CHECK(read_bytes(folder / name) == "mine");
  // Nothing else is there but the checkpoint and its history.
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 5 + 2);
}
