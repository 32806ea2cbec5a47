#include "session.hpp"

#include <cstdio>
#include <gradus/io/file.hpp>
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
  if (folder) io::write_file_atomically(*folder / "config.json", train::to_json(config));

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
  outcome.history = train::fit(*model, objective.function, *optimizer,
                               scheduler ? &*scheduler : nullptr, loader, data.validation, options);
  const data::TensorDataset& judged = data.test.empty() ? data.validation : data.test;
  if (!judged.empty()) {
    outcome.test = train::evaluate(*model, objective.function, judged);
    outcome.measured = true;
  }
  if (folder) train::save_model(*folder / "model.safetensors", *model, spec, data.pipeline, config);
  return outcome;
}
