#include "train/save/folder/checkpoint_every.hpp"

#include <charconv>
#include <cmath>

#include "gradus/train/config.hpp"

namespace gradus::train::detail {
namespace {

constexpr double most = 1e9;

[[noreturn]] void refuse(const std::string& text) {
  throw ConfigError(
      "[config] --checkpoint-every " + printable(text) +
      ": a time (30s, 5m, 2h), a number of epochs (10epochs) or of steps (500steps, or "
      "500) is required");
}

}  // namespace

void set_checkpoint_every(CheckpointOptions& options, const std::string& text) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  std::string unit(stop, end);
  unit.erase(0, unit.find_first_not_of(' '));
  if (error != std::errc() || !(number >= 0 && number <= most)) refuse(text);
  const bool epochs = unit == "epochs" || unit == "epoch";
  if (epochs || unit == "steps" || unit == "step" || unit.empty()) {
    if (number != std::floor(number) || (number == 0 && !unit.empty())) refuse(text);
    if (number == 0) return;
    options.every_seconds = 0;
    (epochs ? options.every_epochs : options.every_steps) = static_cast<Index>(number);
    return;
  }
  const double seconds = unit == "s"                    ? 1
                         : unit == "m" || unit == "min" ? 60
                         : unit == "h"                  ? 3600
                                                        : 0;
  if (seconds == 0 || number == 0) refuse(text);
  options.every_seconds = number * seconds;
}

}  // namespace gradus::train::detail
