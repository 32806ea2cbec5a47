#pragma once

// What the outputs of a module say of its units.

#include <cstdint>
#include <string_view>
#include <vector>

#include "gradus/nn/module.hpp"

namespace gradus::train::detail {

/// Activations of which more than the mean is known; hard ones are straight between two bends.
enum class Kind : std::uint8_t { other, relu, sigmoid, tanh, hard };

/// The flat parts of an activation: an output at `below` or less, or at `above` or more, passes on
/// no gradient, or one of less than limits::saturated_slope of the largest. Such an output is
/// saturated; a unit that has no other is idle, and if it is a relu's, dead.
struct Flat {
  Kind kind = Kind::other;
  double below = 0, above = 0;
  double slope = 1;  // between them, where it is the same everywhere
};
/// Those of a module; of kind other if it is no activation with flat parts.
Flat flat_of(const nn::Module& module);

/// What one output shows.
struct Look {
  double sum = 0, squares = 0;
  double slope_squares = 0;         // of the activation's derivative
  Index active = 0, saturated = 0;  // outputs: above the lower flat part, on either
  Index rows = 0;                   // values of each unit
};
/// The units are the channels of (N, C, H, W), else the last axis; `works` receives 1 for each that
/// has an output which is not flat. Floating point, not empty.
Look look_at(const Flat& flat, const Tensor& out, std::vector<std::uint8_t>& works);
/// The share of units that do not work.
double idle_share(const std::vector<std::uint8_t>& works);

/// f(data, numel) with the type of the tensor's values.
template <class F>
void with_values(const Tensor& a, F f) {
  if (a.dtype() == float32)
    f(a.data<float>(), a.numel());
  else
    f(a.data<double>(), a.numel());
}

}  // namespace gradus::train::detail
