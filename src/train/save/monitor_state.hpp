#pragma once

// What a monitor remembers, as numbers in a checkpoint. All that reads throws for a state that no
// monitor has written.

#include "train/watch.hpp"

namespace gradus::train::detail {

inline constexpr auto any_count = static_cast<std::size_t>(-1);

/// The float64 numbers of an entry, `count` of them.
std::vector<double> numbers_at(const optim::StateDict& state, const std::string& key,
                               std::size_t count = any_count);

/// What the window and the epoch that are running have added up so far.
struct SavedLayer {
  Tally window, epoch;
};
void save(optim::StateDict& state, const std::vector<Layer>& layers);
std::vector<SavedLayer> load_layers(const optim::StateDict& state);

/// The numbers of complete epochs, without the names of the modules.
void save(optim::StateDict& state, const std::vector<LayerEpoch>& epochs);
std::vector<LayerEpoch> load_epochs(const optim::StateDict& state, std::size_t layers);

}  // namespace gradus::train::detail
