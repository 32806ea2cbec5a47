#include "session.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <gradus/io/file.hpp>
#include <gradus/train/lint.hpp>
#include <gradus/train/monitor.hpp>
#include <memory>

#include "command_line.hpp"
#include "signals.hpp"

using namespace gradus;

namespace {

/// What is trained, and with what.
struct Trainee {
  train::Objective objective;
  train::ModelSpec spec;
  std::shared_ptr<nn::Module> model;
  std::unique_ptr<optim::Optimizer> optimizer;
  data::DataLoader loader;
  std::optional<optim::Scheduler> scheduler;
  std::optional<optim::ReduceLROnPlateau> plateau;

  explicit Trainee(const train::Prepared& data)
      : objective(train::objective_of(data.config, data.pipeline, data.train)),
        spec(train::model_spec(data.config, data.pipeline, objective)),
        model(seeded_model(data)),
        optimizer(train::make_optimizer(data.config, *model)),
        loader(train::make_loader(data.config, data.train)) {
    const train::Config& c = data.config;
    const Index steps = (loader.size() + c.accumulate - 1) / c.accumulate;
    if (const auto schedule = train::make_schedule(c, steps))
      scheduler.emplace(*optimizer, *schedule);
    if (c.schedule == "plateau")
      plateau.emplace(
          *optimizer,
          optim::PlateauOptions{
              .factor = c.gamma,
              .patience = c.step_size > 0 ? c.step_size : std::max<Index>(2, *c.epochs / 10)});
  }
  optim::Scheduler* scheduler_or_null() { return scheduler ? &*scheduler : nullptr; }

 private:
  std::shared_ptr<nn::Module> seeded_model(const train::Prepared& data) const {
    manual_seed(data.config.seed);
    return train::build_model(spec, data.pipeline.dtype());
  }
};

/// What fit() is told, without callbacks.
train::FitOptions fit_options(const train::Prepared& data, const Session& session, Trainee& trainee,
                              Outcome& outcome) {
  train::FitOptions options = train::fit_options(data.config);
  options.findings = &outcome.findings;
  options.plateau = trainee.plateau ? &*trainee.plateau : nullptr;
  options.resume = session.resume;
  options.stop = &Signals::stop();
  if (session.sweep) outcome.sweep = *session.sweep;
  if (session.resume) outcome.sweep = sweep_of(*session.resume);
  if (session.folder) {
    options.checkpoint.path = *session.folder / "checkpoint.safetensors";
    options.checkpoint.tensors = tensors_of(outcome.sweep);
    options.checkpoint.texts = {{"config", train::to_json(data.config)},
                                {"pipeline", data.pipeline.json()}};
    if (!outcome.sweep.note.empty()) options.checkpoint.texts["sweep"] = outcome.sweep.note;
  }
  // The epochs that are complete: nothing is left to be trained.
  if (!session.report.empty()) options.epochs = session.resume->place.epoch - 1;
  return options;
}

/// Puts what the callbacks before it have found into the words of the command.
class FlagNames : public train::Callback {
 public:
  void on_fit_begin(train::Context& run) override { translate(run); }
  void on_backward_end(train::Context& run) override { translate(run); }
  void on_step_end(train::Context& run) override { translate(run); }
  void on_epoch_end(train::Context& run, train::Epoch&) override { translate(run); }
  void on_fit_end(train::Context& run) override { translate(run); }

 private:
  void translate(train::Context& run) {
    for (; done_ < run.findings.size(); ++done_)
      run.findings[done_].text = in_flags(run.findings[done_].text);
  }
  std::size_t done_ = 0;
};

/// Counts the steps that were taken.
class StepCount : public train::Callback {
 public:
  explicit StepCount(Index& steps) : steps_(steps) {}
  void on_step_end(train::Context& run) override { steps_ += run.skipped ? 0 : 1; }

 private:
  Index& steps_;
};

/// What is told how a run goes on, in the order in which it is told.
struct Listeners {
  std::unique_ptr<train::Recorder> recorder;
  std::unique_ptr<train::Monitor> monitor;
  std::unique_ptr<FlagNames> flag_names = std::make_unique<FlagNames>();
  std::vector<std::unique_ptr<train::Callback>> all;

  Listeners(const train::Prepared& data, const train::Objective& objective,
            const Session& session) {
    const train::Config& config = data.config;
    if (session.steps) all.push_back(std::make_unique<StepCount>(*session.steps));
    if (!session.folder && session.report.empty()) return;
    if (config.diagnose)  // lint_model() has looked already
      monitor = std::make_unique<train::Monitor>(train::MonitorOptions{.lint = false});
    if (config.report || !session.report.empty())
      recorder = std::make_unique<train::Recorder>(make_recorder(data, objective));
    if (!session.folder) return;
    train::RunFolder& folder = *session.folder;
    std::vector<std::string> files = {"config.json", "model.safetensors", "checkpoint.safetensors",
                                      "history.jsonl", "log.csv"};
    if (config.report) files.emplace_back("report.html");
    if (config.tensorboard) {
      auto board = std::make_unique<train::TensorBoardLog>(folder / "tensorboard");
      files.push_back(board->path().substr(folder.path().size() + 1));
      all.push_back(std::move(board));
    }
    folder.claim(files);
    all.push_back(std::make_unique<train::JsonLog>(folder / "history.jsonl"));
    all.push_back(std::make_unique<train::CsvLog>(folder / "log.csv"));
  }
  std::vector<train::Callback*> list() const {
    std::vector<train::Callback*> pointers;
    if (monitor) pointers.push_back(monitor.get());
    if (recorder) pointers.push_back(recorder.get());
    pointers.push_back(flag_names.get());
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
      if (finding.alarm == alarm)
        std::printf("%s%s\n", alarm ? "! " : "  ", printable(finding.text).c_str());
}

/// Adds those that are not there.
void add_findings(std::vector<train::Finding>& findings, const std::vector<train::Finding>& more) {
  for (const train::Finding& finding : more)
    if (std::none_of(findings.begin(), findings.end(),
                     [&](const train::Finding& known) { return known.text == finding.text; }))
      findings.push_back(finding);
}

/// What the way a run ended means for the exit status, said on stderr unless all went well.
int status_of(const train::FitResult& result) {
  if (result.ended == train::Ended::interrupted) {
    std::fprintf(stderr, "train: %s\n", printable(in_flags(result.reason)).c_str());
    return Signals::status();
  }
  if (result.ended == train::Ended::non_finite) {
    std::fprintf(stderr, "train: %s\n", printable(in_flags(result.reason)).c_str());
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
  options.accumulate = data.config.accumulate;
  std::vector<train::Finding> findings = train::lint(model, options);
  for (train::Finding& finding : findings) finding.text = in_flags(finding.text);
  return findings;
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

void print_outcome(const Outcome& outcome, const train::RunFolder& folder) {
  if (!outcome.part.empty()) std::printf("%s\n", describe(outcome.metrics, outcome.part).c_str());
  if (outcome.saved) std::printf("saved %s\n", printable(folder / "model.safetensors").c_str());
}

void print_report(const train::Prepared& data, const train::Source& source) {
  const Index rows = source.table ? source.table->report.rows_read : source.size();
  std::printf("%s: %lld rows, %zu features, %s", printable(source.name).c_str(),
              static_cast<long long>(rows), data.pipeline.features().size(),
              name_of(data.pipeline.task()));
  if (!data.pipeline.class_names().empty())
    std::printf(" of %zu classes", data.pipeline.class_names().size());
  std::printf("\n%s", data.report.to_string().c_str());
}

Outcome train_model(const train::Prepared& data, const Session& session) {
  const train::Config& config = data.config;
  Trainee trainee(data);
  Outcome outcome;
  const Listeners listeners(data, trainee.objective, session);
  train::FitOptions options = fit_options(data, session, trainee, outcome);
  options.callbacks = listeners.list();
  if (config.diagnose && session.folder && !session.resume)
    outcome.findings = lint_model(data, trainee.objective, *trainee.model, *trainee.optimizer,
                                  trainee.scheduler_or_null(), trainee.loader);
  train::ProgressPrinter printer;
  if (!session.quiet) options.callbacks.push_back(&printer);
  if (!session.quiet) {
    print_findings(outcome.findings);
    print_head(data, *trainee.model);
  }
  // A run that goes on has told of some already.
  const std::size_t before =
      session.resume ? session.resume->findings.size() : outcome.findings.size();
  const Signals signals;
  const train::FitResult result =
      train::fit(*trainee.model, trainee.objective.function, *trainee.optimizer,
                 trainee.scheduler_or_null(), trainee.loader, data.validation, options);
  outcome.history = result.history;
  outcome.best_epoch = result.best_epoch;
  if (!session.quiet && outcome.findings.size() > before)
    print_findings(
        {outcome.findings.begin() + static_cast<std::ptrdiff_t>(before), outcome.findings.end()});
  add_findings(outcome.findings, session.found);
  outcome.status = status_of(result);
  const data::TensorDataset& judged = data.test.empty() ? data.validation : data.test;
  if (!judged.empty() && outcome.status == Exit::fine) {
    outcome.part = data.test.empty() ? "validation" : "test";
    outcome.metrics = measure(*trainee.model, trainee.objective, data.pipeline, judged);
  }
  if (session.folder) {
    const train::RunFolder& folder = *session.folder;
    io::write_file_atomically(folder / "config.json", train::to_json(config));
    outcome.saved = outcome.status != Exit::non_finite || result.best_epoch > 0;
    if (outcome.saved)
      train::save_model(folder / "model.safetensors", *trainee.model, trainee.spec, data.pipeline,
                        config);
  }
  if (listeners.recorder) {
    if (!data.test.empty() && outcome.status == Exit::fine)
      listeners.recorder->judge(*trainee.model, data.test, "test");
    write_report(session.folder ? *session.folder / "report.html" : session.report, data, outcome,
                 *listeners.recorder, listeners.monitor.get(), *trainee.model);
  }
  return outcome;
}
