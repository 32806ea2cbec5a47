#pragma once

#include <string>
#include <vector>

#include "gradus/nn/activation.hpp"
#include "gradus/optim/optimizer.hpp"
#include "gradus/train/config.hpp"
#include "gradus/train/task.hpp"

namespace gradus::train::detail {

using Choices = std::vector<std::string>;

/// The one list of settings: f(group, name, member, help, choices) for each. Flags, files, checks
/// and the help come from it.
template <class C, class F>
void visit_settings(C& c, F f) {
  const Choices any;
  const char* group = "data";
  const auto one = [&](const char* name, auto& member, const char* help, const Choices& choices) {
    f(group, name, member, help, choices);
  };
  one("data", c.data,
      "CSV, .npy, .npz or IDX file, folder with MNIST's files, - (standard input), or a set: "
      "digits, "
      "xor, moons, circles, spirals, blobs, sine, random",
      any);
  one("labels", c.labels, "file of the targets, where --data is a .npy or IDX file", any);
  one("target", c.target, "columns to predict, by name or number; default: the last", any);
  one("ignore", c.ignore, "columns to leave out", any);
  one("categorical", c.categorical, "columns of numbers that are names of categories", any);
  one("missing-texts", c.missing_texts, "further spellings of a missing value", any);
  one("header", c.header, "whether line 1 names the columns", {"auto", "yes", "no"});
  one("delimiter", c.delimiter, "between fields: a character, tab or auto", any);
  one("decimal", c.decimal, "decimal mark", {".", ","});
  one("encoding", c.encoding, "of CSV files", {"utf-8", "latin-1", "windows-1252"});
  one("task", c.task, "what the target is", {"auto", "classification", "regression"});
  one("missing", c.missing, "missing values: refuse, leave the row out, or fill in",
      {"error", "drop", "mean", "median", "mode"});
  one("indicators", c.indicators, "add a 0/1 feature for each column that has missing values", any);
  one("unknown", c.unknown, "categories that were not trained on: refuse, or treat as none",
      {"error", "ignore"});
  one("categories", c.categories, "how columns of text become numbers", {"onehot", "embed"});
  one("max-categories", c.max_categories, "most different values of a column of text", any);
  one("drop-bad-rows", c.drop_bad_rows, "leave out rows of wrong length or with text for a number",
      any);
  one("scaler", c.scaler,
      "of the inputs, fitted on the training part; auto: none for images, else standard",
      {"auto", "standard", "minmax", "none"});
  one("target-scaler", c.target_scaler, "of quantities to predict", {"standard", "minmax", "none"});
  one("samples", c.samples, "of a set by name; 0: as many as suit it", any);
  one("noise", c.noise, "of a set by name", any);
  one("classes", c.classes, "of blobs, spirals and random; 0: 3", any);
  one("features", c.features, "of blobs and random; 0: as many as suit the set", any);
  one("validation", c.validation, "fraction of the samples that choose the best epoch", any);
  one("test", c.test, "fraction of the samples that are kept for the end", any);
  one("folds", c.folds, "cross-validate with so many folds and print mean and deviation; 0: no",
      any);
  group = "model";
  one("hidden", c.hidden, "sizes of the hidden layers, such as 128,64; none for a linear model",
      any);
  one("activation", c.activation, "of the hidden layers", nn::activation_names());
  one("norm", c.norm, "before the activations", {"none", "layer", "batch", "rms"});
  one("dropout", c.dropout, "fraction of hidden units that are left out in a step", any);
  one("residual", c.residual, "add the input to hidden layers that keep the width", any);
  one("bias", c.bias, "whether layers have biases (yes or no)", any);
  one("init", c.init, "of the weights", {"auto", "default", "he", "xavier", "lecun", "orthogonal"});
  one("output", c.output, "activation of the output layer",
      {"none", "sigmoid", "tanh", "softmax", "log_softmax", "softplus"});
  one("embedding", c.embedding, "length of the vectors of --categories embed; 0: by their number",
      any);
  group = "optimization";
  Choices losses = loss_names();
  losses.insert(losses.begin(), "auto");
  one("loss", c.loss, "what is minimized", losses);
  one("label-smoothing", c.label_smoothing, "share of a label that is spread over all classes",
      any);
  one("balance", c.balance, "weigh classes by the inverse of their frequency", any);
  one("optimizer", c.optimizer, "the algorithm", optim::optimizer_names());
  one("lr", c.lr, "learning rate, the largest of the schedule", any);
  one("find-lr", c.find_lr, "sweep over learning rates first, and train with the one it suggests",
      any);
  one("weight-decay", c.weight_decay, "of the weights", any);
  one("momentum", c.momentum, "of sgd, momentum, nesterov, rmsprop, muon", any);
  one("beta1", c.beta1, "of Adam and its relatives", any);
  one("beta2", c.beta2, "of Adam and its relatives", any);
  one("schedule", c.schedule, "of the learning rate",
      {"constant", "cosine", "onecycle", "linear", "polynomial", "step", "exponential", "restarts",
       "cyclic", "plateau"});
  one("warmup", c.warmup, "fraction of the run in which the rate rises to its largest", any);
  one("gamma", c.gamma, "factor of the schedules step, exponential and plateau", any);
  one("step-size", c.step_size,
      "epochs between the steps of the schedules step and restarts, "
      "patience of plateau; 0: a third, a quarter, a tenth of the run",
      any);
  one("l1", c.l1, "weight of the sum of the weights' absolute values", any);
  one("l2", c.l2, "weight of the sum of the weights' squares", any);
  one("clip-norm", c.clip_norm,
      "limit of the gradient's norm; 0: none; auto: 1, unless another limit is set", any);
  one("clip-value", c.clip_value, "limit of the gradient's entries; 0: none", any);
  one("clip-percentile", c.clip_percentile, "limit at this percentile of the norms so far; 0: none",
      any);
  one("ema", c.ema, "decay of a moving average of the weights, which is what is kept; 0: none",
      any);
  one("epochs", c.epochs, "passes over the training part", any);
  one("batch-size", c.batch_size, "samples in a batch", any);
  one("accumulate", c.accumulate, "batches in a step", any);
  one("sampler", c.sampler, "order of the samples; weighted draws classes equally often",
      {"auto", "random", "sequential", "replacement", "weighted"});
  one("patience", c.patience, "stop after so many epochs without an improvement; 0: never", any);
  one("monitor", c.monitor, "what chooses the best epoch",
      {"auto", "loss", "accuracy", "train_loss"});
  group = "run";
  one("run", c.run, "folder of the run; default: runs/NAME-NUMBER, the first that is free", any);
  one("overwrite", c.overwrite, "replace the run in the folder", any);
  one("seed", c.seed, "of the split, the initial weights, shuffling and dropout", any);
  one("repeat", c.repeat, "train with so many seeds and print mean and deviation", any);
  one("threads", c.threads, "0: as many as there are", any);
  one("precision", c.precision, "of the numbers", {"float32", "float64"});
  one("prefetch", c.prefetch, "batches that are prepared ahead", any);
  one("checkpoint-every", c.checkpoint_every,
      "how often the state is saved besides the first epoch and the end: a time (30s, 5m, 2h), "
      "epochs (10epochs) or steps (500steps, or the number alone); 0: 1m",
      any);
  one("quiet", c.quiet, "print the results alone", any);
  one("tensorboard", c.tensorboard, "write event files for TensorBoard", any);
  one("report", c.report, "write report.html (yes or no)", any);
  one("diagnose", c.diagnose, "watch the run and say what goes wrong (yes or no)", any);
}

}  // namespace gradus::train::detail
