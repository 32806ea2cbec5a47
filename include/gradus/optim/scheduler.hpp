#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gradus/optim/optimizer.hpp"

namespace gradus::optim {

/// What a scheduler counts.
enum class Unit { step, epoch };

// Schedules: plain values whose `lr(base, t)` is the learning rate at time t = 0, 1, 2, … in closed
// form, where base is the initial rate of a group. Some have a `momentum(t)` too. `length()` is the
// time after which a schedule stays as it is, 0 if it has none. `check()` throws if its options
// make no sense.

/// base gamma^floor(t / step_size).
struct StepLR {
  Index step_size = 1;
  double gamma = 0.1;
  static constexpr const char* name = "StepLR";
  void check() const;
  double lr(double base, Index t) const;
  Index length() const { return 0; }
};

/// base gamma^(number of milestones <= t).
struct MultiStepLR {
  std::vector<Index> milestones = {};  ///< increasing
  double gamma = 0.1;
  static constexpr const char* name = "MultiStepLR";
  void check() const;
  double lr(double base, Index t) const;
  Index length() const { return milestones.empty() ? 0 : milestones.back(); }
};

/// base gamma^t.
struct ExponentialLR {
  double gamma = 0.95;
  static constexpr const char* name = "ExponentialLR";
  void check() const;
  double lr(double base, Index t) const;
  Index length() const { return 0; }
};

/// base (1 - min(t, total) / total)^power.
struct PolynomialLR {
  Index total = 5;
  double power = 1;
  static constexpr const char* name = "PolynomialLR";
  void check() const;
  double lr(double base, Index t) const;
  Index length() const { return total; }
};

/// eta_min + (base - eta_min) (1 + cos(pi t / total)) / 2, and eta_min from t = total on (PyTorch
/// climbs again; for that see CosineWarmRestarts).
struct CosineAnnealing {
  Index total = 0;
  double eta_min = 0;
  static constexpr const char* name = "CosineAnnealing";
  void check() const;
  double lr(double base, Index t) const;
  Index length() const { return total; }
};

/// The cosine again and again, in periods first, first mult, first mult^2, … (SGDR, Loshchilov,
/// Hutter 2016).
struct CosineWarmRestarts {
  Index first = 0;
  Index mult = 1;
  double eta_min = 0;
  static constexpr const char* name = "CosineWarmRestarts";
  void check() const;
  double lr(double base, Index t) const;
  Index length() const { return 0; }
};

/// How a warm-up of n begins.
enum class WarmupStart {
  one,  ///< base (t + 1) / n: base is reached at t = n - 1
  zero  ///< base t / n: the first step is lost to a rate of 0
};

/// From (nearly) 0 up to base in `warmup`, then base.
struct LinearWarmup {
  Index warmup = 0;
  WarmupStart start = WarmupStart::one;
  static constexpr const char* name = "LinearWarmup";
  void check() const;
  double lr(double base, Index t) const;
  Index length() const { return warmup; }
};

/// LinearWarmup for t < warmup, then the cosine from base at t = warmup to eta_min at t = total.
struct WarmupCosine {
  Index warmup = 0;
  Index total = 0;
  double eta_min = 0;
  WarmupStart start = WarmupStart::one;
  static constexpr const char* name = "WarmupCosine";
  void check() const;
  double lr(double base, Index t) const;
  Index length() const { return total; }
};

enum class Anneal { cosine, linear };

/// From max / div_factor up to max in the first pct_start of the run, then down to max /
/// div_factor / final_div_factor at t = total - 1 (Smith, Topin 2017). The momentum goes the other
/// way, from max_momentum down to base_momentum and up again.
struct OneCycle {
  Index total = 0;
  std::optional<double> max_lr = {};  ///< default: base
  double pct_start = 0.3;
  double div_factor = 25;
  double final_div_factor = 1e4;
  Anneal anneal = Anneal::cosine;
  bool three_phase = false;    ///< down to max / div_factor as long as up, then to the final rate
  bool cycle_momentum = true;  ///< needs an optimizer with a momentum or betas
  double base_momentum = 0.85, max_momentum = 0.95;
  static constexpr const char* name = "OneCycle";
  void check() const;
  double lr(double base, Index t) const;
  std::optional<double> momentum(Index t) const;
  Index length() const { return total; }
};

enum class CyclicMode {
  triangular,   ///< every peak at max_lr
  triangular2,  ///< each peak half as high above base_lr as the one before
  exp_range     ///< the height at t is multiplied by gamma^t
};

/// Straight up from base_lr to max_lr in `up`, down in `down`, and again (Smith 2015). The momentum
/// goes the other way, from max_momentum down to base_momentum and up again.
struct Cyclic {
  double max_lr = 0;
  std::optional<double> base_lr = {};  ///< default: the group's initial rate
  Index up = 2000;
  Index down = 0;  ///< default: as up
  CyclicMode mode = CyclicMode::triangular;
  double gamma = 1;
  bool cycle_momentum = true;  ///< needs an optimizer with a momentum or betas
  double base_momentum = 0.8, max_momentum = 0.9;
  static constexpr const char* name = "Cyclic";
  void check() const;
  double lr(double base, Index t) const;
  std::optional<double> momentum(Index t) const;
  Index length() const { return 0; }
};

/// base factor(t).
struct LambdaLR {
  std::function<double(Index t)> factor = {};
  static constexpr const char* name = "LambdaLR";
  void check() const;
  double lr(double base, Index t) const;
  Index length() const { return 0; }
};

/// Any schedule.
class Schedule {
 public:
  template <class S>
  requires requires(const S& s) {
    s.check();
    { s.lr(1.0, Index{}) } -> std::convertible_to<double>;
  }
  Schedule(S schedule) : model_(std::make_shared<Model<S>>(std::move(schedule))) {}
  double lr(double base, Index t) const { return model_->lr(base, t); }
  /// The momentum at time t, for schedules that cycle it.
  std::optional<double> momentum(Index t) const { return model_->momentum(t); }
  Index length() const { return model_->length(); }
  const char* name() const { return model_->name(); }

 private:
  struct Concept {
    virtual ~Concept() = default;
    virtual double lr(double base, Index t) const = 0;
    virtual std::optional<double> momentum(Index t) const = 0;
    virtual Index length() const = 0;
    virtual const char* name() const = 0;
  };
  template <class S>
  struct Model final : Concept {
    explicit Model(S s) : schedule(std::move(s)) { schedule.check(); }
    double lr(double base, Index t) const override { return schedule.lr(base, t); }
    std::optional<double> momentum(Index t) const override {
      if constexpr (requires { schedule.momentum(t); })
        return schedule.momentum(t);
      else
        return {};
    }
    Index length() const override { return schedule.length(); }
    const char* name() const override { return S::name; }
    S schedule;
  };
  std::shared_ptr<const Concept> model_;
};

/// One schedule after the other: schedules[i] begins, with its t = 0, at milestones[i - 1].
struct SequentialLR {
  std::vector<Schedule> schedules = {};
  std::vector<Index> milestones = {};  ///< increasing, one fewer than schedules
  static constexpr const char* name = "SequentialLR";
  void check() const;
  double lr(double base, Index t) const;
  std::optional<double> momentum(Index t) const;
  Index length() const;
};

struct SchedulerOptions {
  Unit unit = Unit::step;  ///< whether step() is called after every step or after every epoch
};

/// Sets the learning rates of an optimizer, which must outlive it, by a schedule: at once for
/// t = 0, and for the next t with every step(). A schedule that cycles the momentum sets that of
/// the optimizer too, `momentum` or else beta1, and throws for an algorithm that has neither.
///
///     Scheduler scheduler(opt, WarmupCosine{.warmup = 50, .total = 500});
class Scheduler {
 public:
  Scheduler(Optimizer& optimizer, Schedule schedule, const SchedulerOptions& options = {});
  /// Moves on to the next t; to be called once per unit(), after the optimizer's step.
  void step();
  Unit unit() const { return unit_; }
  /// The present t.
  Index time() const { return time_; }
  /// The present learning rate of a group.
  double lr(std::size_t group = 0) const { return optimizer_.lr(group); }
  const Schedule& schedule() const { return schedule_; }
  /// A sentence that says how a run of `run_length` units and the schedule's length disagree, or
  /// "" if they do not.
  std::string check_length(Index run_length) const;

  /// "time"; the initial rates are the optimizer's.
  StateDict state_dict() const;
  /// Restores the time and sets the rates. Load the optimizer first.
  void load_state_dict(const StateDict& state);

 private:
  void apply();

  Optimizer& optimizer_;
  Schedule schedule_;
  Unit unit_;
  Index time_ = 0;
};

enum class PlateauMode { min, max };
enum class ThresholdMode { rel, abs };

struct PlateauOptions {
  PlateauMode mode = PlateauMode::min;
  double factor = 0.1;  ///< lr becomes lr * factor
  Index patience = 10;  ///< so many metrics without an improvement are tolerated
  /// An improvement is better than the best by more than this, or in `rel` by more than this times
  /// the best's magnitude.
  double threshold = 1e-4;
  ThresholdMode threshold_mode = ThresholdMode::rel;
  Index cooldown = 0;  ///< so many metrics after a reduction are not counted
  double min_lr = 0;
  double eps = 1e-8;  ///< smaller changes of the rate are not made
  Unit unit = Unit::epoch;
};

/// Lowers the learning rates of an optimizer, which must outlive it, when a metric has stopped
/// improving. Unlike a Scheduler it is told the metric.
class ReduceLROnPlateau {
 public:
  explicit ReduceLROnPlateau(Optimizer& optimizer, const PlateauOptions& options = {});
  /// Takes the next metric and returns true if it lowered a rate. NaN is no improvement.
  bool step(double metric);
  Unit unit() const { return options_.unit; }
  double best() const { return best_; }

  StateDict state_dict() const;
  void load_state_dict(const StateDict& state);

 private:
  bool is_better(double metric) const;

  Optimizer& optimizer_;
  PlateauOptions options_;
  double best_;
  Index bad_ = 0;
  Index cooling_ = 0;
};

}  // namespace gradus::optim
