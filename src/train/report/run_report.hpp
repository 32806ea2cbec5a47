#pragma once

// What a run's report is made of, and how a checkpoint keeps its sweep.

#include "gradus/train/run.hpp"

namespace gradus::train::detail {

/// The recorder of a run, in the units of its data.
Recorder make_recorder(const Prepared& data, const Objective& objective);
/// Writes the page of a run; `monitor` may be null.
void write_run_report(const std::string& path, const Prepared& data, const Outcome& outcome,
                      const Recorder& recorder, const Monitor* monitor, nn::Module& model);
/// A sweep as a checkpoint keeps it, beside its note, and from there.
std::map<std::string, Tensor> tensors_of(const RateSweep& sweep);
RateSweep sweep_of(const Checkpoint& checkpoint);

}  // namespace gradus::train::detail
