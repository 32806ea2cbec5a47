#pragma once

#include <gradus/train.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

/// What a training ended with.
struct Outcome {
  std::string part;    ///< that was measured: "test", "validation", or "" if there is neither
  bool saved = false;  ///< there is a model in the folder
  gradus::train::Metrics metrics;
  std::vector<gradus::train::Epoch> history;
  std::vector<gradus::train::Finding> findings;
  gradus::train::RateSweep sweep;  ///< over learning rates, if there was one
  gradus::Index best_epoch = 0;    ///< whose weights were kept
  int status = 0;                  ///< an Exit
};

struct Session {
  gradus::train::RunFolder* folder = nullptr;         ///< where files go, or nowhere
  const gradus::train::RateSweep* sweep = nullptr;    ///< that chose the learning rate
  const gradus::train::Checkpoint* resume = nullptr;  ///< to go on from
  /// Takes no step more: writes the report of the run that is gone on from to this file.
  std::string report = {};
  /// What else that run had found, after its last checkpoint.
  std::vector<gradus::train::Finding> found = {};
  gradus::Index* steps = nullptr;  ///< counts those that were taken
  bool quiet = false;              ///< print nothing
};

/// Sweeps over learning rates.
gradus::train::LrCurve sweep_rates(const gradus::train::Prepared& data,
                                   const gradus::train::LrFinderOptions& options = {});
/// Does what --find-lr asks for, if it does: the configuration has the rate that was found
/// afterwards. Prints it unless it is to be quiet.
gradus::train::RateSweep find_rate(gradus::train::Prepared& data, bool quiet);

/// Trains on prepared data. The signals of signals.hpp end the step and save.
Outcome train_model(const gradus::train::Prepared& data, const Session& session);

/// Loss and metrics of a model; quantities in the units of the data.
gradus::train::Metrics measure(gradus::nn::Module& model, const gradus::train::Objective& objective,
                               const gradus::train::Pipeline& pipeline,
                               const gradus::data::TensorDataset& set);
/// "test accuracy 98.33 %, test loss 0.1234", or for quantities loss, R2 and RMSE.
std::string describe(const gradus::train::Metrics& metrics, const std::string& part);

/// Prints what a training ended with.
void print_outcome(const Outcome& outcome, const gradus::train::RunFolder& folder);

/// What the linter says of a model before its training.
std::vector<gradus::train::Finding> lint_model(const gradus::train::Prepared& data,
                                               const gradus::train::Objective& objective,
                                               gradus::nn::Module& model,
                                               const gradus::optim::Optimizer& optimizer,
                                               const gradus::optim::Scheduler* scheduler,
                                               const gradus::data::DataLoader& loader);

/// Prints what was found in the data before the training.
void print_report(const gradus::train::Prepared& data, const gradus::train::Source& source);

/// The configuration as names and texts.
gradus::train::Texts texts_of(const gradus::train::Config& config);
/// Writes report.html of a run; `monitor` may be null.
void write_report(const std::string& path, const gradus::train::Prepared& data,
                  const Outcome& outcome, const gradus::train::Recorder& recorder,
                  const gradus::train::Monitor* monitor, gradus::nn::Module& model);
/// A sweep as a checkpoint keeps it, beside its note, and from there.
std::map<std::string, gradus::Tensor> tensors_of(const gradus::train::RateSweep& sweep);
gradus::train::RateSweep sweep_of(const gradus::train::Checkpoint& checkpoint);
gradus::train::Recorder make_recorder(const gradus::train::Prepared& data,
                                      const gradus::train::Objective& objective);
