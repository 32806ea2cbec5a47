#include <algorithm>
#include <cmath>
#include <cstdio>
#include <gradus/runtime.hpp>
#include <gradus/train.hpp>
#include <gradus/train/lr_finder.hpp>

#include "command_line.hpp"
#include "commands.hpp"
#include "effects.hpp"
#include "signals.hpp"

using namespace gradus;

namespace {

/// The curve in ten lines: every so many rates, with a bar as long as the loss is high.
void print_curve(const train::LrCurve& curve) {
  const std::size_t n = curve.lr.size(), every = std::max<std::size_t>(1, n / 20);
  double highest = 0;
  for (std::size_t i = 0; i < n; i += every) highest = std::max(highest, curve.smoothed[i]);
  for (std::size_t i = 0; i < n; i += every) {
    const double share = highest > 0 ? curve.smoothed[i] / highest : 0;
    std::printf(
        "%9.2e  %10.4f  %s\n", curve.lr[i], curve.smoothed[i],
        std::string(static_cast<std::size_t>(40 * std::clamp(share, 0.0, 1.0)), '#').c_str());
  }
}

void require_sweep(const train::LrFinderOptions& options) {
  if (!(options.low > 0 && options.low < options.high && std::isfinite(options.high)))
    throw UsageError("--low " + text_of(options.low) + " --high " + text_of(options.high) +
                     " were given; finite rates above 0, the second one higher, are required");
  if (options.steps < 10)
    throw UsageError("--steps " + text_of(options.steps) + " was given; 10 or more are required");
}

}  // namespace

int command_find_lr(int argc, char** argv) {
  CommandLine line("Sweeps over learning rates and suggests one.", "train find-lr");
  train::LrFinderOptions options;
  std::string out;
  line.add_file("--out", out, "file for a page with the curve");
  line.add_number("--low", options.low, "the first rate");
  line.add_number("--high", options.high, "the last rate");
  line.add_number("--steps", options.steps, "of the sweep");
  const SettingFlags flags(line, {"data", "model", "optimization"},
                           {"seed", "threads", "precision", "quiet"});
  if (!parse(line, argc, argv)) return Exit::fine;
  require_sweep(options);
  const train::Config given = flags.read();
  if (given.threads > 0) set_num_threads(static_cast<int>(given.threads));
  require_elsewhere(out, "", given.data);
  const train::Source source = train::load_source(train::source_options(given));
  require_source_effects(flags, given, source);
  const train::Prepared data = train::prepare(given, source);
  require_training_effects(flags, data);
  note_unused(flags, "find-lr", "lr");
  const Signals signals;
  options.stop = &Signals::stop();
  const train::LrCurve curve = train::sweep_rates(data, options);
  if (!given.quiet) print_curve(curve);
  if (Signals::stop()) {
    std::fflush(stdout);
    std::fprintf(stderr, "train: %s\n", curve.reason.c_str());
    return Signals::status();
  }
  if (curve.steepest) std::printf("steepest descent at %.2e\n", *curve.steepest);
  if (curve.valley) std::printf("valley at %.2e\n", *curve.valley);
  if (const auto suggestion = curve.suggestion())
    std::printf("try --lr %s\n", train::rate_text(*suggestion).c_str());
  else
    std::printf("no suggestion: %s\n", printable(curve.reason).c_str());
  if (out.empty()) return Exit::fine;
  train::ReportData page{.title = "Learning rates for " + data.config.data};
  page.facts = {{"data", data.config.data}, {"optimizer", data.config.optimizer}};
  if (const auto suggestion = curve.suggestion())
    page.facts.emplace_back("suggestion", train::rate_text(*suggestion));
  page.lr_curve = train::rate_sweep(curve);
  page.config = train::texts_of(data.config);
  train::write_report(out, page);
  Signals::check();
  std::printf("wrote %s\n", printable(out).c_str());
  return Exit::fine;
}
