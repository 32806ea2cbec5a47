#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>

#include "io/disk/system.hpp"

namespace gradus::test {

/// While it lives, the n-th call that changes the file system fails with `error`, or ends the
/// process if `error` is 0. Of a write, half is done.
class FailingCall {
 public:
  explicit FailingCall(int n, int error) {
    count_ = 0;
    at_ = n;
    error_ = error;
    io::detail::system::hook = ask;
  }
  ~FailingCall() { io::detail::system::hook = nullptr; }
  FailingCall(const FailingCall&) = delete;
  FailingCall& operator=(const FailingCall&) = delete;

  /// True if there were so many calls.
  static bool reached() { return count_ >= at_; }
  static constexpr int killed = 77;

 private:
  static int ask(const io::detail::system::Call& call) {
    if (++count_ != at_) return 0;
    if (call.name == std::string_view("write"))
      static_cast<void>(::write(call.fd, call.what.data(), call.what.size() / 2) + 1);
    if (error_ == 0) ::_exit(killed);
    return error_;
  }

  inline static int count_ = 0, at_ = 0, error_ = 0;
};

/// Runs f in a process of its own that ends at its n-th call. False if it came to its end before.
template <class F>
bool killed_at(int n, F f) {
  const pid_t child = ::fork();
  if (child == 0) {
    const FailingCall call(n, 0);
    try {
      f();
    } catch (...) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  int status = 0;
  if (::waitpid(child, &status, 0) != child || !WIFEXITED(status))
    throw std::runtime_error("the process did not end by itself");
  if (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != FailingCall::killed)
    throw std::runtime_error("the process failed");
  return WEXITSTATUS(status) == FailingCall::killed;
}

}  // namespace gradus::test
