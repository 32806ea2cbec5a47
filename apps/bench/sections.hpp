// The sections of a run: which programs are started with which arguments, and how their results
// read as tables.
#pragma once

#include "programs.hpp"

namespace bench {

struct Settings {
  std::vector<std::string> sections, workloads, programs;
  std::vector<int> threads;
  int rounds = 3;
  bool quick = false;
};

/// All names: steps, phases, scalars, elementwise, sweeps, memory, threads.
const std::vector<std::string>& section_names();
/// a to h.
const std::vector<std::string>& workload_names();

/// Runs the sections round by round, the programs in turn, and says on standard error what it does.
void measure(const Programs& programs, const Settings& settings, Results& results);
/// Whether all programs compute gradus's losses from the same parameters; prints the largest gaps.
bool verify(const Programs& programs, const Settings& settings);

/// All tables that the results have, with headings.
std::string tables(const Results& results);

/// Sweeps: "batch", "width", "depth".
const std::vector<std::string>& sweep_names();
/// The cost of a step along a sweep as an SVG drawing.
std::string sweep_drawing(const Results& results, const std::string& sweep);

}  // namespace bench
