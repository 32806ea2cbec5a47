#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gradus/train/source.hpp"

namespace gradus::train {

/// A setting that is not known, or a value that it cannot take.
class ConfigError : public Error {
 public:
  explicit ConfigError(const std::string& text) : Error(printable(text)) {}
};

/// Everything that decides a training run. What is empty is chosen by the data: see resolve.
struct Config {
  // Data.
  std::string data = "digits", labels = "";
  std::vector<std::string> target = {}, ignore = {}, categorical = {}, missing_texts = {};
  std::string header = "auto", delimiter = "auto", decimal = ".", encoding = "utf-8", task = "auto";
  std::string missing = "error", unknown = "error", categories = "onehot";
  bool indicators = false, drop_bad_rows = false;
  Index max_categories = 1000;
  std::string scaler = "auto", target_scaler = "standard";
  Index samples = 0, classes = 0, features = 0;
  std::optional<double> noise = {};
  std::optional<double> validation = {};
  double test = 0.2;
  Index folds = 0;
  // Model.
  std::optional<std::vector<Index>> hidden = {};
  std::string activation = "relu", norm = "none", init = "auto", output = "none";
  std::optional<double> dropout = {};
  bool residual = false, bias = true;
  Index embedding = 0;
  // Loss and optimizer.
  std::string loss = "auto";
  std::optional<double> label_smoothing = {};
  std::string optimizer = "adamw", schedule = "cosine";
  std::optional<double> lr = {}, weight_decay = {};
  bool find_lr = false;
  std::optional<double> momentum = {}, beta1 = {}, beta2 = {};
  double warmup = 0.05, gamma = 0.1, l1 = 0, l2 = 0;
  Index step_size = 0;
  std::optional<double> clip_norm = {};
  double clip_value = 0, clip_percentile = 0, ema = 0;
  // The run.
  std::optional<Index> epochs = {}, batch_size = {};
  Index accumulate = 1, patience = 0, prefetch = 0;
  std::string sampler = "auto", monitor = "auto";
  bool balance = false;
  std::uint64_t seed = 0;
  Index threads = 0, repeat = 1;
  std::string precision = "float32";
  std::string run = "";
  std::string checkpoint_every = "1m";
  bool overwrite = false, quiet = false, tensorboard = false, report = true, diagnose = true;
};

/// A setting as a command line or a file sees it.
struct Setting {
  std::string name;   ///< "batch-size"
  std::string group;  ///< "data", "model", "optimization", "run"
  std::string help;
  std::string value;  ///< as text, "" for a switch that is off
  bool is_switch = false;
  std::vector<std::string> choices = {};  ///< the texts that it takes, or any if empty
};

/// All settings with their values, in the order in which they are listed.
std::vector<Setting> settings(const Config& config = {});

/// Sets one from text; lists are separated by commas, "auto" leaves the choice to the data. Throws
/// ConfigError with the nearest name or value. Underscores in names count as dashes.
void set(Config& config, const std::string& name, const std::string& text);
/// Sets a list to the items that these texts stand for, which may hold commas.
void set_list(Config& config, const std::string& name, const std::vector<std::string>& items);

/// All settings as a JSON object. What is left to the data is "auto".
std::string to_json(const Config& config);
/// Sets what a JSON object holds; `name` stands for the file in messages. Throws ConfigError.
void read_json(Config& config, const std::string& json, const std::string& name);

/// Throws one ConfigError that lists every number out of its range.
void check(const Config& config);

/// The fraction of `rows` that validates: what is set, or 0.1; none of fewer than 300, which are
/// needed to train on.
double validation_of(const Config& config, Index rows);

/// What the data show, for the choices that were left to them.
struct DataSize {
  Index samples = 0;  ///< of the training part
  Index inputs = 0;
  bool classification = true;
};

/// The configuration with nothing left to choose: sizes, rates and epochs that suit the data.
Config resolve(const Config& config, const DataSize& size);

/// How the data are to be read.
SourceOptions source_options(const Config& config);

}  // namespace gradus::train
