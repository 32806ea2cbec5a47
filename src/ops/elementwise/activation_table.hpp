#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "gradus/ops/linear_act.hpp"

// The activation functions by name: what modules, initial values and the command know of them.
namespace gradus::detail {

/// How weights in front of an activation start, see nn::init.
enum class Start : std::uint8_t { xavier, he, lecun };

struct ActivationEntry {
  std::string_view name;
  const char* module;  // its name as a module
  Tensor (*function)(const Tensor& x, double a, double b);
  Start start = Start::xavier;
  double gain = 1;  // what it does to the scale of a signal
  int parameters = 0;
  double a = 0, b = 0;  // their defaults
};

std::span<const ActivationEntry> activations();

/// Null if there is none of this name.
const ActivationEntry* find_activation(std::string_view name);

/// The form of linear_act, if there is one.
std::optional<LinearActivation> linear_activation(std::string_view name);

/// The names, separated by commas.
std::string names_of_activations();

}  // namespace gradus::detail
