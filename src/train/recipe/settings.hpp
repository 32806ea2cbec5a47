#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "gradus/train/config.hpp"

namespace gradus::train::detail {

/// The numbers that a setting takes, in the words of flags and of options.
struct Range {
  double low, high;
  const char *flag_words, *option_words = "";
  bool below_high = false;  // and not high itself

  bool holds(double value) const {
    return value >= low && (below_high ? value < high : value <= high);
  }
};

/// What a setting takes: numbers of a range, some texts, or all of its type.
struct Rule {
  Rule() = default;
  Rule(const Range& numbers) : range(numbers) {}
  Rule(std::vector<std::string> texts) : choices(std::move(texts)) {}
  Rule(const char* texts);  // "relu|tanh"

  std::optional<Range> range = {};
  std::vector<std::string> choices = {};
};

/// The member that a setting sets.
using Target =
    std::variant<std::string*, double*, Index*, std::uint64_t*, bool*, std::vector<std::string>*,
                 std::optional<double>*, std::optional<Index>*, std::optional<std::vector<Index>>*>;

struct Field {
  const char* name;  // of the flag and in files; null for an option that has none
  Target target;
  Rule rule;
  const char* help = nullptr;
  /// "fit.ema_decay": the member's name where options are checked and saved without a
  /// configuration.
  std::string_view option = {};
  const char* group = nullptr;
};

/// The one table of settings, with the members of `config` that they set. Flags, files, checks, the
/// help, the options that a checkpoint keeps and those of a model's description come from it.
std::vector<Field> fields(Config& config);

/// f(field, key) for the options of a part, "fit" or "model".
template <class F>
void for_options(Config& config, std::string_view part, F f) {
  for (const Field& field : fields(config))
    if (field.option.starts_with(part) && field.option[part.size()] == '.')
      f(field, std::string(field.option.substr(part.size() + 1)));
}

/// The numbers of a field that are out of its range, or whole and larger than `most`, as texts.
std::vector<std::string> misfits(const Field& field,
                                 Index most = std::numeric_limits<Index>::max());
/// The text of a value, as a flag gives it.
std::string text_of_target(const Target& target);
/// Sets when checkpoints are written from "30s", "5m", "2h", "10 epochs", "500 steps"; a number
/// alone is of steps, and 0 of them leaves it at the default. Throws ConfigError.
void set_checkpoint_every(CheckpointOptions& options, const std::string& text);

}  // namespace gradus::train::detail
