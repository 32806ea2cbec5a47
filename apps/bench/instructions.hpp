// Instruction counts of small workloads under callgrind, compared with those kept in a file: a
// check that does not depend on what else the machine does.
#pragma once

#include <string>

namespace bench {

struct CountSettings {
  std::string program;   ///< bench_gradus, built for x86-64-v3
  std::string file;      ///< the counts that are kept
  std::string compiler;  ///< that built the program
  bool update = false;   ///< write the file instead of comparing
};

/// Counts and compares or writes; prints what it found; false if a count differs by more than 3 %.
bool count_instructions(const CountSettings& settings);

}  // namespace bench
