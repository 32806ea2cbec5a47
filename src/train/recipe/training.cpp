// A training from its configuration to the files that it leaves.
#include <cmath>
#include <filesystem>

#include "base/messages.hpp"
#include "gradus/io/file.hpp"
#include "gradus/runtime.hpp"
#include "gradus/train/logs.hpp"
#include "gradus/train/monitor.hpp"
#include "io/disk/output.hpp"
#include "train/report/run_report.hpp"

namespace gradus::train {

namespace fs = std::filesystem;

namespace {

constexpr const char* checkpoint_name = "checkpoint.safetensors";

/// What a training is told besides its data.
struct Session {
  const RunHooks& hooks;
  RunFolder* folder = nullptr;         // where files go, or nowhere
  const RateSweep* sweep = nullptr;    // that chose the learning rate
  const Checkpoint* resume = nullptr;  // to go on from
  // Takes no step more: writes the report of the run that is gone on from to this file.
  std::string report = {};
  // What else that run had found, after its last checkpoint.
  std::vector<Finding> found = {};
  Index* steps = nullptr;  // counts those that are taken
};

void schedule(Trainee& trainee, const Config& c) {
  const Index steps = (trainee.loader.size() + c.fit.accumulate - 1) / c.fit.accumulate;
  if (const auto schedule = make_schedule(c, steps))
    trainee.scheduler.emplace(*trainee.optimizer, *schedule);
  if (c.schedule == "plateau")
    trainee.plateau.emplace(
        *trainee.optimizer,
        optim::PlateauOptions{
            .factor = c.gamma,
            .patience = c.step_size > 0 ? c.step_size : std::max<Index>(2, *c.epochs / 10)});
}

/// What fit() is told, without callbacks.
FitOptions options_of(const Prepared& data, const Session& session, Trainee& trainee,
                      Outcome& outcome) {
  FitOptions options = fit_options(data.config);
  options.findings = &outcome.findings;
  options.plateau = trainee.plateau ? &*trainee.plateau : nullptr;
  options.resume = session.resume;
  if (session.hooks.stop) options.stop = session.hooks.stop;
  if (session.sweep) outcome.sweep = *session.sweep;
  if (session.resume) outcome.sweep = detail::sweep_of(*session.resume);
  if (session.folder) {
    options.checkpoint.path = *session.folder / checkpoint_name;
    options.checkpoint.tensors = detail::tensors_of(outcome.sweep);
    options.checkpoint.texts = {{"config", to_json(data.config)},
                                {"pipeline", data.pipeline.json()}};
    if (!outcome.sweep.note.empty()) options.checkpoint.texts["sweep"] = outcome.sweep.note;
  }
  // The epochs that are complete: nothing is left to be trained.
  if (!session.report.empty()) options.epochs = session.resume->place.epoch - 1;
  return options;
}

/// Counts the steps that were taken.
class StepCount : public Callback {
 public:
  explicit StepCount(Index& steps) : steps_(steps) {}
  void on_step_end(Context& run) override { steps_ += run.skipped ? 0 : 1; }

 private:
  Index& steps_;
};

/// What is told how a run goes on, in the order in which it is told.
struct Callbacks {
  std::unique_ptr<Recorder> recorder;
  std::unique_ptr<Monitor> monitor;
  std::vector<std::unique_ptr<Callback>> logs;

  Callbacks(const Prepared& data, const Objective& objective, const Session& session) {
    const Config& config = data.config;
    if (session.steps) logs.push_back(std::make_unique<StepCount>(*session.steps));
    if (!session.folder && session.report.empty()) return;
    if (config.diagnose)  // the linter has looked already
      monitor = std::make_unique<Monitor>(MonitorOptions{.lint = false});
    if (config.report || !session.report.empty())
      recorder = std::make_unique<Recorder>(detail::make_recorder(data, objective));
    if (!session.folder) return;
    RunFolder& folder = *session.folder;
    std::vector<std::string> files = {"config.json", "model.safetensors", checkpoint_name,
                                      "history.jsonl", "log.csv"};
    if (config.report) files.emplace_back("report.html");
    if (config.tensorboard) {
      auto board = std::make_unique<TensorBoardLog>(folder / "tensorboard");
      files.push_back(board->path().substr(folder.path().size() + 1));
      logs.push_back(std::move(board));
    }
    folder.claim(files);
    logs.push_back(std::make_unique<JsonLog>(folder / "history.jsonl"));
    logs.push_back(std::make_unique<CsvLog>(folder / "log.csv"));
  }
  void join(std::vector<Callback*>& all, const std::vector<Callback*>& hooks) const {
    if (monitor) all.push_back(monitor.get());
    if (recorder) all.push_back(recorder.get());
    all.insert(all.end(), hooks.begin(), hooks.end());
    for (const auto& log : logs) all.push_back(log.get());
  }
};

/// Adds those that are not there.
void add_findings(std::vector<Finding>& findings, const std::vector<Finding>& more) {
  for (const Finding& finding : more)
    if (std::none_of(findings.begin(), findings.end(),
                     [&](const Finding& known) { return known.text == finding.text; }))
      findings.push_back(finding);
}

Outcome train_model(const Prepared& data, Trainee& trainee, const Session& session) {
  const Config& config = data.config;
  schedule(trainee, config);
  Outcome outcome;
  const Callbacks callbacks(data, trainee.objective, session);
  FitOptions options = options_of(data, session, trainee, outcome);
  callbacks.join(options.callbacks, session.hooks.callbacks);
  if (config.diagnose && session.folder && !session.resume) outcome.findings = trainee.lint(config);
  FitResult result = fit(*trainee.model, trainee.objective.function, *trainee.optimizer,
                         trainee.scheduler ? &*trainee.scheduler : nullptr, trainee.loader,
                         data.validation, options);
  outcome.history = std::move(result.history);
  outcome.best_epoch = result.best_epoch;
  outcome.ended = result.ended;
  outcome.reason = result.reason;
  add_findings(outcome.findings, session.found);
  const data::TensorDataset& judged = data.test.empty() ? data.validation : data.test;
  if (!judged.empty() && outcome.is_good()) {
    outcome.part = data.test.empty() ? "validation" : "test";
    outcome.metrics = measure(*trainee.model, trainee.objective, data.pipeline, judged);
  }
  if (session.folder) {
    const RunFolder& folder = *session.folder;
    outcome.folder = folder.path();
    io::write_file_atomically(folder / "config.json", to_json(config));
    outcome.saved = outcome.ended != Ended::non_finite || result.best_epoch > 0;
    if (outcome.saved)
      save_model(folder / "model.safetensors", *trainee.model, trainee.spec, data.pipeline, config);
  }
  if (callbacks.recorder) {
    if (!data.test.empty() && outcome.is_good())
      callbacks.recorder->judge(*trainee.model, data.test, "test");
    detail::write_run_report(session.folder ? *session.folder / "report.html" : session.report,
                             data, outcome, *callbacks.recorder, callbacks.monitor.get(),
                             *trainee.model);
  }
  return outcome;
}

void use_threads(const Config& config) {
  if (config.threads > 0) set_num_threads(static_cast<int>(config.threads));
}

bool stopped(const RunHooks& hooks) { return hooks.stop && *hooks.stop; }

/// Does what Config::find_lr asks for, if it does: the configuration has the rate that was found
/// afterwards.
RateSweep find_rate(Prepared& data, const RunHooks& hooks) {
  if (!data.config.find_lr) return {};
  const LrCurve curve = sweep_rates(data, {.stop = hooks.stop});
  RateSweep sweep = rate_sweep(curve);
  if (stopped(hooks)) return sweep;
  data.config.find_lr = false;  // done: from here on the rate is a setting as any other
  const auto suggestion = curve.suggestion();
  const std::string rate = rate_text(suggestion ? *suggestion : *data.config.lr);
  if (suggestion) set(data.config, "lr", rate);
  sweep.note = suggestion ? "The run was trained with " + rate + ", the suggestion."
                          : curve.reason + " The run was trained with " + rate + ", the default.";
  if (hooks.on_rate) hooks.on_rate(rate, sweep);
  return sweep;
}

/// "flowers" for data/flowers.csv.gz.
std::string short_name(const std::string& data) {
  std::string name = fs::path(data).filename().string();
  if (name.empty()) name = fs::path(data).parent_path().filename().string();
  if (data == "-" || name.empty() || name[0] == '.') return "run";
  return name.substr(0, name.find('.'));
}

/// What is read is not to be replaced by what is written.
void require_data_elsewhere(const Config& config) {
  if (!config.overwrite || config.run.empty()) return;
  std::error_code ignored;
  const fs::path run = fs::weakly_canonical(config.run, ignored);
  for (const auto& [flag, file] : {std::pair{"--data ", config.data}, {"--labels ", config.labels}})
    for (fs::path at = fs::weakly_canonical(file, ignored);
         !file.empty() && fs::exists(file, ignored); at = at.parent_path()) {
      if (fs::equivalent(at, run, ignored))
        throw ConfigError("[fit] " + std::string(flag) + printable(file) + " lies in " +
                          printable(config.run) +
                          ", which --overwrite replaces; move the file, or choose another folder");
      if (at == at.parent_path()) break;
    }
}

Outcome run_once(const Config& config, Prepared data, const RunHooks& hooks) {
  const RateSweep sweep = find_rate(data, hooks);
  if (stopped(hooks)) return {.ended = Ended::interrupted, .reason = "interrupted"};
  require_data_elsewhere(config);
  Trainee trainee(data);
  // Room for the model and two checkpoints with an optimizer's moments.
  const double bytes = static_cast<double>(trainee.model->num_parameters()) *
                       static_cast<double>(size_of(data.pipeline.dtype())) * 8;
  RunFolder folder(config.run, short_name(config.data),
                   {.overwrite = config.overwrite, .bytes = bytes + 2e6});
  if (hooks.on_folder) hooks.on_folder(folder);
  data.config.overwrite = false;  // config.json is not to replace a run by itself
  Outcome outcome;
  Index steps = 0;
  const auto has_checkpoint = [&] { return fs::exists(folder / checkpoint_name); };
  try {
    outcome = train_model(data, trainee,
                          {.hooks = hooks, .folder = &folder, .sweep = &sweep, .steps = &steps});
  } catch (...) {
    if (!has_checkpoint()) steps == 0 ? folder.remove() : folder.discard();
    throw;
  }
  if (outcome.is_good()) folder.commit();
  outcome.folder = folder.path();
  if (folder.replaces()) outcome.kept = folder.target();
  if (outcome.ended != Ended::non_finite) return outcome;
  if (folder.replaces()) {
    folder.discard();
    outcome.folder.clear();
  } else if (steps <= 1 && !has_checkpoint()) {
    // Its first step was its last: there is nothing to look at or to go on with.
    folder.remove();
    outcome.removed = std::exchange(outcome.folder, "");
  }
  return outcome;
}

// ---- several trainings -------------------------------------------------------------------------

/// Mean and deviation of a metric of all runs.
void summarize(Outcome& all, const std::string& name) {
  const auto n = static_cast<double>(all.runs.size());
  double mean = 0, square = 0;
  for (const Outcome& one : all.runs) mean += metric(one.metrics, name) / n;
  for (const Outcome& one : all.runs) square += std::pow(metric(one.metrics, name) - mean, 2);
  all.metrics.emplace_back(name, mean);
  all.deviations.emplace_back(name, n > 1 ? std::sqrt(square / (n - 1)) : 0);
}

/// Trains with the data that next(i) gives, without a folder.
Outcome run_several(Index runs, const char* what, const RunHooks& hooks,
                    const std::function<Prepared(Index)>& next) {
  Outcome all;
  const RunHooks quiet{.stop = hooks.stop};
  for (Index i = 0; i < runs && !stopped(hooks); ++i) {
    Prepared data = next(i);
    find_rate(data, quiet);
    if (stopped(hooks)) break;
    Trainee trainee(data);
    Outcome one = train_model(data, trainee, {.hooks = quiet});
    if (stopped(hooks) && one.ended != Ended::non_finite && one.part.empty()) break;
    if (one.ended == Ended::non_finite)
      throw NonFiniteError(
          "[fit] " + std::string(what) + " " + text_of(i + 1) +
          ": the loss became infinite or NaN; lower the learning rate (train find-lr)");
    if (one.part.empty())
      throw ConfigError(
          "[fit] there is neither a test nor a validation part to measure; --test or "
          "--validation above 0 is required");
    all.part = one.part;
    all.runs.push_back(std::move(one));
    if (hooks.on_run) hooks.on_run(all.runs.back());
  }
  if (!all.runs.empty())
    for (const auto& [name, value] : all.runs[0].metrics) summarize(all, name);
  const std::string done = compose(all.runs.size(), " of ", runs, " ", what, "s");
  if (static_cast<Index>(all.runs.size()) < runs) {
    all.ended = Ended::interrupted;
    all.reason = "interrupted after " + done;
  }
  return all;
}

/// A fold is kept for the end; the best epoch is chosen by a part of the rest.
data::SplitIndices parts_of(const data::Fold& fold, double validation) {
  const auto held =
      static_cast<std::ptrdiff_t>(validation * static_cast<double>(fold.train.size()));
  const auto middle = fold.train.begin() + held;
  return {.train = {middle, fold.train.end()},
          .validation = {fold.train.begin(), middle},
          .test = fold.validation};
}

Outcome cross_validate(const Config& config, Source source, const RunHooks& hooks) {
  const Tensor labels = class_labels(source, source_options(config).csv.task);
  const int k = static_cast<int>(config.folds);
  const std::vector<data::Fold> folds = labels.defined()
                                            ? data::k_fold(labels, k, config.seed)
                                            : data::k_fold(source.size(), k, config.seed);
  source.test = {};
  std::vector<Prepared> runs;
  for (const data::Fold& fold : folds)
    runs.push_back(prepare(config, source, parts_of(fold, validation_of(config, source.size()))));
  return run_several(config.folds, "fold", hooks,
                     [&](Index i) { return runs[static_cast<std::size_t>(i)]; });
}

Outcome repeat(const Config& config, const Source& source, const RunHooks& hooks) {
  const bool synthetic =
      !source.table && source.name != "digits" && source.test.empty() && !fs::exists(source.name);
  return run_several(config.repeat, "run", hooks, [&](Index i) {
    Config one = config;
    one.seed = config.seed + static_cast<std::uint64_t>(i);
    return prepare(one, synthetic ? load_source(source_options(one)) : source);
  });
}

// ---- a run that is there -----------------------------------------------------------------------

/// A run as its checkpoint left it.
struct Stopped {
  Checkpoint checkpoint;
  Prepared data;
};

Stopped load_run(const std::string& run, const RunHooks& hooks) {
  Stopped stopped;
  const std::string file = compose(run, "/", checkpoint_name);
  if (io::detail::is_folder(run) && !io::detail::exists(file))
    fail("resume", run,
         ": holds no checkpoint.safetensors; a run that ended before its first "
         "checkpoint has none; begin it again with --overwrite");
  stopped.checkpoint = load_checkpoint(file);
  const Config config = saved_config(stopped.checkpoint.texts["config"], file);
  const Source source = load_source(source_options(config));
  stopped.data = prepare(config, source);
  if (stopped.data.pipeline.json() != stopped.checkpoint.texts["pipeline"])
    fail("resume", config.data,
         ": the data are not those that the run began with; the same file is "
         "required; begin a new run");
  if (hooks.on_data) hooks.on_data(stopped.data, source);
  return stopped;
}

}  // namespace

Outcome run(const Config& config, const RunHooks& hooks) {
  use_threads(config);
  const Source source = load_source(source_options(config));
  if (hooks.on_source) hooks.on_source(source);
  Prepared data = prepare(config, source);
  if (hooks.on_data) hooks.on_data(data, source);
  if (config.folds > 0) return cross_validate(config, source, hooks);
  if (config.repeat > 1) return repeat(config, source, hooks);
  return run_once(config, std::move(data), hooks);
}

Outcome resume(const std::string& path, const RunHooks& hooks) {
  RunFolder folder = RunFolder::open(path);
  if (hooks.on_folder) hooks.on_folder(folder);
  const Stopped stopped = load_run(folder.path(), hooks);
  use_threads(stopped.data.config);
  Trainee trainee(stopped.data);
  Outcome outcome = train_model(stopped.data, trainee,
                                {.hooks = hooks, .folder = &folder, .resume = &stopped.checkpoint});
  if (outcome.is_good()) folder.commit();
  outcome.folder = folder.path();
  return outcome;
}

Outcome report(const std::string& folder, const std::string& path, const RunHooks& hooks) {
  RunFolder::recover(folder);
  const Stopped stopped = load_run(folder, hooks);
  if (stopped.checkpoint.place.epoch < 2)
    fail("report", folder,
         ": no epoch of the run is complete, so that there is nothing to show; go on "
         "with it first: train resume ",
         folder);
  if (path.empty()) try {
      RunFolder::open(folder).claim({"report.html"});
    } catch (const RunBusyError&) {
      // A run that goes on meanwhile has the folder, and has said already what it writes.
    }
  Trainee trainee(stopped.data);
  return train_model(stopped.data, trainee,
                     {.hooks = hooks,
                      .resume = &stopped.checkpoint,
                      .report = path.empty() ? folder + "/report.html" : path,
                      .found = read_findings(folder + "/history.jsonl")});
}

}  // namespace gradus::train
