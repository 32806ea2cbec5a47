#include "effects.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <tuple>

using namespace gradus;

namespace {

using Names = std::vector<std::string>;

bool is_one_of(const std::string& text, const Names& list) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

/// Settings, whether they change anything, and where they would.
struct Rule {
  Names settings;
  bool works;
  const char* where;
};

/// The settings that were given, if they ask for more than there is by itself.
Names changed(const SettingFlags& flags, const train::Config& config) {
  const std::vector<train::Setting> own = train::settings(), now = train::settings(config);
  Names names;
  for (std::size_t i = 0; i < now.size(); ++i) {
    const auto& [name, value] = std::tie(now[i].name, now[i].value);
    const bool is_nothing = is_one_of(value, {"", "none"}) || (value == "0" && name != "noise") ||
                            (value == "no" && now[i].is_switch);
    if (flags.given(name) && value != own[i].value && !is_nothing) names.push_back(name);
  }
  return names;
}

void apply(const std::vector<Rule>& rules, const SettingFlags& flags, const train::Config& config) {
  for (const std::string& name : changed(flags, config))
    for (const Rule& rule : rules)
      if (!rule.works && is_one_of(name, rule.settings))
        throw UsageError("--" + name + " was given, and would change nothing; " + rule.where +
                         " is required for it; leave it out");
}

std::vector<Rule> source_rules(const train::Config& c, const train::Source& source) {
  const bool is_set = is_one_of(c.data, train::set_names());
  const bool is_folder = !source.test.empty();
  const bool is_array = !is_set && !is_folder && !source.table && !c.data.ends_with(".npz");
  return {
      {{"labels"}, is_array, "--data of a .npy or IDX file"},
      {{"target", "ignore", "categorical", "missing-texts", "header", "delimiter", "decimal",
        "encoding", "missing", "indicators", "unknown", "categories", "max-categories",
        "drop-bad-rows"},
       source.table.has_value(),
       "--data of a table (CSV)"},
      {{"samples"}, is_set && c.data != "digits", "a set that is made, such as --data moons,"},
      {{"noise"},
       is_set && !is_one_of(c.data, {"digits", "random"}) &&
           !(c.data == "blobs" && c.noise.value_or(1) == 0),
       "--data xor, moons, circles, spirals or sine, or blobs and more than 0,"},
      {{"classes"},
       is_one_of(c.data, {"blobs", "spirals", "random"}),
       "--data blobs, spirals or random"},
      {{"features"}, is_one_of(c.data, {"blobs", "random"}), "--data blobs or random"},
      {{"test"}, !is_folder, "a source without a test part of its own"},
  };
}

std::vector<Rule> model_rules(const train::Config& c, const train::Pipeline& pipeline) {
  const bool deep = c.hidden && !c.hidden->empty();
  Index before = c.categories == "embed" ? 0 : static_cast<Index>(pipeline.features().size());
  bool keeps_width = c.categories == "embed" && deep;  // the width of embeddings is not known here
  for (const Index width : c.hidden.value_or(std::vector<Index>())) {
    keeps_width |= width == before;
    before = width;
  }
  const bool fills = is_one_of(c.missing, {"mean", "median", "mode"});
  return {
      {{"indicators"}, fills, "--missing mean, median or mode"},
      {{"embedding"},
       !pipeline.categories().empty(),
       "--categories embed and a column of categories"},
      {{"activation", "norm", "dropout"}, deep, "a hidden layer (--hidden)"},
      {{"residual"}, keeps_width, "a hidden layer (--hidden) as wide as the one before it"},
  };
}

std::vector<Rule> loss_rules(const train::Config& c, const train::Pipeline& pipeline) {
  const train::Task task = pipeline.task();
  const bool one_logit = c.loss == "bce" && task == train::Task::binary && c.model.output == "none";
  const bool labels = task != train::Task::regression;
  return {
      {{"target-scaler"}, !labels, "a quantity to predict (--task regression)"},
      {{"balance"},
       c.loss == "cross_entropy" || one_logit,
       c.model.output == "none" ? "classification with --loss cross_entropy, or bce of two classes,"
                                : "--output none"},
      {{"label-smoothing"},
       is_one_of(c.loss, {"cross_entropy", "bce"}),
       c.model.output == "none" ? "classification with --loss cross_entropy or bce"
                                : "--output none"},
      {{"monitor"}, labels || c.monitor != "accuracy", "classification"},
  };
}

std::vector<Rule> run_rules(const train::Config& c) {
  const bool has_folder = c.folds == 0 && c.repeat == 1;
  return {
      {{"weight-decay"}, c.optimizer != "lbfgs", "another --optimizer than lbfgs"},
      {{"gamma"},
       is_one_of(c.schedule, {"step", "exponential", "plateau"}),
       "--schedule step, exponential or plateau"},
      {{"step-size"},
       is_one_of(c.schedule, {"step", "restarts", "plateau", "cyclic"}),
       "--schedule step, restarts, cyclic or plateau"},
      {{"warmup"},
       !is_one_of(c.schedule, {"onecycle", "cyclic", "plateau"}),
       "another --schedule than onecycle, cyclic and plateau"},
      {{"repeat", "test"}, c.folds == 0, "a training without --folds"},
      {{"run", "overwrite", "checkpoint-every", "tensorboard"},
       has_folder,
       "a single training, without --folds and --repeat,"},
      {{"overwrite"}, !c.run.empty(), "--run FOLDER"},
  };
}

}  // namespace

void require_source_effects(const SettingFlags& flags, const train::Config& config,
                            const train::Source& source) {
  apply(source_rules(config, source), flags, config);
}

void require_training_effects(const SettingFlags& flags, const train::Prepared& data) {
  const train::Config& c = data.config;
  for (const auto& rules :
       {model_rules(c, data.pipeline), loss_rules(c, data.pipeline), run_rules(c)})
    apply(rules, flags, c);
}

void note_unused(const SettingFlags& flags, const char* command, const std::string& also) {
  const Names others = {"folds",  "find-lr", "schedule",  "warmup", "gamma",
                        "epochs", "monitor", "step-size", also,     "clip-norm"};
  std::string list;
  for (const train::Setting& setting : train::settings())
    if (flags.given(setting.name) &&
        (setting.option.starts_with("fit.") || is_one_of(setting.name, others)))
      list += (list.empty() ? "--" : ", --") + setting.name;
  if (!list.empty()) std::fprintf(stderr, "train: %s does not use %s\n", command, list.c_str());
}

void require_elsewhere(const std::string& out, const std::string& path, const std::string& data) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(out, ignored)) return;
  for (const std::string& read :
       {data, path, path + "/model.safetensors", path + "/checkpoint.safetensors",
        path + "/history.jsonl", path + "/config.json"})
    if (!read.empty() && std::filesystem::equivalent(out, read, ignored))
      throw UsageError("--out " + printable(out) +
                       " holds what is read, and would be replaced; another file is required");
}
