#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gradus/train/fit.hpp"
#include "gradus/train/model_spec.hpp"
#include "gradus/train/pipeline.hpp"
#include "gradus/train/source.hpp"

namespace gradus::train {

/// A setting that is not known, or a value that it cannot take.
class ConfigError : public Error {
 public:
  explicit ConfigError(const std::string& text) : Error(printable(text)) {}
};

/// Everything that decides a training run. What is empty is chosen by the data: see resolve.
/// Options of a part that need no choice and no translation stand as the part takes them.
struct Config {
  // Data.
  std::string data = "digits", labels = "";
  io::CsvOptions csv = {};  ///< the texts below decide its delimiter, decimal mark, encoding, …
  std::string header = "auto", delimiter = "auto", decimal = ".", encoding = "utf-8", task = "auto";
  std::string missing = "error", unknown = "error", categories = "onehot";
  std::string scaler = "auto";
  PipelineOptions pipeline = {};
  data::SyntheticOptions synthetic = {.n = 0, .noise = -1, .classes = 0, .features = 0};
  std::optional<double> noise = {};
  std::optional<double> validation = {};
  double test = 0.2;
  Index folds = 0;
  // Model.
  std::optional<std::vector<Index>> hidden = {};
  ModelSpec model = {};  ///< but for its sizes
  std::optional<double> dropout = {};
  Index embedding = 0;
  // Loss and optimizer.
  std::string loss = "auto";
  std::optional<double> label_smoothing = {};
  std::string optimizer = "adamw", schedule = "cosine";
  std::optional<double> lr = {}, weight_decay = {};
  bool find_lr = false;
  std::optional<double> momentum = {}, beta1 = {}, beta2 = {};
  double warmup = 0.05, gamma = 0.1;
  Index step_size = 0;
  std::optional<double> clip_norm = {};
  // The run.
  FitOptions fit = {};
  std::optional<Index> epochs = {}, batch_size = {};
  Index prefetch = 0;
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
  std::string option = {};  ///< "fit.ema_decay": the member that it sets, if a part's option
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
