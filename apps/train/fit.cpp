#include <cmath>
#include <cstdio>
#include <filesystem>
#include <gradus/threads.hpp>
#include <gradus/train.hpp>

#include "command_line.hpp"
#include "commands.hpp"
#include "effects.hpp"
#include "session.hpp"
#include "signals.hpp"

using namespace gradus;

namespace {

/// "flowers" for data/flowers.csv.gz.
std::string short_name(const std::string& data) {
  std::string name = std::filesystem::path(data).filename().string();
  if (name.empty()) name = std::filesystem::path(data).parent_path().filename().string();
  if (data == "-" || name.empty() || name[0] == '.') return "run";
  return name.substr(0, name.find('.'));
}

/// What is read is not to be replaced by what is written.
void require_data_elsewhere(const train::Config& config) {
  namespace fs = std::filesystem;
  if (!config.overwrite || config.run.empty()) return;
  std::error_code ignored;
  const fs::path run = fs::weakly_canonical(config.run, ignored);
  for (const auto& [flag, file] : {std::pair{"--data ", config.data}, {"--labels ", config.labels}})
    for (fs::path at = fs::weakly_canonical(file, ignored);
         !file.empty() && fs::exists(file, ignored); at = at.parent_path()) {
      if (fs::equivalent(at, run, ignored))
        throw UsageError(flag + printable(file) + " lies in " + printable(config.run) +
                         ", which --overwrite replaces; move the file, or choose another folder");
      if (at == at.parent_path()) break;
    }
}

/// Room for the model and two checkpoints with an optimizer's moments.
double bytes_needed(const train::Prepared& data) {
  const train::Objective objective = train::objective_of(data.config, data.pipeline, data.train);
  const train::ModelSpec spec = train::model_spec(data.config, data.pipeline, objective);
  double values = 0, width = static_cast<double>(spec.inputs);
  for (const Index size : spec.hidden) {
    values += width * static_cast<double>(size);
    width = static_cast<double>(size);
  }
  values += width * static_cast<double>(spec.outputs);
  return values * static_cast<double>(size_of(data.pipeline.dtype())) * 8 + 2e6;
}

struct Tally {
  std::vector<double> values;

  void print(const char* what, bool percent) const {
    double mean = 0, square = 0;
    for (const double v : values) mean += v / static_cast<double>(values.size());
    for (const double v : values) square += (v - mean) * (v - mean);
    const double deviation =
        values.size() > 1 ? std::sqrt(square / static_cast<double>(values.size() - 1)) : 0;
    std::printf(percent ? "mean %s %.2f %%, deviation %.2f %%, over %zu runs\n"
                        : "mean %s %.4g, deviation %.4g, over %zu runs\n",
                what, (percent ? 100 : 1) * mean, (percent ? 100 : 1) * deviation, values.size());
  }
};

/// One of several trainings; without anything measured if a signal ended it.
Outcome run_once(train::Prepared& data) {
  try {
    find_rate(data, true);
  } catch (const Interrupted&) {
    return {};
  }
  return train_model(data, {.quiet = true});
}

/// Trains several times without a run folder and prints mean and deviation; the exit status.
int summarize(const train::Config& config, const train::Source& source,
              const std::vector<train::Prepared>& given, const char* what) {
  Tally accuracy, loss;
  bool labels = true;
  const Index runs = given.empty() ? config.repeat : static_cast<Index>(given.size());
  const Signals signals;
  for (Index i = 0; i < runs && !Signals::stop(); ++i) {
    train::Config one = config;
    one.seed = config.seed + static_cast<std::uint64_t>(i);
    train::Source again;
    const bool synthetic = !source.table && source.name != "digits" && source.test.empty() &&
                           !std::filesystem::exists(source.name);
    if (given.empty() && synthetic) again = train::load_source(train::source_options(one));
    train::Prepared data = !given.empty() ? given[static_cast<std::size_t>(i)]
                                          : train::prepare(one, synthetic ? again : source);
    const Outcome outcome = run_once(data);
    if (Signals::stop() && outcome.status != Exit::non_finite && outcome.part.empty()) break;
    if (outcome.status != Exit::fine)
      throw train::NonFiniteError(
          "[fit] " + std::string(what) + " " + text_of(i + 1) +
          ": the loss became infinite or NaN; lower the learning rate (train find-lr)");
    if (outcome.part.empty())
      throw UsageError(
          "there is neither a test nor a validation part to measure; --test or "
          "--validation above 0 is required");
    labels = data.pipeline.task() != train::Task::regression;
    accuracy.values.push_back(train::metric(outcome.metrics, "accuracy"));
    loss.values.push_back(outcome.metrics[0].second);
    if (!config.quiet)
      std::printf("%s %lld: %s\n", what, static_cast<long long>(i + 1),
                  describe(outcome.metrics, outcome.part).c_str());
    std::fflush(stdout);
  }
  if (labels && !accuracy.values.empty())
    accuracy.print("test accuracy", true);
  else if (!loss.values.empty())
    loss.print("test loss", false);
  if (static_cast<Index>(loss.values.size()) == runs) return Exit::fine;
  std::fflush(stdout);
  std::fprintf(stderr, "train: interrupted after %zu of %lld %ss\n", loss.values.size(),
               static_cast<long long>(runs), what);
  return Signals::status();
}

int cross_validate(const train::Config& config, const train::Source& source) {
  const Tensor labels = train::class_labels(source, train::source_options(config).csv.task);
  const int k = static_cast<int>(config.folds);
  const std::vector<data::Fold> folds = labels.defined()
                                            ? data::k_fold(labels, k, config.seed)
                                            : data::k_fold(source.size(), k, config.seed);
  std::vector<train::Prepared> runs;
  for (const data::Fold& fold : folds) {
    // The fold is kept for the end; the best epoch is chosen by a part of the rest.
    data::SplitIndices parts;
    const std::size_t n = fold.train.size();
    const std::size_t held = static_cast<std::size_t>(train::validation_of(config, source.size()) *
                                                      static_cast<double>(n));
    const auto middle = fold.train.begin() + static_cast<std::ptrdiff_t>(held);
    parts.validation.assign(fold.train.begin(), middle);
    parts.train.assign(middle, fold.train.end());
    parts.test = fold.validation;
    train::Source without = source;
    without.test = {};
    runs.push_back(train::prepare(config, without, parts));
  }
  return summarize(config, source, runs, "fold");
}

}  // namespace

int command_fit(int argc, char** argv) {
  CommandLine line("Trains a multi-layer perceptron.", "train fit");
  const SettingFlags flags(line, {"data", "model", "optimization", "run"});
  if (!parse(line, argc, argv)) return Exit::fine;
  const train::Config config = flags.read();
  if (config.threads > 0) set_num_threads(static_cast<int>(config.threads));
  const train::Source source = train::load_source(train::source_options(config));
  require_source_effects(flags, config, source);
  if (config.folds > 0 || config.repeat > 1)
    require_training_effects(flags, train::prepare(config, source));
  if (config.folds > 0) return cross_validate(config, source);
  if (config.repeat > 1) return summarize(config, source, {}, "run");
  outlive_reader();
  train::Prepared data = train::prepare(config, source);
  require_training_effects(flags, data);
  if (!config.quiet) print_report(data, source);
  const Signals signals;
  const train::RateSweep sweep = find_rate(data, config.quiet);
  require_data_elsewhere(config);
  train::RunFolder folder(config.run, short_name(config.data), config.overwrite,
                          bytes_needed(data));
  data.config.overwrite = false;  // config.json is not to replace a run by itself
  Outcome outcome;
  Index steps = 0;
  const auto has_checkpoint = [&] {
    return std::filesystem::exists(folder / "checkpoint.safetensors");
  };
  try {
    outcome = train_model(
        data, {.folder = &folder, .sweep = &sweep, .steps = &steps, .quiet = config.quiet});
  } catch (...) {
    if (has_checkpoint())
      std::fprintf(stderr, "train: go on with: train resume %s\n",
                   printable(folder.path()).c_str());
    else if (steps == 0)
      folder.remove();
    else
      folder.discard();
    throw;
  }
  if (outcome.status == Exit::fine) folder.commit();
  if (folder.replaces()) {
    std::fprintf(stderr, "train: the run in %s stays as it was\n",
                 printable(folder.target()).c_str());
    if (outcome.status == Exit::non_finite) {
      folder.discard();
      return outcome.status;
    }
  }
  // Its first step was its last: there is nothing to look at or to go on with.
  if (outcome.status == Exit::non_finite && steps <= 1 && !has_checkpoint()) {
    folder.remove();
    std::fprintf(stderr, "train: %s was removed again, as nothing was learned\n",
                 printable(folder.path()).c_str());
    return outcome.status;
  }
  print_outcome(outcome, folder);
  if (outcome.status >= 128)
    std::fprintf(stderr, "train: go on with: train resume %s\n", printable(folder.path()).c_str());
  return outcome.status;
}
