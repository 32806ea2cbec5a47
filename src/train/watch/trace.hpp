#pragma once

// In what order a model calls its modules, found out with one batch.

#include <string>
#include <vector>

#include "gradus/nn/module.hpp"

namespace gradus::train::detail {

/// What a module without children does to a signal.
enum class Role : std::uint8_t { other, linear, activation, norm, batch_norm, dropout, neutral };

/// One call of a module without children.
struct Call {
  std::string name, module;
  Role role = Role::other;
  std::string activation = {};    // its name
  Tensor weight = {}, bias = {};  // of linear and convolutional layers
  int after = -1;                 // the call whose output is this one's input itself, or -1
  double mean_slope = 0;          // activation: root mean square of the derivative
  double dead = 0;                // relu: share of idle units; see Flat
  double saturated = 0;           // others with flat parts: share of saturated outputs
};

struct Trace {
  std::vector<Call> calls;
  int last = -1;      // the call that made the model's output, or -1
  Index rows = 0;     // of the batch
  std::string error;  // why the model could not be called, or ""

  /// The call before, through dropout, flattening and the like; -1 if unknown.
  int before(int call) const;
};

/// Calls the model in evaluation mode without recording, and leaves it as it was.
Trace trace(nn::Module& model, const Tensor& input);

}  // namespace gradus::train::detail
