#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gradus/train/lr_finder.hpp"
#include "gradus/train/report.hpp"
#include "gradus/train/run_folder.hpp"
#include "gradus/train/setup.hpp"

namespace gradus::train {

/// What a training ended with.
struct Outcome {
  std::string folder = {};   ///< of the run's files; "" if there is none, or it was removed again
  std::string kept = {};     ///< the folder of a run that was to be replaced and was not
  std::string removed = {};  ///< the folder, if nothing was learned and it was removed again
  std::string part = {};     ///< that was measured: "test", "validation", or "" if there is neither
  bool saved = false;        ///< there is a model in the folder
  Metrics metrics = {};      ///< of that part; of several trainings the means
  Metrics deviations = {};   ///< of several trainings
  std::vector<Epoch> history = {};
  std::vector<Finding> findings = {};
  RateSweep sweep = {};  ///< over learning rates, if there was one
  Index best_epoch = 0;  ///< whose weights were kept
  Ended ended = Ended::complete;
  std::string reason = {};         ///< why, in a sentence; "" if complete
  std::vector<Outcome> runs = {};  ///< of Config::folds or repeat, one after the other

  /// True unless it was interrupted or became not finite.
  bool is_good() const { return ended != Ended::interrupted && ended != Ended::non_finite; }
};

/// What is told while a configuration is run, in this order, and what may end it.
struct RunHooks {
  std::function<void(const Source& source)> on_source = {};
  std::function<void(const Prepared& data, const Source& source)> on_data = {};
  std::function<void(const std::string& rate, const RateSweep& sweep)> on_rate = {};
  std::function<void(const RunFolder& folder)> on_folder = {};
  /// Of a single training, after what watches it, and before what is written to the folder.
  std::vector<Callback*> callbacks = {};
  std::function<void(const Outcome& one)> on_run = {};  ///< each of several trainings
  const std::atomic<bool>* stop = nullptr;              ///< see FitOptions::stop
};

/// Does all that a configuration asks for: reads the data, chooses what is left to them, looks for
/// a learning rate, trains, measures, and leaves model, checkpoint, logs and report in a folder.
/// With `folds` or `repeat` it trains several times, and leaves no folder. If it throws, a folder
/// without a checkpoint is removed again.
Outcome run(const Config& config, const RunHooks& hooks = {});
/// Goes on, bit for bit, with the run in a folder that was interrupted.
Outcome resume(const std::string& folder, const RunHooks& hooks = {});
/// Writes the report of the run in a folder again, to `path` (default: report.html in it).
Outcome report(const std::string& folder, const std::string& path = "", const RunHooks& hooks = {});

/// What is trained, and with what, from fresh random numbers.
struct Trainee {
  explicit Trainee(const Prepared& data);
  /// What the linter says of it before its training.
  std::vector<Finding> lint(const Config& config);

  Objective objective;
  ModelSpec spec;
  std::shared_ptr<nn::Module> model;
  std::unique_ptr<optim::Optimizer> optimizer;
  data::DataLoader loader;
  std::optional<optim::Scheduler> scheduler = {};  ///< none before the training
  std::optional<optim::ReduceLROnPlateau> plateau = {};
};

/// Sweeps over learning rates.
LrCurve sweep_rates(const Prepared& data, const LrFinderOptions& options = {});
/// A rate as it is suggested, with two digits.
std::string rate_text(double lr);

/// Loss and metrics of a model; quantities in the units of the data.
Metrics measure(nn::Module& model, const Objective& objective, const Pipeline& pipeline,
                const data::TensorDataset& set);
/// "test accuracy 98.33 %, test loss 0.1234", or for quantities loss, R2 and RMSE.
std::string describe(const Metrics& metrics, const std::string& part);

/// The configuration as names and texts.
Texts texts_of(const Config& config);

}  // namespace gradus::train
