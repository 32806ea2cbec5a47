// What settings cannot be.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/messages.hpp"
#include "train/recipe/settings.hpp"

namespace gradus::train {
namespace {

/// What is wrong with the values of settings.
struct Faults {
  std::string text;

  void need(bool good, const std::string& name, const std::string& value, const char* required) {
    if (!good)
      text +=
          compose((text.empty() ? "--" : "; --"), name, " ", value, ": ", required, " is required");
  }
};

/// What no single setting can tell.
void check_together(const Config& c, Faults& faults) {
  if (c.hidden)
    faults.need(c.hidden->size() <= 10'000, "hidden", text_of(c.hidden->size()) + " layers",
                "at most 10000");
  constexpr double most_numbers = 1e9;  // 8 GB
  const double width = static_cast<double>(std::max<Index>(c.synthetic.features, 2));
  faults.need(static_cast<double>(c.synthetic.n) * width <= most_numbers, "samples",
              text_of(c.synthetic.n) + " --features " + text_of(c.synthetic.features),
              "a set by name of at most 1000000000 numbers");
  faults.need(c.folds != 1, "folds", "1", "0, or 2 and more,");
  const double validation = c.validation.value_or(0);
  faults.need(validation + c.test < 1, "validation",
              text_of(validation) + " --test " + text_of(c.test),
              "a sum below 1, so that samples are left to train on,");
  faults.need(!c.find_lr || !c.lr, "find-lr", "with --lr " + text_of(c.lr.value_or(0)),
              "one of the two, or --lr auto,");
  faults.need(c.schedule != "plateau" || (c.gamma > 0 && c.gamma < 1), "gamma", text_of(c.gamma),
              "with --schedule plateau a number between 0 and 1");
  faults.need(c.delimiter == "auto" || c.delimiter == "tab" || c.delimiter.size() == 1, "delimiter",
              c.delimiter, "one character, tab or auto");
}

}  // namespace

void detail::set_checkpoint_every(CheckpointOptions& options, const std::string& text) {
  const auto refuse = [&text] {
    throw ConfigError(
        "[config] --checkpoint-every " + printable(text) +
        ": a time (30s, 5m, 2h), a number of epochs (10epochs) or of steps (500steps, or "
        "500) is required");
  };
  constexpr double most = 1e9;
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  std::string unit(stop, end);
  unit.erase(0, unit.find_first_not_of(' '));
  if (error != std::errc() || !(number >= 0 && number <= most)) refuse();
  const bool epochs = unit == "epochs" || unit == "epoch";
  if (epochs || unit == "steps" || unit == "step" || unit.empty()) {
    if (number != std::floor(number) || (number == 0 && !unit.empty())) refuse();
    if (number == 0) return;
    options.every_seconds = 0;
    (epochs ? options.every_epochs : options.every_steps) = static_cast<Index>(number);
    return;
  }
  const double seconds = unit == "s"                    ? 1
                         : unit == "m" || unit == "min" ? 60
                         : unit == "h"                  ? 3600
                                                        : 0;
  if (seconds == 0 || number == 0) refuse();
  options.every_seconds = number * seconds;
}

void check(const Config& config) {
  Config given = config;
  Faults faults;
  for (const detail::Field& field : detail::fields(given))
    for (const std::string& value : detail::misfits(field, 1'000'000'000))
      if (field.name) faults.need(false, field.name, value, field.rule.range->flag_words);
  check_together(config, faults);
  CheckpointOptions ignored;
  detail::set_checkpoint_every(ignored, config.checkpoint_every);
  if (!faults.text.empty()) throw ConfigError("[config] " + faults.text);
}

}  // namespace gradus::train
