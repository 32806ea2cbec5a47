#pragma once

#include <cstdio>
#include <string>

#include "gradus/train/fit.hpp"

namespace gradus::train {

/// Shows a run while it goes on: a bar that is redrawn in a terminal, plain lines elsewhere.
class ProgressPrinter {
 public:
  /// Writes to `stream`; whether that is a terminal is found out unless said.
  explicit ProgressPrinter(std::FILE* stream = stdout);
  ProgressPrinter(std::FILE* stream, bool terminal) : stream_(stream), terminal_(terminal) {}

  /// The names of the columns.
  void header();
  void step(const Progress& progress);
  void epoch(const Epoch& epoch, Index epochs);

 private:
  std::FILE* stream_;
  bool terminal_;
  int last_percent_ = -1;
};

}  // namespace gradus::train
