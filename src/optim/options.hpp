#pragma once

#include <cmath>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/messages.hpp"
#include "gradus/optim/optimizer.hpp"

// What the templates over Options are made of. Next to each optimizer stand, for its Options:
//   constexpr const char* algorithm(const Options*)   the name that begins its messages
//   template <class O, class F> void visit_options(O& o, F f)   f(name, member, rule) for every one
//   void check(const Options& o)   throws if they make no sense together
namespace gradus::optim {

namespace detail {

using gradus::detail::require;

/// What an option may be (NaN never holds), and how messages call it if not by its name.
struct Rule {
  bool (*holds)(double value);
  const char *required, *called = nullptr;
};
inline constexpr Rule any{[](double) { return true; }, ""};
inline constexpr Rule not_negative{[](double x) { return x >= 0 && std::isfinite(x); },
                                   "a finite number >= 0"};
inline constexpr Rule fraction{[](double x) { return x >= 0 && x < 1; }, "0 <= value < 1"};

inline void require(const Rule& rule, const char* algorithm, const char* option, double value) {
  require(rule.holds(value), algorithm, rule.called ? rule.called : option, value, rule.required);
}
inline void require_not_negative(const char* algorithm, const char* option, double value) {
  require(not_negative, algorithm, option, value);
}
inline void require_fraction(const char* algorithm, const char* option, double value) {
  require(fraction, algorithm, option, value);
}

/// The betas, among the options of an algorithm.
template <class O, class F>
void visit_betas(O& o, F f) {
  f("beta1", o.betas[0], Rule{fraction.holds, fraction.required, "betas[0]"});
  f("beta2", o.betas[1], Rule{fraction.holds, fraction.required, "betas[1]"});
}
/// What the options of Adam and its relatives begin with.
template <class O, class F>
void visit_adam(O& o, F f) {
  f("lr", o.lr, not_negative);
  visit_betas(o, f);
  f("eps", o.eps, not_negative);
  f("weight_decay", o.weight_decay, not_negative);
}

}  // namespace detail

/// Options, constant or not.
template <class O, class Options>
concept OptionsLike = std::is_same_v<std::remove_const_t<O>, Options>;

template <class Options>
void check(const Options&) {}

template <class Options>
void check_options(const Options& o) {
  visit_options(o, [&](const char* name, auto option, const detail::Rule& rule) {
    detail::require(rule, algorithm(&o), name, static_cast<double>(option));
  });
  check(o);
}

template <class Options>
OptimizerOf<Options>::OptimizerOf(const std::vector<Tensor>& params, const Options& options)
    : OptimizerOf(std::vector<Group>{{params, options}}) {}

template <class Options>
OptimizerOf<Options>::OptimizerOf(const std::vector<Group>& groups)
    : Optimizer(algorithm(static_cast<const Options*>(nullptr))) {
  if (groups.empty())
    fail(name(), "no parameter group was given; at least one parameter is required");
  for (const Group& group : groups) {
    check_options(group.options);
    options_.push_back(group.options);
    add_group(group.params, group.options.lr);
  }
  if (slots().empty())
    fail(name(),
         "an empty list of parameters was given; at least one parameter is required; was "
         "the model built before its parameters were asked for?");
}

template <class Options>
double* OptimizerOf<Options>::momentum_of(std::size_t group) {
  double *momentum = nullptr, *beta1 = nullptr;
  visit_options(options_[group], [&](std::string_view name, auto& member, const auto&) {
    if constexpr (std::is_same_v<std::decay_t<decltype(member)>, double>) {
      if (name == "momentum") momentum = &member;
      if (name == "beta1") beta1 = &member;
    }
  });
  return momentum ? momentum : beta1;
}

template <class Options>
auto OptimizerOf<Options>::group_options(std::size_t group) const -> std::vector<Option> {
  std::vector<Option> list;
  visit_options(options_[group], [&list](const char* name, auto value, const auto&) {
    list.push_back({name, static_cast<double>(value)});
  });
  return list;
}

template <class Options>
void OptimizerOf<Options>::set_group_options(std::size_t group,
                                             const std::vector<Option>& options) {
  Options changed = options_[group];
  auto item = options.begin();
  const Option* refused = nullptr;
  visit_options(changed, [&item, &refused](const char*, auto& member, const auto&) {
    using Member = std::decay_t<decltype(member)>;
    if constexpr (std::is_same_v<Member, double>)
      member = item->value;
    else if (item->value >= 0 && item->value <= 1e9 && item->value == std::floor(item->value))
      member = static_cast<Member>(item->value);
    else
      refused = &*item;
    ++item;
  });
  if (refused)
    fail(name(), refused->name, " = ", refused->value,
         "; a whole number from 0 to 1000000000 is required");
  check_options(changed);
  options_[group] = changed;
}

}  // namespace gradus::optim
