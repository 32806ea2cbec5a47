#include "train/recipe/settings.hpp"

#include <set>

#include "gradus/gradus.hpp"
#include "gradus/train.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"

using namespace gradus;
using gradus::test::contains;
using gradus::test::TemporaryFolder;

TEST_CASE("every line of the table is a setting with a name, help, and a value that reads back") {
  train::Config config;
  std::set<std::string> names;
  for (const train::Setting& setting : train::settings()) {
    INFO(setting.name);
    CHECK(names.insert(setting.name).second);
    CHECK_FALSE(setting.help.empty());
    train::set(config, setting.name, setting.is_switch ? "no" : setting.value);
    if (!setting.choices.empty())
      CHECK_THROWS_WITH(train::set(config, setting.name, "no such text"),
                        contains("--" + setting.name + " no such text: one of "));
  }
  CHECK(train::to_json(config) == train::to_json(train::Config()));
}

TEST_CASE(
    "a number out of the range of its setting is refused by name, also by the options it sets") {
  train::Config own;
  Index ranges = 0;
  for (const train::detail::Field& line : train::detail::fields(own)) {
    if (!line.rule.range || !line.name) continue;
    ++ranges;
    INFO(line.name);
    train::Config config;
    train::set(config, line.name, "-1");
    CHECK_THROWS_WITH(train::check(config), contains("--" + std::string(line.name) + " -1: ") &&
                                                contains(line.rule.range->flag_words));
    if (!line.option.starts_with("fit.")) continue;
    nn::Linear model(1, 1);
    optim::SGD optimizer(model.parameters(), {.lr = 0.1});
    data::DataLoader loader(data::TensorDataset(zeros({2, 1}), zeros({2, 1})));
    CHECK_THROWS_WITH(train::fit(
                          model, [](const Tensor& a, const Tensor& b) { return mse_loss(a, b); },
                          optimizer, nullptr, loader, {}, config.fit),
                      contains(std::string(line.option.substr(4)) + " = -1 was given; " +
                               line.rule.range->option_words + " is required"));
  }
  CHECK(ranges > 30);
}

TEST_CASE("run trains what a configuration says, and resume and report find it again") {
  const TemporaryFolder folder;
  train::Config config{.data = "moons", .hidden = {{8}}, .run = folder / "r"};
  config.epochs = 3;
  std::vector<std::string> told;
  train::RunHooks hooks;
  hooks.on_data = [&](const train::Prepared& data, const train::Source& source) {
    told.push_back(source.name + " " + text_of(data.train.size()));
  };
  hooks.on_folder = [&](const train::RunFolder& made) { told.push_back(made.path()); };
  const train::Outcome outcome = train::run(config, hooks);
  REQUIRE(told.size() == 2);
  CHECK(told[0].starts_with("moons 4"));
  CHECK(told[1] == folder / "r");
  CHECK(outcome.is_good());
  CHECK(outcome.saved);
  CHECK(outcome.folder == folder / "r");
  CHECK(outcome.part == "test");
  CHECK(outcome.history.size() == 3);
  const train::SavedModel saved = train::load_model(folder / "r");
  const train::Metrics again = train::measure(
      *saved.model, saved.objective, saved.pipeline,
      train::prepare(saved.config, train::load_source(train::source_options(saved.config))).test);
  CHECK(again == outcome.metrics);
  CHECK(train::resume(folder / "r").metrics == outcome.metrics);  // nothing is left to be done
  train::report(folder / "r", folder / "again.html");
  for (const char* page : {"r/report.html", "again.html"})
    CHECK_THAT(test::read_bytes(folder / page), contains("Training on moons"));
}

TEST_CASE("run trains several times, and gives means and deviations") {
  train::Config config{.data = "xor", .hidden = {{4}}, .repeat = 3};
  config.epochs = 2;
  Index told = 0;
  train::RunHooks hooks;
  hooks.on_run = [&](const train::Outcome& one) { told += !one.metrics.empty(); };
  const train::Outcome all = train::run(config, hooks);
  REQUIRE(all.runs.size() == 3);
  CHECK(told == 3);
  double sum = 0;
  for (const train::Outcome& one : all.runs) sum += train::metric(one.metrics, "loss");
  CHECK(train::metric(all.metrics, "loss") == test::Approx(sum / 3));
  CHECK(train::metric(all.deviations, "loss") > 0);
  config.repeat = 1;
  config.folds = 2;
  CHECK(train::run(config).runs.size() == 2);
}

TEST_CASE("a run that is asked to stop ends as interrupted, and throws nothing") {
  const TemporaryFolder folder;
  train::Config config{.data = "moons", .hidden = {{8}}, .run = folder / "r"};
  const std::atomic<bool> stop{true};
  const train::Outcome outcome = train::run(config, {.stop = &stop});
  CHECK(outcome.ended == train::Ended::interrupted);
  CHECK_FALSE(outcome.is_good());
}
