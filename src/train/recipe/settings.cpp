// The table of settings. A further one is a line here and the member that it sets.
#include "train/recipe/settings.hpp"

#include <sstream>

#include "gradus/nn/activation.hpp"
#include "gradus/optim/optimizer.hpp"

namespace gradus::train::detail {
namespace {

constexpr double unlimited = std::numeric_limits<double>::infinity();
constexpr double largest = std::numeric_limits<double>::max();

const Rule any;
constexpr Range count{0, unlimited, "0 to 1000000000"};
constexpr Range from_one{1, unlimited, "1 to 1000000000", "1 batch or more"};
constexpr Range epochs{0, unlimited, "0 to 1000000000",
                       "a number of epochs, or 0 for no early end,"};
constexpr Range threads{0, 256, "0 to 256"};
constexpr Range batches{0, 64, "0 to 64"};
constexpr Range not_negative{0, largest, "0 or more", "a finite number of 0 or more"};
constexpr Range limit{0, unlimited, "0 or more", "a positive limit, or 0 for none,"};
constexpr Range percent{0, 100, "0 to 100", "a percentile up to 100, or 0 for none,"};
constexpr Range share{0, 1, "0 or more, and less than 1,", "a decay below 1, or 0 for no averages,",
                      true};

std::vector<Field> data_fields(Config& c) {
  return {
      {"data", &c.data, any,
       "CSV, .npy, .npz or IDX file, folder with MNIST's files, - (standard input), or a set: "
       "digits, xor, moons, circles, spirals, blobs, sine, random"},
      {"labels", &c.labels, any, "file of the targets, where --data is a .npy or IDX file"},
      {"target", &c.csv.targets, any, "columns to predict, by name or number; default: the last"},
      {"ignore", &c.csv.ignored, any, "columns to leave out"},
      {"categorical", &c.csv.categorical, any, "columns of numbers that are names of categories"},
      {"missing-texts", &c.csv.missing_texts, any, "further spellings of a missing value"},
      {"header", &c.header, "auto|yes|no", "whether line 1 names the columns"},
      {"delimiter", &c.delimiter, any, "between fields: a character, tab or auto"},
      {"decimal", &c.decimal, ".|,", "decimal mark"},
      {"encoding", &c.encoding, "utf-8|latin-1|windows-1252", "of CSV files"},
      {"task", &c.task, "auto|classification|regression", "what the target is"},
      {"missing", &c.missing, "error|drop|mean|median|mode",
       "missing values: refuse, leave the row out, or fill in"},
      {"indicators", &c.pipeline.indicators, any,
       "add a 0/1 feature for each column that has missing values"},
      {"unknown", &c.unknown, "error|ignore",
       "categories that were not trained on: refuse, or treat as none"},
      {"categories", &c.categories, "onehot|embed", "how columns of text become numbers"},
      {"max-categories", &c.csv.max_categories, from_one,
       "most different values of a column of text"},
      {"drop-bad-rows", &c.csv.drop_bad_rows, any,
       "leave out rows of wrong length or with text for a number"},
      {"scaler", &c.scaler, "auto|standard|minmax|none",
       "of the inputs, fitted on the training part; auto: none for images, else standard"},
      {"target-scaler", &c.pipeline.target_scaler, "standard|minmax|none",
       "of quantities to predict"},
      {"samples", &c.synthetic.n, count, "of a set by name; 0: as many as suit it"},
      {"noise", &c.noise, not_negative, "of a set by name"},
      {"classes", &c.synthetic.classes, count, "of blobs, spirals and random; 0: 3"},
      {"features", &c.synthetic.features, count, "of blobs and random; 0: as many as suit the set"},
      {"validation", &c.validation, share, "fraction of the samples that choose the best epoch"},
      {"test", &c.test, share, "fraction of the samples that are kept for the end"},
      {"folds", &c.folds, count,
       "cross-validate with so many folds and print mean and deviation; 0: no"},
  };
}

std::vector<Field> model_fields(Config& c) {
  return {
      {"hidden", &c.hidden, from_one,
       "sizes of the hidden layers, such as 128,64; none for a linear model"},
      {"activation", &c.model.activation, nn::activation_names(), "of the hidden layers",
       "model.activation"},
      {"norm", &c.model.norm, "none|layer|batch|rms", "before the activations", "model.norm"},
      {"dropout", &c.dropout, share, "fraction of hidden units that are left out in a step"},
      {"residual", &c.model.residual, any, "add the input to hidden layers that keep the width",
       "model.residual"},
      {"bias", &c.model.bias, any, "whether layers have biases (yes or no)", "model.bias"},
      {"init", &c.model.init, "auto|default|he|xavier|lecun|orthogonal", "of the weights",
       "model.init"},
      {"output", &c.model.output, "none|sigmoid|tanh|softmax|log_softmax|softplus",
       "activation of the output layer", "model.output"},
      {"embedding", &c.embedding, count,
       "length of the vectors of --categories embed; 0: by their number"},
  };
}

std::vector<std::string> losses() {
  std::vector<std::string> names = loss_names();
  names.insert(names.begin(), "auto");
  return names;
}

std::vector<Field> loss_fields(Config& c) {
  return {
      {"loss", &c.loss, losses(), "what is minimized"},
      {"label-smoothing", &c.label_smoothing, share,
       "share of a label that is spread over all classes"},
      {"balance", &c.balance, any, "weigh classes by the inverse of their frequency"},
      {"optimizer", &c.optimizer, optim::optimizer_names(), "the algorithm"},
      {"lr", &c.lr, not_negative, "learning rate, the largest of the schedule"},
      {"find-lr", &c.find_lr, any,
       "sweep over learning rates first, and train with the one it suggests"},
      {"weight-decay", &c.weight_decay, not_negative, "of the weights"},
      {"momentum", &c.momentum, not_negative, "of sgd, momentum, nesterov, rmsprop, muon"},
      {"beta1", &c.beta1, share, "of Adam and its relatives"},
      {"beta2", &c.beta2, share, "of Adam and its relatives"},
      {"schedule", &c.schedule,
       "constant|cosine|onecycle|linear|polynomial|step|exponential|restarts|cyclic|plateau",
       "of the learning rate"},
      {"warmup", &c.warmup, share, "fraction of the run in which the rate rises to its largest"},
      {"gamma", &c.gamma, not_negative, "factor of the schedules step, exponential and plateau"},
      {"step-size", &c.step_size, count,
       "epochs between the steps of the schedules step and restarts, patience of plateau; 0: a "
       "third, a quarter, a tenth of the run"},
  };
}

std::vector<Field> step_fields(Config& c) {
  return {
      {"l1", &c.fit.l1, not_negative, "weight of the sum of the weights' absolute values",
       "fit.l1"},
      {"l2", &c.fit.l2, not_negative, "weight of the sum of the weights' squares", "fit.l2"},
      {"clip-norm", &c.clip_norm, limit,
       "limit of the gradient's norm; 0: none; auto: 1, unless another limit is set"},
      {nullptr, &c.fit.clip_norm, limit, nullptr, "fit.clip_norm"},
      {"clip-value", &c.fit.clip_value, limit, "limit of the gradient's entries; 0: none",
       "fit.clip_value"},
      {"clip-percentile", &c.fit.clip_percentile, percent,
       "limit at this percentile of the norms so far; 0: none", "fit.clip_percentile"},
      {nullptr, &c.fit.clip_window, any, nullptr, "fit.clip_window"},
      {"ema", &c.fit.ema_decay, share,
       "decay of a moving average of the weights, which is what is kept; 0: none", "fit.ema_decay"},
      {nullptr, &c.fit.ema_warmup, any, nullptr, "fit.ema_warmup"},
      {"epochs", &c.epochs, from_one, "passes over the training part"},
      {"batch-size", &c.batch_size, from_one, "samples in a batch"},
      {"accumulate", &c.fit.accumulate, from_one, "batches in a step", "fit.accumulate"},
      {"sampler", &c.sampler, "auto|random|sequential|replacement|weighted",
       "order of the samples; weighted draws classes equally often"},
      {"patience", &c.fit.patience, epochs,
       "stop after so many epochs without an improvement; 0: never", "fit.patience"},
      {nullptr, &c.fit.min_delta, not_negative, nullptr, "fit.min_delta"},
      {"monitor", &c.monitor, "auto|loss|accuracy|train_loss", "what chooses the best epoch"},
  };
}

std::vector<Field> run_fields(Config& c) {
  return {
      {"run", &c.run, any, "folder of the run; default: runs/NAME-NUMBER, the first that is free"},
      {"overwrite", &c.overwrite, any, "replace the run in the folder"},
      {"seed", &c.seed, any, "of the split, the initial weights, shuffling and dropout"},
      {"repeat", &c.repeat, from_one, "train with so many seeds and print mean and deviation"},
      {"threads", &c.threads, threads, "0: as many as there are"},
      {"precision", &c.precision, "float32|float64", "of the numbers"},
      {"prefetch", &c.prefetch, batches, "batches that are prepared ahead"},
      {"checkpoint-every", &c.checkpoint_every, any,
       "how often the state is saved besides the first epoch and the end: a time (30s, 5m, 2h), "
       "epochs (10epochs) or steps (500steps, or the number alone); 0: 1m"},
      {"quiet", &c.quiet, any, "print the results alone"},
      {"tensorboard", &c.tensorboard, any, "write event files for TensorBoard"},
      {"report", &c.report, any, "write report.html (yes or no)"},
      {"diagnose", &c.diagnose, any, "watch the run and say what goes wrong (yes or no)"},
  };
}

}  // namespace

Rule::Rule(const char* texts) {
  std::istringstream all(texts);
  for (std::string text; std::getline(all, text, '|');) choices.push_back(text);
}

std::vector<std::string> misfits(const Field& field, Index most) {
  std::vector<std::string> found;
  const auto look = [&](const auto& value, const auto& again) -> void {
    using T = std::decay_t<decltype(value)>;
    if constexpr (std::is_same_v<T, double> || std::is_same_v<T, Index>) {
      const bool counted = std::is_same_v<T, double> || value <= static_cast<T>(most);
      if (!counted || !field.rule.range->holds(static_cast<double>(value)))
        found.push_back(text_of(value));
    } else if constexpr (requires { value.has_value(); }) {
      if (value) again(*value, again);
    } else if constexpr (std::is_same_v<T, std::vector<Index>>) {
      for (const Index item : value) again(item, again);
    }
  };
  if (field.rule.range) std::visit([&](const auto* value) { look(*value, look); }, field.target);
  return found;
}

std::vector<Field> fields(Config& config) {
  std::vector<Field> all;
  const auto add = [&](const char* group, std::vector<Field> some) {
    for (Field& field : some) {
      field.group = group;
      all.push_back(std::move(field));
    }
  };
  add("data", data_fields(config));
  add("model", model_fields(config));
  add("optimization", loss_fields(config));
  add("optimization", step_fields(config));
  add("run", run_fields(config));
  return all;
}

}  // namespace gradus::train::detail
