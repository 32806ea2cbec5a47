// Numbers that settings cannot have.
#include <algorithm>

#include "gradus/train/config.hpp"
#include "train/save/folder/checkpoint_every.hpp"

namespace gradus::train {
namespace {

/// What is wrong with the values of settings.
struct Faults {
  std::string text;

  void need(bool good, const char* name, const std::string& value, const char* required) {
    if (!good)
      text += (text.empty() ? "" : "; ") + ("--" + std::string(name)) + " " + value + ": " +
              required + " is required";
  }
  void count(const char* name, Index value, Index least) {
    need(value >= least && value <= 1'000'000'000, name, text_of(value),
         least ? "1 to 1000000000" : "0 to 1000000000");
  }
  void not_negative(const char* name, double value) {
    need(value >= 0, name, text_of(value), "0 or more");
  }
  void fraction(const char* name, double value) {
    need(value >= 0 && value < 1, name, text_of(value), "0 or more, and less than 1,");
  }
};

void check_counts(const Config& c, Faults& faults) {
  if (c.epochs) faults.count("epochs", *c.epochs, 1);
  if (c.batch_size) faults.count("batch-size", *c.batch_size, 1);
  if (c.hidden) {
    for (const Index size : *c.hidden) faults.count("hidden", size, 1);
    faults.need(c.hidden->size() <= 10'000, "hidden", text_of(c.hidden->size()) + " layers",
                "at most 10000");
  }
  for (const auto& [name, value] : {std::pair{"samples", c.samples},
                                    {"classes", c.classes},
                                    {"features", c.features},
                                    {"folds", c.folds},
                                    {"embedding", c.embedding},
                                    {"step-size", c.step_size},
                                    {"patience", c.patience}})
    faults.count(name, value, 0);
  faults.need(c.prefetch >= 0 && c.prefetch <= 64, "prefetch", text_of(c.prefetch), "0 to 64");
  constexpr double most_numbers = 1e9;  // 8 GB
  const double width = static_cast<double>(std::max<Index>(c.features, 2));
  faults.need(static_cast<double>(c.samples) * width <= most_numbers, "samples",
              text_of(c.samples) + " --features " + text_of(c.features),
              "a set by name of at most 1000000000 numbers");
  faults.count("accumulate", c.accumulate, 1);
  faults.count("max-categories", c.max_categories, 1);
  faults.count("repeat", c.repeat, 1);
  faults.need(c.folds != 1, "folds", "1", "0, or 2 and more,");
  faults.need(c.threads >= 0 && c.threads <= 256, "threads", text_of(c.threads), "0 to 256");
}

void check_shares(const Config& c, Faults& faults) {
  const double validation = c.validation.value_or(0);
  faults.fraction("validation", validation);
  faults.fraction("test", c.test);
  faults.need(validation + c.test < 1, "validation",
              text_of(validation) + " --test " + text_of(c.test),
              "a sum below 1, so that samples are left to train on,");
  if (c.dropout) faults.fraction("dropout", *c.dropout);
  if (c.label_smoothing) faults.fraction("label-smoothing", *c.label_smoothing);
  if (c.beta1) faults.fraction("beta1", *c.beta1);
  if (c.beta2) faults.fraction("beta2", *c.beta2);
  faults.need(c.clip_percentile >= 0 && c.clip_percentile <= 100, "clip-percentile",
              text_of(c.clip_percentile), "0 to 100");
  faults.fraction("warmup", c.warmup);
  faults.fraction("ema", c.ema);
}

void check_rates(const Config& c, Faults& faults) {
  if (c.noise) faults.not_negative("noise", *c.noise);
  if (c.lr) faults.not_negative("lr", *c.lr);
  faults.need(!c.find_lr || !c.lr, "find-lr", "with --lr " + text_of(c.lr.value_or(0)),
              "one of the two, or --lr auto,");
  if (c.weight_decay) faults.not_negative("weight-decay", *c.weight_decay);
  if (c.momentum) faults.not_negative("momentum", *c.momentum);
  faults.need(c.schedule != "plateau" || (c.gamma > 0 && c.gamma < 1), "gamma", text_of(c.gamma),
              "with --schedule plateau a number between 0 and 1");
  for (const auto& [name, value] : {std::pair{"l1", c.l1},
                                    {"l2", c.l2},
                                    {"gamma", c.gamma},
                                    {"clip-norm", c.clip_norm.value_or(0)},
                                    {"clip-value", c.clip_value}})
    faults.not_negative(name, value);
}

}  // namespace

void check(const Config& c) {
  Faults faults;
  check_counts(c, faults);
  check_shares(c, faults);
  check_rates(c, faults);
  faults.need(c.delimiter == "auto" || c.delimiter == "tab" || c.delimiter.size() == 1, "delimiter",
              c.delimiter, "one character, tab or auto");
  CheckpointOptions ignored;
  detail::set_checkpoint_every(ignored, c.checkpoint_every);
  if (!faults.text.empty()) throw ConfigError("[config] " + faults.text);
}

}  // namespace gradus::train
