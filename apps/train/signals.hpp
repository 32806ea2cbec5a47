#pragma once

#include <atomic>
#include <exception>
#include <gradus/train/fit.hpp>

/// Thrown where a signal ended what was being done.
struct Interrupted : std::exception {
  const char* what() const noexcept override { return "interrupted"; }
};

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
