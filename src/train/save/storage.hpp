#pragma once

#include "gradus/train/checkpoint.hpp"

namespace gradus::train::detail {

/// Finds out before a run that its checkpoints can be written: the folder takes files, and the disk
/// has room for two of the size that `first` lets expect. Removes what killed writers left there.
void prepare_storage(const CheckpointOptions& options, const Checkpoint& first);

}  // namespace gradus::train::detail
