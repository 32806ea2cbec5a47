#include "signals.hpp"

#include <csignal>

#include "command_line.hpp"

namespace {

constexpr int watched[] = {SIGINT, SIGTERM, SIGHUP};

std::atomic<bool> stop_asked{false};
std::atomic<int> asked_by{0};
int nested = 0;
struct sigaction before[std::size(watched)];

extern "C" void ask(int signal) {
  asked_by = signal;
  stop_asked = true;
  // The end of a terminal is told twice, by the kernel and by the shell.
  struct sigaction action {};
  for (const int next : watched) {
    action.sa_handler = next == SIGHUP ? SIG_IGN : SIG_DFL;
    ::sigaction(next, &action, nullptr);
  }
}

}  // namespace

Signals::Signals() {
  if (nested++ > 0) return;
  struct sigaction action {};
  action.sa_handler = ask;
  action.sa_flags = SA_RESTART;
  for (std::size_t i = 0; i < std::size(watched); ++i) {
    ::sigaction(watched[i], nullptr, &before[i]);
    if (before[i].sa_handler != SIG_IGN) ::sigaction(watched[i], &action, nullptr);
  }
}

Signals::~Signals() {
  if (--nested > 0) return;
  for (std::size_t i = 0; i < std::size(watched); ++i) ::sigaction(watched[i], &before[i], nullptr);
}

const std::atomic<bool>& Signals::stop() { return stop_asked; }

void Signals::check() {
  if (stop_asked) throw Interrupted();
}

int Signals::status() { return asked_by == 0 ? int{Exit::interrupted} : 128 + asked_by; }

gradus::train::Loss stoppable(gradus::train::Loss loss) {
  return [loss = std::move(loss)](const gradus::Tensor& output, const gradus::Tensor& target) {
    Signals::check();
    return loss(output, target);
  };
}
