#include <cstdio>
#include <gradus/threads.hpp>
#include <gradus/train.hpp>

#include "command_line.hpp"
#include "commands.hpp"
#include "session.hpp"

using namespace gradus;

int command_evaluate(int argc, char** argv) {
  CLI::App app("Measures a trained model on data with targets.", "train evaluate");
  std::string path;
  app.add_option("MODEL,--model", path, "run folder or model file")->required();
  const SettingFlags flags(app, {"data", "labels", "header", "delimiter", "decimal", "threads"});
  if (!parse(app, argc, argv)) return Exit::fine;
  const train::SavedModel saved = train::load_model(path);
  const train::Config config = flags.read(saved.config);
  if (config.threads > 0) set_num_threads(static_cast<int>(config.threads));
  train::SourceOptions options = train::source_options(config);
  if (flags.given("data")) options.csv = saved.pipeline.csv_options(options.csv);
  const train::Source source = train::load_source(options);
  data::TensorDataset set;
  if (flags.given("data")) {
    set = saved.pipeline.dataset(
        source.test.empty() ? source : train::Source{.name = source.name, .arrays = source.test});
  } else {  // the test part of the training's data
    train::Prepared data = train::prepare(saved.config, source);
    set = data.test.empty() ? data.validation : data.test;
    if (set.empty())
      throw UsageError("the model was trained without a test part; --data with others is required");
  }
  const train::Score score = train::evaluate(*saved.model, saved.objective.function, set);
  std::printf(
      "%lld samples of %s\n%s\n", static_cast<long long>(set.size()), source.name.c_str(),
      describe(score, saved.pipeline.task(), flags.given("data") ? "data" : "test").c_str());
  return Exit::fine;
}
