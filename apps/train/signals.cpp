#include "signals.hpp"

#include <unistd.h>

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

volatile std::sig_atomic_t output_closed = 0;
extern "C" void note_reader(int) { output_closed = 1; }

extern "C" void leave(int signal) {
  constexpr char text[] = "train: interrupted\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text, sizeof text - 1);
  ::_exit(128 + signal);
}

/// What was ignored (nohup) stays ignored.
void handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  struct sigaction now {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  ::sigaction(signal, nullptr, &now);
  if (now.sa_handler != SIG_IGN) ::sigaction(signal, &action, nullptr);
}

}  // namespace

void end_at_signals() {
  for (const int signal : watched) handle(signal, leave);
}

void outlive_reader() {
  struct sigaction action {};
  action.sa_handler = note_reader;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGPIPE, &action, nullptr);
}

bool reader_has_left() { return output_closed != 0; }

Signals::Signals() {
  if (nested++ > 0) return;
  for (std::size_t i = 0; i < std::size(watched); ++i) {
    ::sigaction(watched[i], nullptr, &before[i]);
    handle(watched[i], ask);
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
