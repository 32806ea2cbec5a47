#include "session.hpp"

#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <gradus/io/file.hpp>
#include <gradus/train/lint.hpp>
#include <gradus/train/monitor.hpp>
#include <memory>

#include "command_line.hpp"

using namespace gradus;

namespace {

std::atomic<bool> stop_asked{false};

/// The first SIGINT asks the run to end after its step; a second one ends the program.
class Interrupts {
 public:
  Interrupts() {
    stop_asked = false;
    old_ = std::signal(SIGINT, [](int) {
      stop_asked = true;
      std::signal(SIGINT, SIG_DFL);
    });
  }
  ~Interrupts() { std::signal(SIGINT, old_); }
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

 private:
  void (*old_)(int);
};

/// What is told how a run goes on, in the order in which it is told.
struct Listeners {
  std::unique_ptr<train::Recorder> recorder;
  std::unique_ptr<train::Monitor> monitor;
  std::vector<std::unique_ptr<train::Callback>> all;

  Listeners(const train::Prepared& data, const train::Objective& objective,
            train::RunFolder* folder) {
    const train::Config& config = data.config;
    if (config.diagnose && folder)
      monitor = std::make_unique<train::Monitor>(train::MonitorOptions{.lint = false});
    if (!folder) return;
    if (config.report) recorder = std::make_unique<train::Recorder>(make_recorder(data, objective));
    if (config.tensorboard)
      all.push_back(std::make_unique<train::TensorBoardLog>(*folder / "tensorboard"));
    all.push_back(std::make_unique<train::JsonLog>(*folder / "history.jsonl"));
    all.push_back(std::make_unique<train::CsvLog>(*folder / "log.csv"));
  }
  std::vector<train::Callback*> list() const {
    std::vector<train::Callback*> pointers;
    if (monitor) pointers.push_back(monitor.get());
    if (recorder) pointers.push_back(recorder.get());
    for (const auto& callback : all) pointers.push_back(callback.get());
    return pointers;
  }
};

void print_head(const train::Prepared& data, const nn::Module& model) {
  const auto count = [](Index n) { return static_cast<long long>(n); };
  std::printf("%lld training, %lld validation and %lld test samples; %lld parameters\n",
              count(data.train.size()), count(data.validation.size()), count(data.test.size()),
              count(model.num_parameters()));
}

/// Findings as they are, one a line, after the run; alarms first.
void print_findings(const std::vector<train::Finding>& findings) {
  for (const bool alarm : {true, false})
    for (const train::Finding& finding : findings)
      if (finding.alarm == alarm) std::printf("%s%s\n", alarm ? "! " : "  ", finding.text.c_str());
}

/// What the way a run ended means for the exit status, said on stderr unless all went well.
int status_of(const train::FitResult& result) {
  if (result.ended == train::Ended::interrupted) {
    std::fprintf(stderr, "train: %s\n", result.reason.c_str());
    return Exit::interrupted;
  }
  if (result.ended == train::Ended::non_finite) {
    std::fprintf(stderr, "train: %s\n", result.reason.c_str());
    return Exit::non_finite;
  }
  return Exit::fine;
}

}  // namespace

std::vector<train::Finding> lint_model(const train::Prepared& data,
                                       const train::Objective& objective, nn::Module& model,
                                       const optim::Optimizer& optimizer,
                                       const optim::Scheduler* scheduler,
                                       const data::DataLoader& loader) {
  train::LintOptions options;
  options.loss = objective.loss == "bce"                 ? "bce_with_logits"
                 : objective.loss == "bce_probabilities" ? "bce"
                                                         : objective.loss;
  options.optimizer = &optimizer;
  options.scheduler = scheduler;
  options.loader = &loader;
  options.epochs = data.config.epochs.value_or(0);
  return train::lint(model, options);
}

train::Metrics measure(nn::Module& model, const train::Objective& objective,
                       const train::Pipeline& pipeline, const data::TensorDataset& set) {
  const train::Score score = train::evaluate(model, objective.function, set);
  train::Metrics metrics = {{"loss", score.loss}};
  if (pipeline.task() == train::Task::regression) {
    train::MetricAccumulator values({.outputs = train::Outputs::values});
    values.add(pipeline.unscale(objective.predict(train::run_model(model, set.x()))),
               pipeline.unscale(set.y()));
    metrics.insert(metrics.end(),
                   {{"r2", values.r2()}, {"mae", values.mae()}, {"rmse", values.rmse()}});
    return metrics;
  }
  metrics.emplace_back("accuracy", score.accuracy);
  for (const auto& metric : score.metrics)
    if (metric.first != "loss" && metric.first != "accuracy") metrics.push_back(metric);
  return metrics;
}

std::string describe(const train::Metrics& metrics, const std::string& part) {
  char text[200];
  const double loss = train::metric(metrics, "loss");
  const double accuracy = train::metric(metrics, "accuracy");
  if (std::isnan(accuracy))
    std::snprintf(text, sizeof text, "%s loss %.4g, R2 %.4f, RMSE %.4g", part.c_str(), loss,
                  train::metric(metrics, "r2"), train::metric(metrics, "rmse"));
  else
    std::snprintf(text, sizeof text, "%s accuracy %.2f %%, %s loss %.4f", part.c_str(),
                  100 * accuracy, part.c_str(), loss);
  return text;
}

void print_report(const train::Prepared& data, const train::Source& source) {
  const Index rows = source.table ? source.table->report.rows_read : source.size();
  std::printf("%s: %lld rows, %zu features, %s", source.name.c_str(), static_cast<long long>(rows),
              data.pipeline.features().size(), name_of(data.pipeline.task()));
  if (!data.pipeline.class_names().empty())
    std::printf(" of %zu classes", data.pipeline.class_names().size());
  std::printf("\n%s", data.report.to_string().c_str());
}

Outcome train_model(const train::Prepared& data, const Session& session) {
  const train::Config& config = data.config;
  train::RunFolder* const folder = session.folder;
  const train::Objective objective = train::objective_of(config, data.pipeline, data.train);
  const train::ModelSpec spec = train::model_spec(config, data.pipeline, objective);
  manual_seed(config.seed);
  const auto model = train::build_model(spec, data.pipeline.dtype());
  const auto optimizer = train::make_optimizer(config, *model);
  data::DataLoader loader = train::make_loader(config, data.train);
  const Index steps = (loader.size() + config.accumulate - 1) / config.accumulate;
  std::optional<optim::Scheduler> scheduler;
  if (const auto schedule = train::make_schedule(config, steps))
    scheduler.emplace(*optimizer, *schedule);
  std::optional<optim::ReduceLROnPlateau> plateau;
  if (config.schedule == "plateau")
    plateau.emplace(
        *optimizer,
        optim::PlateauOptions{.factor = config.gamma > 0 && config.gamma < 1 ? config.gamma : 0.1,
                              .patience = config.step_size > 0
                                              ? config.step_size
                                              : std::max<Index>(2, *config.epochs / 10)});
  Outcome outcome;
  const Listeners listeners(data, objective, folder);
  train::FitOptions options = train::fit_options(config);
  options.callbacks = listeners.list();
  options.findings = &outcome.findings;
  options.plateau = plateau ? &*plateau : nullptr;
  options.resume = session.resume;
  options.stop = &stop_asked;
  if (session.sweep) outcome.sweep = *session.sweep;
  if (session.resume) outcome.sweep = sweep_of(*session.resume);
  if (folder) {
    options.checkpoint.path = *folder / "checkpoint.safetensors";
    options.checkpoint.tensors = tensors_of(outcome.sweep);
    options.checkpoint.texts = {{"config", train::to_json(config)},
                                {"pipeline", data.pipeline.json()}};
    if (!outcome.sweep.note.empty()) options.checkpoint.texts["sweep"] = outcome.sweep.note;
  }
  if (config.diagnose && folder && !session.resume)
    outcome.findings =
        lint_model(data, objective, *model, *optimizer, scheduler ? &*scheduler : nullptr, loader);
  train::ProgressPrinter printer;
  if (!session.quiet) {
    print_findings(outcome.findings);
    print_head(data, *model);
    printer.header();
    options.on_step = [&](const train::Progress& progress) { printer.step(progress); };
    options.on_epoch = [&](const train::Epoch& epoch) { printer.epoch(epoch, options.epochs); };
  }
  const std::size_t before = outcome.findings.size();
  const Interrupts interrupts;
  const train::FitResult result =
      train::fit(*model, objective.function, *optimizer, scheduler ? &*scheduler : nullptr, loader,
                 data.validation, options);
  outcome.history = result.history;
  outcome.best_epoch = result.best_epoch;
  if (!session.quiet && outcome.findings.size() > before)
    print_findings(
        {outcome.findings.begin() + static_cast<std::ptrdiff_t>(before), outcome.findings.end()});
  outcome.status = status_of(result);
  const data::TensorDataset& judged = data.test.empty() ? data.validation : data.test;
  if (!judged.empty() && outcome.status == Exit::fine) {
    outcome.part = data.test.empty() ? "validation" : "test";
    outcome.metrics = measure(*model, objective, data.pipeline, judged);
  }
  if (!folder) return outcome;
  io::write_file_atomically(*folder / "config.json", train::to_json(config));
  if (outcome.status != Exit::non_finite || result.best_epoch > 0)
    train::save_model(*folder / "model.safetensors", *model, spec, data.pipeline, config);
  if (listeners.recorder) {
    if (!data.test.empty() && outcome.status == Exit::fine)
      listeners.recorder->judge(*model, data.test, "test");
    write_report(*folder / "report.html", data, outcome, *listeners.recorder,
                 listeners.monitor.get(), *model);
  }
  return outcome;
}
