#pragma once

#include <gradus/train.hpp>
#include <optional>
#include <string>

#include "signals.hpp"

/// Tells of a run: what was found before it, how it goes on, and what it ended with.
class Teller {
 public:
  explicit Teller(bool quiet);
  ~Teller();

  /// From on_data on, signals end the step and save.
  gradus::train::RunHooks hooks();
  /// Prints what a run ended with; the exit status.
  int end(const gradus::train::Outcome& outcome);
  /// Says how to go on with a run that threw.
  void tell_how_to_go_on() const;

 private:
  class Printer;
  bool quiet_;
  std::unique_ptr<Printer> printer_;
  std::optional<Signals> signals_;
  std::string folder_;
};

/// Prints what was found in the data before the training.
void print_report(const gradus::train::Prepared& data, const gradus::train::Source& source);
