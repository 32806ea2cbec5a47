#include "gradus/train/monitor.hpp"

#include <algorithm>
#include <optional>

#include "base/messages.hpp"
#include "gradus/ops.hpp"
#include "gradus/random.hpp"
#include "gradus/train/check.hpp"
#include "train/save/monitor_state.hpp"
#include "train/watch/diagnosis.hpp"
#include "train/watch/limits.hpp"

namespace gradus::train {

struct Monitor::Impl {
  MonitorOptions options;
  detail::Diagnosis judge;
  detail::Watch watch = {};
  std::vector<LayerEpoch> epochs = {};
  detail::EpochLists epoch_lists = {};  // the same
  std::uint64_t seed = 0, offset = 0;   // of the random numbers before the step
  Index steps = 0;
  bool judged = false;                             // some window came to its end
  std::optional<detail::MonitorState> saved = {};  // of the run that goes on

  void judge_window(Context& run) {
    judge.window(run, watch.layers());
    watch.clear_window();
    judged = true;
  }
  /// Goes on where the run stood that has saved this.
  void resume(const Context& run, detail::MonitorState& state) {
    judge.resume(run, state);
    watch.resume(state);
    epochs = std::move(state.epochs);
    for (const LayerEpoch& epoch : epochs) epoch_lists.add(epoch);
    watch.name_layers(epochs);
    steps = state.steps[0];
    judged = state.steps[1] != 0;
  }
};

Monitor::Monitor(const MonitorOptions& options)
    : impl_(new Impl{options, detail::Diagnosis(options.on_finding)}) {
  gradus::detail::require(options.every >= 1, "Monitor", "every", options.every,
                          "a number of steps of 1 or more");
}
Monitor::~Monitor() = default;

const std::vector<LayerEpoch>& Monitor::layers() const { return impl_->epochs; }
const std::vector<double>& Monitor::grad_norms() const { return impl_->judge.norms(); }
double Monitor::constant_loss() const { return impl_->judge.constant_loss(); }

LogHistogram Monitor::grad_norm_histogram(int bins) const {
  if (bins < 1) fail("Monitor", bins, " bins were given; 1 or more are required");
  LogHistogram out;
  double low = INFINITY, high = 0;
  for (const double norm : grad_norms()) {
    if (!std::isfinite(norm)) continue;
    if (norm == 0) ++out.zeros;
    if (norm > 0) low = std::min(low, norm), high = std::max(high, norm);
  }
  if (high == 0) return out;
  const double from = std::log(low), width = std::max(1e-9, std::log(high) - from);
  out.counts.resize(static_cast<std::size_t>(bins));
  for (int i = 0; i <= bins; ++i) out.edges.push_back(std::exp(from + width * i / bins));
  for (const double norm : grad_norms())
    if (norm > 0 && std::isfinite(norm)) {
      const auto bin = static_cast<int>((std::log(norm) - from) / width * bins);
      ++out.counts[static_cast<std::size_t>(std::clamp(bin, 0, bins - 1))];
    }
  return out;
}

double Monitor::suggested_clip(double percentile) const {
  gradus::detail::require(percentile >= 0 && percentile <= 100, "Monitor", "percentile", percentile,
                          "0 to 100");
  return impl_->judge.suggested_clip(percentile);
}

std::string Monitor::name() const { return "monitor"; }

optim::StateDict Monitor::state_dict() const {
  const Impl& m = *impl_;
  optim::StateDict state;
  m.judge.save(state);
  m.watch.save(state);
  state["steps"] = from_vector<double>({static_cast<double>(m.steps), m.judged ? 1.0 : 0.0});
  return state;
}

std::map<std::string, const std::vector<double>*> Monitor::lists() const {
  const Impl& m = *impl_;
  return {{"norms", &m.judge.norms()},
          {"epochs", &m.epoch_lists.places},
          {"epochs.layers", &m.epoch_lists.stats}};
}

void Monitor::load_state_dict(const optim::StateDict& entries) {
  detail::MonitorState state = detail::read_monitor(entries);
  // That of a monitor that saw no run says nothing, not even which modules there are.
  const bool unused =
      state.layers.empty() && state.epochs.empty() && state.norms.empty() && state.steps[0] == 0;
  impl_->saved.reset();
  if (!unused) impl_->saved = std::move(state);  // until the model is known
}

void Monitor::on_fit_begin(Context& run) {
  Impl& m = *impl_;
  auto saved = std::exchange(m.saved, std::nullopt);
  m.judge.start();
  if (m.options.lint && !saved)
    for (const Finding& finding :
         lint(run.model, {.optimizer = &run.optimizer, .loader = &run.loader, .trained = true}))
      m.judge.report(run, finding);
  m.watch.attach(run.model);
  m.epochs.clear();
  m.epoch_lists = {};
  m.steps = 0;
  m.judged = false;
  if (saved) m.resume(run, *saved);
}

void Monitor::on_step_begin(Context& run) {
  Impl& m = *impl_;
  const Generator& generator = default_generator();
  m.seed = generator.seed();
  m.offset = generator.offset();
  ++m.steps;
  if (m.steps <= limits::first_steps || m.steps % m.options.every == 0)
    m.watch.begin(run.input.defined() && run.input.dim() > 0 ? run.input.size(0) : 1);
}

void Monitor::on_backward_end(Context& run) {
  Impl& m = *impl_;
  m.judge.step(run);
  if (m.watch.looking()) m.watch.gradients();
  if (std::isfinite(run.loss) && std::isfinite(run.grad_norm)) return;
  m.judge_window(run);  // the cause may be known already
  m.judge.report(run, detail::blame_non_finite(run, m.seed, m.offset));
}

void Monitor::on_step_end(Context& run) {
  Impl& m = *impl_;
  if (!m.watch.looking()) return;
  m.watch.updates();
  if (m.watch.window_steps() >= limits::window_steps &&
      m.watch.window_samples() >= std::min(limits::window_samples, run.loader.dataset().size()))
    m.judge_window(run);
}

void Monitor::on_epoch_end(Context& run, Epoch& epoch) {
  Impl& m = *impl_;
  // Here and not at the run's end, so that a checkpoint has it.
  const bool last = run.epoch == run.epochs || !run.stop.empty();
  if (last && !m.judged && m.watch.window_steps() > 0) m.judge_window(run);
  m.epochs.push_back(m.watch.take_epoch(epoch.epoch));
  m.epoch_lists.add(m.epochs.back());
  m.judge.epoch(run, epoch);
}

void Monitor::on_fit_end(Context&) { impl_->watch.detach(); }

}  // namespace gradus::train
