#pragma once

#include <string>

#include "gradus/train/checkpoint.hpp"

namespace gradus::train::detail {

/// Sets when checkpoints are written from "30s", "5m", "2h", "10 epochs", "500 steps"; a number
/// alone is of steps, and 0 of them leaves it at the default. Throws ConfigError.
void set_checkpoint_every(CheckpointOptions& options, const std::string& text);

}  // namespace gradus::train::detail
