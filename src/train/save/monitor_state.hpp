#pragma once

// What a monitor keeps, as numbers in a checkpoint. All that reads throws for a state that no
// monitor has written.

#include "train/save/state.hpp"
#include "train/watch/watch.hpp"

namespace gradus::train::detail {

void save(optim::StateDict& state, const std::vector<Layer>& layers);

/// What a monitor has saved, read and checked.
struct MonitorState {
  struct Tallies {  // of what is running
    Tally window, epoch;
  };
  std::vector<Tallies> layers = {};
  std::vector<LayerEpoch> epochs = {};  // without the names of the modules
  std::vector<double> norms = {}, losses = {}, latest_losses = {};
  std::vector<Index> window = {}, steps = {};
};
MonitorState read_monitor(const optim::StateDict& entries);

/// The numbers of complete epochs, without the names of the modules.
struct EpochLists {
  std::vector<double> places, stats;
  void add(const LayerEpoch& epoch);
};

}  // namespace gradus::train::detail
