#include "gradus/train/progress.hpp"

#include <unistd.h>

#include <algorithm>

namespace gradus::train {

ProgressPrinter::ProgressPrinter(std::FILE* stream)
    : ProgressPrinter(stream, isatty(fileno(stream)) != 0) {}

void ProgressPrinter::header() {
  std::fprintf(stream_, "%9s  %10s  %10s  %8s  %9s  %9s  %6s\n", "epoch", "train loss", "val loss",
               "val acc", "lr", "grad norm", "time");
}

void ProgressPrinter::step(const Progress& p) {
  if (!terminal_) return;
  const int percent = static_cast<int>(100 * p.step / std::max<Index>(p.steps, 1));
  if (percent == last_percent_) return;
  last_percent_ = percent;
  constexpr int width = 30;
  const int filled = width * percent / 100;
  std::fprintf(stream_, "\r%4lld/%-4lld  [%.*s%*s] %3d %%  loss %.4f\x1b[K",
               static_cast<long long>(p.epoch), static_cast<long long>(p.epochs), filled,
               "##############################", width - filled, "", percent, p.loss);
  std::fflush(stream_);
}

void ProgressPrinter::epoch(const Epoch& e, Index epochs) {
  last_percent_ = -1;
  std::fprintf(stream_, "%s%4lld/%-4lld  %10.4f  %10.4f  %7.2f%%  %9.2e  %9.3f  %5.2fs%s\n",
               terminal_ ? "\r" : "", static_cast<long long>(e.epoch),
               static_cast<long long>(epochs), e.train_loss, e.validation_loss,
               100 * e.validation_accuracy, e.lr, e.grad_norm, e.seconds,
               terminal_ ? "\x1b[K" : "");
  std::fflush(stream_);
}

}  // namespace gradus::train
