#pragma once

#include <cmath>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "gradus/optim/optimizer.hpp"

// What the templates over Options are made of. Next to each optimizer stand, for its Options:
//   constexpr const char* algorithm(const Options*)   the name that begins its messages
//   template <class O, class F> void visit_options(O& o, F f)   f(name, member) for every option
//   void check(const Options& o)   throws if the options make no sense
namespace gradus::optim {

namespace detail {

inline void require(bool good, const char* algorithm, const char* option, double value,
                    const char* required) {
  if (!good)
    fail(algorithm,
         std::string(option) + " = " + text_of(value) + " was given; " + required + " is required");
}
/// NaN fails as well.
inline void require_not_negative(const char* algorithm, const char* option, double value) {
  require(value >= 0 && std::isfinite(value), algorithm, option, value, "a finite number >= 0");
}
inline void require_fraction(const char* algorithm, const char* option, double value) {
  require(value >= 0 && value < 1, algorithm, option, value, "0 <= value < 1");
}

inline void require_betas(const char* algorithm, const std::array<double, 2>& betas) {
  require_fraction(algorithm, "betas[0]", betas[0]);
  require_fraction(algorithm, "betas[1]", betas[1]);
}

}  // namespace detail

/// Options, constant or not.
template <class O, class Options>
concept OptionsLike = std::is_same_v<std::remove_const_t<O>, Options>;

template <class Options>
OptimizerOf<Options>::OptimizerOf(const std::vector<Tensor>& params, const Options& options)
    : OptimizerOf(std::vector<Group>{{params, options}}) {}

template <class Options>
OptimizerOf<Options>::OptimizerOf(const std::vector<Group>& groups)
    : Optimizer(algorithm(static_cast<const Options*>(nullptr))) {
  if (groups.empty())
    fail(name(), "no parameter group was given; at least one parameter is required");
  for (const Group& group : groups) {
    detail::require_not_negative(name(), "lr", group.options.lr);
    check(group.options);
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
  visit_options(options_[group], [&](std::string_view name, auto& member) {
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
  visit_options(options_[group], [&list](const char* name, auto value) {
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
  visit_options(changed, [&item, &refused](const char*, auto& member) {
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
    fail(name(), std::string(refused->name) + " = " + text_of(refused->value) +
                     "; a whole number from 0 to 1000000000 is required");
  detail::require_not_negative(name(), "lr", changed.lr);
  check(changed);
  options_[group] = changed;
}

}  // namespace gradus::optim
