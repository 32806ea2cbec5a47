#pragma once

#include <chrono>
#include <cstdio>
#include <string>

#include "gradus/train/fit.hpp"

namespace gradus::train {

/// How a run is shown.
enum class Show {
  automatic,  ///< a bar in a terminal, lines elsewhere
  bar,        ///< a bar that is redrawn, with the time that is left, and a line per epoch
  lines,      ///< a line per epoch
  nothing
};

/// Shows a run while it goes on, as one of its callbacks.
class ProgressPrinter : public Callback {
 public:
  explicit ProgressPrinter(std::FILE* stream = stdout, Show show = Show::automatic);
  ProgressPrinter(std::FILE* stream, bool terminal)
      : ProgressPrinter(stream, terminal ? Show::bar : Show::lines) {}

  void on_fit_begin(Context& run) override;
  void on_step_end(Context& run) override;
  void on_epoch_end(Context& run, Epoch& epoch) override;
  void on_fit_end(Context& run) override;

  /// The names of the columns.
  void header();
  void step(const Progress& progress);
  void epoch(const Epoch& epoch, Index epochs);

 private:
  using Clock = std::chrono::steady_clock;

  std::FILE* stream_;
  Show show_;
  int last_percent_ = -1;
  bool drawn_ = false;           // there is a bar on the line
  Clock::time_point started_{};  // this process's part of the run
  Index first_step_ = 0;         // the global step before it
  double left_ = -1;             // seconds, if known
};

namespace detail {
/// "0:07", "12:34", "1:02:03"; "" for what is not known (negative).
std::string format_duration(double seconds);
}  // namespace detail

}  // namespace gradus::train
