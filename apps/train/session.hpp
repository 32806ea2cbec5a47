#pragma once

#include <gradus/train.hpp>
#include <optional>
#include <string>
#include <vector>

/// What a training ended with.
struct Outcome {
  std::string part;  ///< that was measured: "test", "validation", or "" if there is neither
  double loss = 0;
  gradus::train::Metrics metrics;
  std::vector<gradus::train::Epoch> history;
  std::vector<gradus::train::Finding> findings;
  int status = 0;  ///< an Exit
};

struct Session {
  gradus::train::RunFolder* folder = nullptr;         ///< where files go, or nowhere
  const gradus::train::Checkpoint* resume = nullptr;  ///< to go on from
  bool quiet = false;                                 ///< print nothing
};

/// Trains on prepared data. SIGINT ends the step and saves.
Outcome train_model(const gradus::train::Prepared& data, const Session& session);

/// Loss and metrics of a model; quantities in the units of the data.
gradus::train::Metrics measure(gradus::nn::Module& model, const gradus::train::Objective& objective,
                               const gradus::train::Pipeline& pipeline,
                               const gradus::data::TensorDataset& set);
/// "test accuracy 98.33 %, test loss 0.1234", or for quantities loss, R2 and RMSE.
std::string describe(const gradus::train::Metrics& metrics, const std::string& part);

/// What the linter says of a model before its training.
std::vector<gradus::train::Finding> lint_model(const gradus::train::Prepared& data,
                                               const gradus::train::Objective& objective,
                                               gradus::nn::Module& model,
                                               const gradus::optim::Optimizer& optimizer,
                                               const gradus::optim::Scheduler* scheduler,
                                               const gradus::data::DataLoader& loader);

/// Prints what was found in the data before the training.
void print_report(const gradus::train::Prepared& data, const gradus::train::Source& source);

/// Writes report.html of a run.
void write_report(const std::string& path, const gradus::train::Prepared& data,
                  const Outcome& outcome, const gradus::train::Recorder& recorder,
                  gradus::nn::Module& model);
gradus::train::Recorder make_recorder(const gradus::train::Prepared& data,
                                      const gradus::train::Objective& objective);
