#include "train/watch/judge.hpp"

#include <algorithm>

#include "base/messages.hpp"
#include "optim/state.hpp"

namespace gradus::train::detail {
namespace {

bool higher_is_better(const std::string& name) {
  for (const char* part : {"accuracy", "precision", "recall", "f1", "auc", "r2"})
    if (name.find(part) != std::string::npos) return true;
  return false;
}

}  // namespace

Judge::Judge(const FitOptions& options, bool has_validation)
    : monitor_(!options.monitor.empty() ? options.monitor
               : has_validation         ? "validation_loss"
                                        : "train_loss"),
      higher_(options.better == Better::higher ||
              (options.better == Better::automatic && higher_is_better(monitor_))),
      patience_(options.patience),
      min_delta_(options.min_delta) {
  if (!has_validation && monitor_.starts_with("validation_"))
    fail("fit", "monitor = \"", monitor_,
         "\" was given with an empty validation part; give it samples, or monitor "
         "\"train_loss\"");
}

double Judge::value(const Epoch& epoch) const {
  Metrics known{{"train_loss", epoch.train_loss},
                {"validation_loss", epoch.validation_loss},
                {"validation_accuracy", epoch.validation_accuracy}};
  known.insert(known.end(), epoch.metrics.begin(), epoch.metrics.end());
  std::string names;
  for (const auto& [name, value] : known) {
    if (name == monitor_) return value;
    names += (names.empty() ? "" : ", ") + name;
  }
  fail("fit", "monitor = \"", monitor_, "\" was given, which was not measured; one of ", names,
       " is required");
}

bool Judge::exceeds(double value, double other, double margin) const {
  if (std::isnan(value) || std::isnan(other)) return std::isnan(other) && !std::isnan(value);
  return higher_ ? value > other + margin : value < other - margin;
}

bool Judge::judge(Index epoch, double value) {
  if (exceeds(value, reference_, min_delta_)) {
    reference_ = value;
    bad_ = 0;
  } else {
    ++bad_;
  }
  if (!exceeds(value, best_value_, 0)) return false;
  best_value_ = value;
  best_epoch_ = epoch;
  return true;
}

std::string Judge::verdict() const {
  return compose(monitor_, " has not improved for ", bad_, (bad_ == 1 ? " epoch" : " epochs"));
}

optim::StateDict Judge::state_dict() const {
  using optim::detail::number;
  return {{"best_epoch", number(static_cast<double>(best_epoch_))},
          {"best_value", number(best_value_)},
          {"reference", number(reference_)},
          {"bad", number(static_cast<double>(bad_))}};
}

void Judge::load_state_dict(const optim::StateDict& state) {
  optim::detail::StateReader reader(state);
  const Index best_epoch = reader.count("best_epoch"), bad = reader.count("bad");
  const double best_value = reader.number("best_value"), reference = reader.number("reference");
  reader.finish("early stopping");
  best_epoch_ = best_epoch;
  bad_ = bad;
  best_value_ = best_value;
  reference_ = reference;
}

}  // namespace gradus::train::detail
