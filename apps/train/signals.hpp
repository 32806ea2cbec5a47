#pragma once

#include <atomic>
#include <exception>
#include <gradus/train/fit.hpp>

/// Thrown where a signal ended what was being done.
struct Interrupted : std::exception {
  const char* what() const noexcept override { return "interrupted"; }
};

/// From here on the first SIGINT, SIGTERM or SIGHUP ends the program at once, with a line and its
/// status: there is nothing that has to be finished. Not so while Signals live.
void end_at_signals();

/// From here on the program goes on when the reader of its output ends (`train … | head`).
void outlive_reader();
/// Whether one has ended since.
bool reader_has_left();

/// While one lives, the first SIGINT, SIGTERM or SIGHUP asks for an end; a second SIGINT or SIGTERM
/// ends the program at once. What was ignored (nohup) stays ignored.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  /// True once an end was asked for.
  static const std::atomic<bool>& stop();
  /// Throws Interrupted then.
  static void check();
  /// 128 and the number of the signal that asked: 130 for SIGINT.
  static int status();
};

/// The loss, with Signals::check() before each call.
gradus::train::Loss stoppable(gradus::train::Loss loss);
