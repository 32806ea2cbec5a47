#include "session.hpp"

#include <cstdio>
#include <gradus/io/file.hpp>
#include <gradus/nn/summary.hpp>
#include <gradus/train.hpp>

#include "command_line.hpp"

using namespace gradus;

std::string describe(const train::Score& score, train::Task task, const std::string& part) {
  char text[160];
  if (task == train::Task::regression)
    std::snprintf(text, sizeof text, "%s loss %.4g", part.c_str(), score.loss);
  else
    std::snprintf(text, sizeof text, "%s accuracy %.2f %%, %s loss %.4f", part.c_str(),
                  100 * score.accuracy, part.c_str(), score.loss);
  return text;
}

void print_report(const train::Prepared& data, const train::Source& source) {
  const Index rows = source.table ? source.table->report.rows_read : source.size();
  std::printf("%s: %lld rows, %zu features, %s", source.name.c_str(), static_cast<long long>(rows),
              data.pipeline.features().size(), name_of(data.pipeline.task()));
  if (!data.pipeline.class_names().empty())
    std::printf(" of %zu classes", data.pipeline.class_names().size());
  std::printf("\n%s", data.report.to_string().c_str());
  for (const std::string& note : data.notes) std::printf("%s\n", note.c_str());
}

namespace {

train::Recorder make_recorder(const train::Prepared& data, const train::Objective& objective) {
  const train::Pipeline& pipeline = data.pipeline;
  train::RecorderOptions options;
  options.unscale_inputs = [&pipeline](const Tensor& x) { return pipeline.unscale_inputs(x); };
  options.unscale_targets = [&pipeline](const Tensor& y) { return pipeline.unscale(y); };
  options.predict = [&pipeline, objective](const Tensor& output) {
    return pipeline.unscale(objective.predict(output));
  };
  return train::Recorder(options);
}

/// config.json as names and texts.
train::Texts texts_of(const train::Config& config) {
  train::Texts texts;
  for (const train::Setting& setting : train::settings(config))
    texts.emplace_back(setting.name, setting.value);
  return texts;
}

void write_report(const std::string& path, const train::Prepared& data, const Outcome& outcome,
                  const train::Recorder& recorder, nn::Module& model) {
  train::ReportData report;
  report.title = "Training on " + data.config.data;
  report.facts = {{"data", data.config.data},
                  {"task", name_of(data.pipeline.task())},
                  {"training samples", std::to_string(data.train.size())},
                  {"validation samples", std::to_string(data.validation.size())},
                  {"test samples", std::to_string(data.test.size())}};
  if (outcome.measured)
    report.facts.emplace_back("result", describe(outcome.test, data.pipeline.task(),
                                                 data.test.empty() ? "validation" : "test"));
  report.history = outcome.history;
  report.findings = outcome.findings;
  report.recorder = &recorder;
  report.config = texts_of(data.config);
  report.model_table = nn::summary(model, {1, data.train.x().size(1)}, data.pipeline.dtype());
  report.class_names = data.pipeline.class_names();
  report.input_names = data.pipeline.features();
  if (!data.pipeline.target_names().empty())
    report.target_name = data.pipeline.target_names().front();
  train::write_report(path, report);
}

}  // namespace

Outcome train_model(train::Prepared& data, train::RunFolder* folder, bool quiet) {
  const train::Config& config = data.config;
  const train::Objective objective = train::objective_of(config, data.pipeline, data.train);
  const train::ModelSpec spec = train::model_spec(config, data.pipeline, objective);
  manual_seed(config.seed);
  const auto model = train::build_model(spec, data.pipeline.dtype());
  const auto optimizer = train::make_optimizer(config, *model);
  data::DataLoader loader = train::make_loader(config, data.train);
  std::optional<optim::Scheduler> scheduler;
  if (const auto schedule = train::make_schedule(config, loader.size()))
    scheduler.emplace(*optimizer, *schedule);

  train::FitOptions options = train::fit_options(config);
  train::ProgressPrinter printer;
  if (!quiet) {
    const auto count = [](Index n) { return static_cast<long long>(n); };
    std::printf("%lld training, %lld validation and %lld test samples; %lld parameters\n",
                count(data.train.size()), count(data.validation.size()), count(data.test.size()),
                count(model->num_parameters()));
    printer.header();
    options.on_step = [&](const train::Progress& progress) { printer.step(progress); };
    options.on_epoch = [&](const train::Epoch& epoch) { printer.epoch(epoch, options.epochs); };
  }
  Outcome outcome;
  train::Recorder recorder = make_recorder(data, objective);
  if (folder && config.report) options.callbacks.push_back(&recorder);
  options.findings = &outcome.findings;
  outcome.history = train::fit(*model, objective.function, *optimizer,
                               scheduler ? &*scheduler : nullptr, loader, data.validation, options);
  const data::TensorDataset& judged = data.test.empty() ? data.validation : data.test;
  if (!judged.empty()) {
    outcome.test = train::evaluate(*model, objective.function, judged);
    outcome.measured = true;
  }
  if (!folder) return outcome;
  io::write_file_atomically(*folder / "config.json", train::to_json(config));
  train::save_model(*folder / "model.safetensors", *model, spec, data.pipeline, config);
  if (config.report) {
    if (!data.test.empty()) recorder.judge(*model, data.test, "test");
    write_report(*folder / "report.html", data, outcome, recorder, *model);
  }
  return outcome;
}
