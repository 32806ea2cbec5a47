#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/messages.hpp"
#include "gradus/optim/scheduler.hpp"
#include "optim/options.hpp"

// The learning rate of every schedule in closed form.
namespace gradus::optim {
namespace {

using detail::require;

void require_length(const char* schedule, const char* option, Index value, Index least = 1) {
  if (value < least)
    fail(schedule, option, " = ", value, " was given; at least ", least,
         " is required; derive it from the length of the run");
}

void require_positive(const char* schedule, const char* option, double value) {
  require(value > 0 && std::isfinite(value), schedule, option, value, "a finite number above 0");
}

void require_increasing(const char* schedule, const std::vector<Index>& milestones) {
  for (std::size_t i = 0; i < milestones.size(); ++i)
    if (milestones[i] < 0 || (i > 0 && milestones[i] <= milestones[i - 1]))
      fail(schedule, "milestone ", i, " is ", milestones[i],
           "; milestones must be >= 0 and increase");
}

double cosine(double from, double to, double progress) {
  return to + (from - to) * (1 + std::cos(std::numbers::pi * progress)) / 2;
}

void require_momenta(const char* schedule, double base, double max) {
  require(base > 0 && base <= max, schedule, "base_momentum", base,
          "a number above 0 and at most max_momentum");
  detail::require_fraction(schedule, "max_momentum", max);
}

double ratio(Index a, Index b) { return static_cast<double>(a) / static_cast<double>(b); }

}  // namespace

void StepLR::check() const {
  require_length(name, "step_size", step_size);
  require_positive(name, "gamma", gamma);
}
double StepLR::lr(double base, Index t) const {
  const Index steps = t / step_size;
  return base * std::pow(gamma, static_cast<double>(steps));
}

void MultiStepLR::check() const {
  require_increasing(name, milestones);
  require_positive(name, "gamma", gamma);
}
double MultiStepLR::lr(double base, Index t) const {
  const auto passed = std::upper_bound(milestones.begin(), milestones.end(), t);
  return base * std::pow(gamma, static_cast<double>(passed - milestones.begin()));
}

void ExponentialLR::check() const { require_positive(name, "gamma", gamma); }
double ExponentialLR::lr(double base, Index t) const {
  return base * std::pow(gamma, static_cast<double>(t));
}

void PolynomialLR::check() const {
  require_length(name, "total", total);
  require_positive(name, "power", power);
}
double PolynomialLR::lr(double base, Index t) const {
  return base * std::pow(1 - ratio(std::min(t, total), total), power);
}

void CosineAnnealing::check() const {
  require_length(name, "total", total);
  detail::require_not_negative(name, "eta_min", eta_min);
}
double CosineAnnealing::lr(double base, Index t) const {
  return t >= total ? eta_min : cosine(base, eta_min, ratio(t, total));
}

void CosineWarmRestarts::check() const {
  require_length(name, "first", first);
  require_length(name, "mult", mult);
  detail::require_not_negative(name, "eta_min", eta_min);
}
double CosineWarmRestarts::lr(double base, Index t) const {
  Index period = first;
  if (mult == 1) t %= first;
  while (t >= period) {
    t -= period;
    period *= mult;
  }
  return cosine(base, eta_min, ratio(t, period));
}

void LinearWarmup::check() const { require_length(name, "warmup", warmup); }
double LinearWarmup::lr(double base, Index t) const {
  if (t >= warmup) return base;
  return base * ratio(start == WarmupStart::one ? t + 1 : t, warmup);
}

void WarmupCosine::check() const {
  require_length(name, "warmup", warmup, 0);
  require_length(name, "total", total, warmup + 1);
  detail::require_not_negative(name, "eta_min", eta_min);
}
double WarmupCosine::lr(double base, Index t) const {
  if (t < warmup) return LinearWarmup{.warmup = warmup, .start = start}.lr(base, t);
  return CosineAnnealing{.total = total - warmup, .eta_min = eta_min}.lr(base, t - warmup);
}

/// What goes from `start` at t = 0 to `top` at the peak, and on to `bottom` at the end.
static double one_cycle(const OneCycle& o, Index t, double start, double top, double bottom) {
  const auto between = [&o](double from, double to, double progress) {
    return o.anneal == Anneal::cosine ? cosine(from, to, progress) : from + (to - from) * progress;
  };
  const double end = static_cast<double>(o.total - 1), now = std::min(static_cast<double>(t), end);
  const double peak = o.pct_start * static_cast<double>(o.total) - 1;
  if (now <= peak) return peak > 0 ? between(start, top, now / peak) : top;
  const double from = std::max(peak, 0.0);
  if (!o.three_phase) return between(top, bottom, end > from ? (now - from) / (end - from) : 1);
  const double second = 2 * o.pct_start * static_cast<double>(o.total) - 2;
  if (now <= second) return between(top, start, (now - from) / (second - from));
  const double third = std::max(second, 0.0);
  return between(start, bottom, end > third ? (now - third) / (end - third) : 1);
}

void OneCycle::check() const {
  require_length(name, "total", total, 2);
  require(pct_start >= 0 && pct_start <= 1, name, "pct_start", pct_start, "0 <= value <= 1");
  require(!three_phase || pct_start <= 0.5, name, "pct_start", pct_start,
          "with three phases, 0 <= value <= 0.5");
  require_positive(name, "div_factor", div_factor);
  require_positive(name, "final_div_factor", final_div_factor);
  if (max_lr) detail::require_not_negative(name, "max_lr", *max_lr);
  if (cycle_momentum) require_momenta(name, base_momentum, max_momentum);
}
double OneCycle::lr(double base, Index t) const {
  const double top = max_lr.value_or(base), start = top / div_factor;
  return one_cycle(*this, t, start, top, start / final_div_factor);
}
std::optional<double> OneCycle::momentum(Index t) const {
  if (!cycle_momentum) return {};
  return one_cycle(*this, t, max_momentum, base_momentum, max_momentum);
}

void Cyclic::check() const {
  require_positive(name, "max_lr", max_lr);
  require_length(name, "up", up);
  require_length(name, "down", down, 0);
  require_positive(name, "gamma", gamma);
  if (base_lr) {
    detail::require_not_negative(name, "base_lr", *base_lr);
    require(*base_lr <= max_lr, name, "base_lr", *base_lr, "at most max_lr");
  }
  if (cycle_momentum) require_momenta(name, base_momentum, max_momentum);
}
/// How far a cycle is up at time t, from 0 to 1.
static double height(const Cyclic& o, Index t) {
  const Index fall = o.down ? o.down : o.up, period = o.up + fall, place = t % period,
              cycle = t / period;
  double scale = 1;
  if (o.mode == CyclicMode::triangular2) scale = std::pow(0.5, static_cast<double>(cycle));
  if (o.mode == CyclicMode::exp_range) scale = std::pow(o.gamma, static_cast<double>(t));
  return scale * (place <= o.up ? ratio(place, o.up) : ratio(period - place, fall));
}
double Cyclic::lr(double base, Index t) const {
  const double low = base_lr.value_or(base);
  return low + (max_lr - low) * height(*this, t);
}
std::optional<double> Cyclic::momentum(Index t) const {
  if (!cycle_momentum) return {};
  return max_momentum - (max_momentum - base_momentum) * height(*this, t);
}

void LambdaLR::check() const {
  if (!factor) fail(name, "an empty function was given; a function of the time is required");
}
double LambdaLR::lr(double base, Index t) const { return base * factor(t); }

void SequentialLR::check() const {
  require_increasing(name, milestones);
  if (schedules.empty() || schedules.size() != milestones.size() + 1)
    fail(name, schedules.size(), " schedules and ", milestones.size(),
         " milestones were given; one milestone between each two schedules is required");
}
double SequentialLR::lr(double base, Index t) const {
  const auto passed = std::upper_bound(milestones.begin(), milestones.end(), t);
  const auto i = static_cast<std::size_t>(passed - milestones.begin());
  return schedules[i].lr(base, i == 0 ? t : t - milestones[i - 1]);
}
std::optional<double> SequentialLR::momentum(Index t) const {
  const auto passed = std::upper_bound(milestones.begin(), milestones.end(), t);
  const auto i = static_cast<std::size_t>(passed - milestones.begin());
  return schedules[i].momentum(i == 0 ? t : t - milestones[i - 1]);
}
Index SequentialLR::length() const {
  const std::string_view end = schedules.back().name();
  if (end == LinearWarmup::name || end == MultiStepLR::name) return 0;  // it is to stay
  const Index last = schedules.back().length();
  return last == 0 ? 0 : last + (milestones.empty() ? 0 : milestones.back());
}

}  // namespace gradus::optim
