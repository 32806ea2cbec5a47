#include "gradus/optim/scheduler.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/messages.hpp"
#include "ops/host.hpp"
#include "optim/options.hpp"
#include "optim/state.hpp"

namespace gradus::optim {

Scheduler::Scheduler(Optimizer& optimizer, Schedule schedule, const SchedulerOptions& options)
    : optimizer_(optimizer), schedule_(std::move(schedule)), unit_(options.unit) {
  if (schedule_.momentum(0) && !optimizer.has_momentum())
    fail(schedule_.name(), optimizer.name(),
         " was given, which has neither a momentum nor a beta1 to cycle; one "
         "of them is required; or set cycle_momentum = false");
  apply();
}

void Scheduler::apply() {
  for (std::size_t group = 0; group < optimizer_.num_groups(); ++group)
    optimizer_.set_lr(group, schedule_.lr(optimizer_.initial_lr(group), time_));
  if (const auto momentum = schedule_.momentum(time_))
    for (std::size_t group = 0; group < optimizer_.num_groups(); ++group)
      optimizer_.set_momentum(group, *momentum);
}

void Scheduler::step() {
  gradus::detail::changes_once(this, "Scheduler.step",
                               "call it between replays; they follow the rate");
  ++time_;
  apply();
}

std::string Scheduler::check_length(Index run_length) const {
  const Index length = schedule_.length();
  if (length == 0 || length == run_length) return "";
  const std::string units = unit_ == Unit::step ? " steps" : " epochs";
  const std::string both =
      compose(schedule_.name(), " is ", length, units, " long, but the run has ", run_length, ": ");
  const std::string_view name = schedule_.name();
  const bool is_to_stay = name == LinearWarmup::name || name == MultiStepLR::name;
  if (length < run_length && is_to_stay) return "";
  if (length < run_length)
    return compose(both, "the learning rate does not change in the last ", run_length - length,
                   "; derive its length from the run, in the units that it counts");
  return both + "the schedule does not come to its end; derive its length from the run";
}

StateDict Scheduler::state_dict() const {
  return {{"time", detail::number(static_cast<double>(time_))}};
}

void Scheduler::load_state_dict(const StateDict& state) {
  gradus::detail::changes_once(this, "Scheduler.load_state_dict", "call it between replays");
  detail::StateReader reader(state);
  const Index time = reader.count("time");
  reader.finish("Scheduler.load_state_dict");
  time_ = time;
  apply();
}

ReduceLROnPlateau::ReduceLROnPlateau(Optimizer& optimizer, const PlateauOptions& options)
    : optimizer_(optimizer),
      options_(options),
      best_(options.mode == PlateauMode::min ? std::numeric_limits<double>::infinity()
                                             : -std::numeric_limits<double>::infinity()) {
  const char* name = "ReduceLROnPlateau";
  detail::require(options.factor > 0 && options.factor < 1, name, "factor", options.factor,
                  "0 < value < 1");
  detail::require_not_negative(name, "patience", static_cast<double>(options.patience));
  detail::require_not_negative(name, "cooldown", static_cast<double>(options.cooldown));
  detail::require_not_negative(name, "threshold", options.threshold);
  detail::require_not_negative(name, "min_lr", options.min_lr);
  detail::require_not_negative(name, "eps", options.eps);
}

bool ReduceLROnPlateau::is_better(double metric) const {
  const double sign = options_.mode == PlateauMode::min ? -1 : 1;
  const double margin = options_.threshold_mode == ThresholdMode::abs ? options_.threshold
                        : std::isfinite(best_)
                            ? options_.threshold * std::abs(best_)  // PyTorch lacks the magnitude
                            : 0;
  return sign * metric > sign * (best_ + sign * margin);
}

bool ReduceLROnPlateau::step(double metric) {
  gradus::detail::changes_once(this, "ReduceLROnPlateau.step", "it keeps a history of the metric");
  if (is_better(metric)) {
    best_ = metric;
    bad_ = 0;
  } else {
    ++bad_;
  }
  if (cooling_ > 0) {
    --cooling_;
    bad_ = 0;
  }
  if (bad_ <= options_.patience) return false;
  bad_ = 0;
  cooling_ = options_.cooldown;
  bool lowered = false;
  for (std::size_t group = 0; group < optimizer_.num_groups(); ++group) {
    const double before = optimizer_.lr(group);
    const double after = std::max(before * options_.factor, options_.min_lr);
    if (before - after <= options_.eps) continue;
    optimizer_.set_lr(group, after);
    lowered = true;
  }
  return lowered;
}

StateDict ReduceLROnPlateau::state_dict() const {
  return {{"best", detail::number(best_)},
          {"bad", detail::number(static_cast<double>(bad_))},
          {"cooling", detail::number(static_cast<double>(cooling_))}};
}

void ReduceLROnPlateau::load_state_dict(const StateDict& state) {
  gradus::detail::changes_once(this, "ReduceLROnPlateau.load_state_dict",
                               "call it between replays");
  detail::StateReader reader(state);
  const double best = reader.number("best");
  const Index bad = reader.count("bad"), cooling = reader.count("cooling");
  reader.finish("ReduceLROnPlateau.load_state_dict");
  best_ = best;
  bad_ = bad;
  cooling_ = cooling;
}

}  // namespace gradus::optim
