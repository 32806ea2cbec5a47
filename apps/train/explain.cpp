#include <cstdio>
#include <gradus/ops.hpp>
#include <gradus/train.hpp>

#include "command_line.hpp"
#include "commands.hpp"
#include "effects.hpp"
#include "signals.hpp"

using namespace gradus;

int command_explain(int argc, char** argv) {
  CommandLine line(
      "Writes a page that goes through one forward and one backward pass, node by node.",
      "train explain");
  std::string path, out = "explain.html";
  Index sample = 0;
  line.add_required("MODEL,--model", path, "run folder or model file");
  line.add_file("--out", out, "file for the page");
  line.add_number("--sample", sample, "number of the row, from 0");
  const SettingFlags flags(
      line, {}, {"data", "labels", "header", "delimiter", "decimal", "encoding", "missing-texts"});
  if (!parse(line, argc, argv)) return Exit::fine;
  const train::SavedModel saved = train::load_model(path);
  train::Config config = flags.read(saved.config);
  if (flags.given("data") && !flags.given("labels")) config.labels.clear();  // of other inputs
  train::SourceOptions options = train::source_options(config);
  require_elsewhere(out, path, options.data);
  if (flags.given("data")) {
    options.csv = saved.pipeline.csv_options(options.csv);
    options.need_targets = false;  // the pipeline names those that are not there
  }
  const train::Source source = train::load_source(options);
  require_source_effects(flags, config, source);
  if (sample < 0 || sample >= source.size())
    throw UsageError("--sample " + text_of(sample) + " was given; 0 to " +
                     text_of(source.size() - 1) + " is required, the rows of " + source.name);
  const data::TensorDataset one = saved.pipeline.dataset(source, {sample});
  // The weights of classes come from the training part, which is here only with the model's own
  // data.
  const train::Objective objective =
      saved.config.balance && !flags.given("data")
          ? train::objective_of(saved.config, saved.pipeline,
                                train::prepare(saved.config, source).train)
          : saved.objective;
  train::ExplainOptions page;
  page.title = "One step on row " + text_of(sample) + " of " + source.name;
  page.loss_name = objective.loss == "bce" ? "bce_with_logits" : objective.loss;
  page.compared = objective.compared(one.y());
  if (objective.loss == "bce" && objective.class_weights.defined() && objective.outputs == 1)
    page.weight = objective.class_weights[one.y().item<Index>()].item();
  page.input_names = saved.pipeline.features();
  page.class_names = saved.pipeline.class_names();
  const Signals signals;
  train::write_explain(out, *saved.model, one.x(), one.y(), objective.function, page);
  Signals::check();
  std::printf("wrote %s\n", printable(out).c_str());
  return Exit::fine;
}
