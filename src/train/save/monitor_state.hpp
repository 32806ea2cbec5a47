#pragma once

// What a monitor keeps, as numbers in a checkpoint. All that reads throws for a state that no
// monitor has written.

#include "train/save/state.hpp"
#include "train/watch/watch.hpp"

namespace gradus::train::detail {

/// The entries of a monitor's state.
inline State monitor_state(const optim::StateDict& entries) {
  return State("Monitor.load_state_dict", "monitor", entries, float64);
}

/// What the window and the epoch that are running have added up so far.
struct SavedLayer {
  Tally window, epoch;
};
void save(optim::StateDict& state, const std::vector<Layer>& layers);
std::vector<SavedLayer> load_layers(State& state);

/// The numbers of complete epochs, without the names of the modules.
struct EpochLists {
  std::vector<double> places, stats;
  void add(const LayerEpoch& epoch);
};
std::vector<LayerEpoch> load_epochs(State& state, std::size_t layers);

}  // namespace gradus::train::detail
