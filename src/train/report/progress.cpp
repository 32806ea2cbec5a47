#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "gradus/train/logs.hpp"
#include "train/report/duration.hpp"

namespace gradus::train {
namespace detail {

std::string format_duration(double seconds) {
  if (!(seconds >= 0) || seconds > 1e9) return "";
  const auto whole = std::lround(seconds);
  char text[64];
  if (whole >= 3600)
    std::snprintf(text, sizeof text, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
  else
    std::snprintf(text, sizeof text, "%ld:%02ld", whole / 60, whole % 60);
  return text;
}

namespace {

/// A number, or "-" for what was not measured.
std::string cell(const char* format, double value, int width) {
  char text[64];
  if (std::isnan(value))
    std::snprintf(text, sizeof text, "%*s", width, "-");
  else
    std::snprintf(text, sizeof text, format, value);
  return text;
}

}  // namespace
}  // namespace detail

ProgressPrinter::ProgressPrinter(std::FILE* stream, Show show) : stream_(stream), show_(show) {
  if (show == Show::automatic) show_ = isatty(fileno(stream)) != 0 ? Show::bar : Show::lines;
}

void ProgressPrinter::on_fit_begin(Context& run) {
  started_ = Clock::now();
  first_step_ = run.global_step;
  header();
}

void ProgressPrinter::on_step_end(Context& run) {
  const auto done = static_cast<double>(run.global_step - first_step_);
  const auto to_come = static_cast<double>((run.epochs - run.epoch + 1) * run.steps - run.step);
  left_ = std::chrono::duration<double>(Clock::now() - started_).count() / done * to_come;
  step({run.epoch, run.epochs, run.step, run.steps, run.mean_loss});
}

void ProgressPrinter::on_epoch_end(Context& run, Epoch& record) { epoch(record, run.epochs); }

void ProgressPrinter::on_fit_end(Context&) {
  if (drawn_) std::fprintf(stream_, "\n");  // a run that ended within an epoch
  drawn_ = false;
  std::fflush(stream_);
}

void ProgressPrinter::header() {
  if (show_ == Show::nothing) return;
  std::fprintf(stream_, "%9s  %10s  %10s  %8s  %9s  %9s  %6s\n", "epoch", "train loss", "val loss",
               "val acc", "lr", "grad norm", "time");
}

void ProgressPrinter::step(const Progress& p) {
  if (show_ != Show::bar) return;
  const int percent = static_cast<int>(100 * p.step / std::max<Index>(p.steps, 1));
  if (percent == last_percent_) return;
  last_percent_ = percent;
  constexpr int width = 30;
  const int filled = width * percent / 100;
  const std::string left = detail::format_duration(left_);
  std::fprintf(stream_, "\r%4lld/%-4lld  [%.*s%*s] %3d %%  loss %.4f%s%s\x1b[K",
               static_cast<long long>(p.epoch), static_cast<long long>(p.epochs), filled,
               "##############################", width - filled, "", percent, p.loss,
               left.empty() ? "" : "  left ", left.c_str());
  std::fflush(stream_);
  drawn_ = true;
}

void ProgressPrinter::epoch(const Epoch& e, Index epochs) {
  last_percent_ = -1;
  if (show_ == Show::nothing) return;
  const bool bar = show_ == Show::bar;
  const std::string loss = detail::cell("%10.4f", e.validation_loss, 10);
  const std::string accuracy = detail::cell("%7.2f%%", 100 * e.validation_accuracy, 8);
  std::fprintf(stream_, "%s%4lld/%-4lld  %10.4f  %s  %s  %9.2e  %9.3f  %5.2fs%s\n", bar ? "\r" : "",
               static_cast<long long>(e.epoch), static_cast<long long>(epochs), e.train_loss,
               loss.c_str(), accuracy.c_str(), e.lr, e.grad_norm, e.seconds, bar ? "\x1b[K" : "");
  std::fflush(stream_);
  drawn_ = false;
}

}  // namespace gradus::train
