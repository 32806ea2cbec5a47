#include <cmath>
#include <cstdio>
#include <gradus/ops.hpp>
#include <gradus/runtime.hpp>
#include <gradus/train.hpp>

#include "command_line.hpp"
#include "commands.hpp"
#include "effects.hpp"

using namespace gradus;

namespace {

/// How each of several quantities fares, in its own unit.
void print_targets(const train::SavedModel& saved, const data::TensorDataset& set) {
  const train::Pipeline& pipeline = saved.pipeline;
  const Tensor answers =
      pipeline.unscale(saved.objective.predict(train::run_model(*saved.model, set.x())));
  const Tensor truths = pipeline.unscale(set.y());
  std::printf("\n%-20s %10s %10s %10s\n", "target", "R2", "MAE", "RMSE");
  for (std::size_t t = 0; t < pipeline.target_names().size(); ++t) {
    const Index at = static_cast<Index>(t);
    train::MetricAccumulator one({.outputs = train::Outputs::values});
    one.add(slice(answers, 1, at, at + 1), slice(truths, 1, at, at + 1));
    std::printf("%-20s %10.4f %10.4g %10.4g\n", printable(pipeline.target_names()[t]).c_str(),
                one.r2(), one.mae(), one.rmse());
  }
}

/// The other metrics, and how each class fares.
void print_details(const train::SavedModel& saved, const data::TensorDataset& set,
                   const train::Metrics& metrics) {
  for (const auto& [name, value] : metrics)
    if (name != "loss" && name != "accuracy")
      std::printf("%-20s %.4f\n", printable(name).c_str(), value);
  if (saved.pipeline.target_names().size() > 1) print_targets(saved, set);
  const auto& names = saved.pipeline.class_names();
  if (names.empty() || names.size() > 50) return;
  train::MetricAccumulator accumulator;
  train::evaluate(*saved.model, saved.objective.function, set, accumulator);
  const std::vector<train::ClassScore> classes = accumulator.classes();
  std::printf("\n%-20s %10s %10s %10s %10s\n", "class", "precision", "recall", "F1", "samples");
  for (std::size_t c = 0; c < classes.size() && c < names.size(); ++c)
    std::printf("%-20s %10.4f %10.4f %10.4f %10lld\n", printable(names[c]).c_str(),
                classes[c].precision, classes[c].recall, classes[c].f1,
                static_cast<long long>(classes[c].support));
}

}  // namespace

int command_evaluate(int argc, char** argv) {
  CommandLine line("Measures a trained model on data with targets.", "train evaluate");
  std::string path;
  line.add_required("MODEL,--model", path, "run folder or model file");
  const SettingFlags flags(line, {},
                           {"data", "labels", "header", "delimiter", "decimal", "encoding",
                            "missing-texts", "drop-bad-rows", "threads"});
  if (!parse(line, argc, argv)) return Exit::fine;
  train::SavedModel saved = train::load_model(path);
  train::Config config = flags.read(saved.config);
  if (flags.given("data") && !flags.given("labels")) config.labels.clear();  // of other inputs
  if (config.threads > 0) set_num_threads(static_cast<int>(config.threads));
  train::SourceOptions options = train::source_options(config);
  if (flags.given("data")) {
    options.csv = saved.pipeline.csv_options(options.csv);
    options.need_targets = false;  // the pipeline names those that are not there
  }
  const train::Source source = train::load_source(options);
  require_source_effects(flags, config, source);
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
  const std::string part = flags.given("data") ? "data" : "test";
  const train::Metrics metrics = train::measure(*saved.model, saved.objective, saved.pipeline, set);
  if (!std::isfinite(train::metric(metrics, "loss"))) {
    if (flags.given("data")) train::predict(saved, source);  // names the row
    fail("evaluate", source.name + ": the loss is " + text_of(train::metric(metrics, "loss")) +
                         "; data like those that the model was trained on are required");
  }
  std::printf("%lld samples of %s\n%s\n", static_cast<long long>(set.size()),
              printable(source.name).c_str(), train::describe(metrics, part).c_str());
  print_details(saved, set, metrics);
  return Exit::fine;
}
