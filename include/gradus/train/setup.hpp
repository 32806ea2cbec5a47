#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gradus/optim/scheduler.hpp"
#include "gradus/train/config.hpp"
#include "gradus/train/model_spec.hpp"
#include "gradus/train/pipeline.hpp"

namespace gradus::train {

/// A data set that is split and ready: what a configuration says, and what the data decided.
struct Prepared {
  Config config;  ///< resolved
  Pipeline pipeline;
  data::TensorDataset train, validation, test;
  data::DataReport report;  ///< of the training part, and of rows that were left out
  std::vector<std::string> notes;
};

/// Splits a source (by classes, where it has them), fits the pipeline on the training part, and
/// applies it to all parts.
Prepared prepare(const Config& config, const Source& source);
/// The same for parts that are given.
Prepared prepare(const Config& config, const Source& source, const data::SplitIndices& parts);

/// The model and the loss that suit the data.
ModelSpec model_spec(const Config& config, const Pipeline& pipeline, const Objective& objective);
Objective objective_of(const Config& config, const Pipeline& pipeline,
                       const data::TensorDataset& train = {});

/// The optimizer that a configuration names; settings that it does not have are refused.
std::unique_ptr<optim::Optimizer> make_optimizer(const Config& config, const nn::Module& model);
/// The schedule, in steps; nothing for "constant" without warm-up and for "plateau".
std::optional<optim::Schedule> make_schedule(const Config& config, Index steps_per_epoch);
/// The loader of the training part.
data::DataLoader make_loader(const Config& config, const data::TensorDataset& train);
/// What fit() is told.
FitOptions fit_options(const Config& config);

/// A trained model as it is kept in one .safetensors file: weights, preprocessing, configuration.
struct SavedModel {
  Config config;
  ModelSpec spec;
  Pipeline pipeline;
  Objective objective;
  std::shared_ptr<nn::Module> model;  ///< in evaluation mode
};

/// The configuration that was saved in a file; what it cannot be is an Error about the file.
Config saved_config(const std::string& json, const std::string& file);

void save_model(const std::string& path, const nn::Module& model, const ModelSpec& spec,
                const Pipeline& pipeline, const Config& config);
/// Reads the file, or model.safetensors in a folder. Throws one Error that lists every mismatch.
SavedModel load_model(const std::string& path);

/// What a saved model predicts for the rows of a source: probabilities (n, classes), or quantities
/// in the units of the data (n, targets). Throws, naming the row, for one that is not finite.
Tensor predict(const SavedModel& saved, const Source& source);

/// The outputs of a model for inputs of any number, in batches, unrecorded.
Tensor run_model(nn::Module& model, const Tensor& x, Index batch_size = 1024);

}  // namespace gradus::train
