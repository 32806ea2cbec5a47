#include <array>
#include <charconv>
#include <functional>

#include "base/memory_error.hpp"
#include "base/messages.hpp"
#include "gradus/random.hpp"
#include "train/loop/run.hpp"
#include "train/recipe/settings.hpp"

// How a run becomes a checkpoint, and a checkpoint a run.
namespace gradus::train::detail {

/// Something with a state: its name in the file, and how the state comes and goes.
struct Part {
  std::string name;
  std::function<optim::StateDict()> save;
  std::function<void(const optim::StateDict&)> load;
};

namespace {

template <class T>
Part part(const std::string& name, T& object) {
  return {name, [&object] { return object.state_dict(); },
          [&object](const optim::StateDict& state) { object.load_state_dict(state); }};
}

constexpr std::array choices_of_better{"automatic", "lower", "higher"};
constexpr std::array choices_of_non_finite{"ignore", "raise", "skip", "stop"};

std::string yes_or_no(bool value) { return value ? "yes" : "no"; }

/// "1e-04" is "0.0001".
bool same_setting(const std::string& a, const std::string& b) {
  double x = 0, y = 0;
  const auto is_number = [](const std::string& text, double& value) {
    const char* const end = text.data() + text.size();
    return std::from_chars(text.data(), end, value).ptr == end;
  };
  return a == b || (is_number(a, x) && is_number(b, y) && x == y);
}

std::vector<double> rates(const optim::Optimizer& optimizer) {
  std::vector<double> all;
  for (std::size_t group = 0; group < optimizer.num_groups(); ++group)
    all.push_back(optimizer.lr(group));
  return all;
}

/// A scheduler sets the rates by its time alone; what else changed them is kept.
Part scheduler_part(optim::Scheduler& scheduler, optim::Optimizer& optimizer) {
  Part p = part("scheduler", scheduler);
  p.load = [&](const optim::StateDict& state) {
    const std::vector<double> before = rates(optimizer);
    scheduler.load_state_dict(state);
    for (std::size_t group = 0; group < before.size(); ++group)
      optimizer.set_lr(group, before[group]);
  };
  return p;
}

}  // namespace

/// In the order of loading.
std::vector<Part> Run::parts_of_state() {
  std::vector<Part> parts;
  parts.push_back(part("optimizer", run_.optimizer));
  if (scheduler_) parts.push_back(scheduler_part(*scheduler_, run_.optimizer));
  if (options_.plateau) parts.push_back(part("plateau", *options_.plateau));
  if (ema_) parts.push_back(part("ema", *ema_));
  if (percentile_) parts.push_back(part("clip", *percentile_));
  parts.push_back(part("best", judge_));
  for (Callback* callback : options_.callbacks)
    if (!callback->name().empty()) {
      parts.push_back(part("callback." + callback->name(), *callback));
      for (std::size_t i = 0; i + 1 < parts.size(); ++i)
        if (parts[i].name == parts.back().name)
          fail("fit", "two callbacks are called \"", callback->name(),
               "\"; names that differ are required, for their states are saved by name");
    }
  return parts;
}

/// What decides the numbers besides what has a state; all of it but the number of epochs.
std::map<std::string, std::string> Run::settings() const {
  const FitOptions& o = options_;
  const data::LoaderOptions& l = run_.loader.options();
  std::map<std::string, std::string> all = {
      {"batch_size", text_of(l.batch_size)},
      {"sampler", l.sampler},
      {"drop_last", yes_or_no(l.drop_last)},
      {"merge_last_of_one", yes_or_no(l.merge_last_of_one)},
      {"num_samples", text_of(l.num_samples)},
      {"validation samples", text_of(run_.validation.size())},
      {"monitor", judge_.monitor()},
      {"better", choices_of_better.at(static_cast<std::size_t>(o.better))},
      {"non_finite", choices_of_non_finite.at(static_cast<std::size_t>(o.non_finite))}};
  Config config;
  config.fit = o;
  for_options(config, "fit", [&](const Field& field, const std::string& name) {
    if (name != "accumulate")
      all[name] = text_of_target(field.target);  // which is part of the place
  });
  if (scheduler_)
    all["scheduler"] = std::string(scheduler_->schedule().name()) +
                       (scheduler_->unit() == optim::Unit::step ? ", steps" : ", epochs");
  for (const nn::NamedModule& entry : run_.model.named_modules())
    if (entry.module->children().empty()) all["module " + entry.name] = entry.module->describe();
  return all;
}

Checkpoint Run::checkpoint_now() {
  Checkpoint c;
  c.weights = run_.model.state_dict();
  c.best = best_;
  c.optimizer = run_.optimizer.name();
  for (const Part& p : parts_of_state()) c.states[p.name] = p.save();
  c.seed = default_generator().seed();
  c.offset = default_generator().offset();
  c.loader = run_.loader.state();
  Place& at = c.place;
  if (within_epoch_) {
    at = sums_;
    at.step = run_.step;
    at.seconds = seconds();
  }
  at.epoch = within_epoch_ ? run_.epoch : run_.epoch + 1;
  at.global_step = run_.global_step;
  at.skipped_steps = result_.skipped_steps;
  at.accumulate = options_.accumulate;
  c.settings = settings();
  c.findings = run_.findings;
  c.texts = options_.checkpoint.texts;
  c.tensors = options_.checkpoint.tensors;
  return c;
}

Lists Run::lists() const {
  Lists all;
  for (const Callback* callback : options_.callbacks)
    if (!callback->name().empty())
      if (auto own = callback->lists(); !own.empty())
        all["callback." + callback->name()] = std::move(own);
  return all;
}

/// What cannot be right, whatever the parts say.
std::string Run::find_misfits(const Checkpoint& c) {
  std::string faults;
  const auto note = [&](const std::string& fault) { faults += "; " + fault; };
  const auto try_weights = [&](const std::string& what, const nn::StateDict& weights) {
    if (const std::string misfits = compare_weights(weights, run_.model); !misfits.empty())
      return note(what + ": " + misfits);
    const std::string failure =
        gradus::detail::failure_of([&] {  // values may contradict each other
          const nn::StateDict before = run_.model.state_dict();
          run_.model.load_state_dict(weights);
          run_.model.load_state_dict(before);
        });
    if (!failure.empty()) note(what + ": " + failure);
  };
  try_weights("weights", c.weights);
  if (!c.best.empty()) try_weights("best weights", c.best);
  if (c.place.step > run_.steps)
    note("step " + text_of(c.place.step) + " of an epoch of " + text_of(run_.steps) + " steps");
  if ((c.place.step == 0) != (c.loader.position == 0))
    note("step " + text_of(c.place.step) + " of an epoch, and position " +
         text_of(c.loader.position) + " in its data");
  if (const auto judged = c.states.find("best"); judged != c.states.end()) {
    const auto best = judged->second.find("best_epoch");  // its own reader checks the rest
    if (best != judged->second.end() && best->second.numel() == 1 &&
        !(best->second.item() < static_cast<double>(c.place.epoch)))
      note("the best epoch is " + text_of(best->second.item()) + "; the run is in epoch " +
           text_of(c.place.epoch));
  }
  if (c.optimizer != run_.optimizer.name())
    note("the optimizer is " + std::string(run_.optimizer.name()) + "; " + c.optimizer +
         " was saved");
  if (c.place.accumulate != options_.accumulate)
    note("accumulate = " + text_of(options_.accumulate) + "; " + text_of(c.place.accumulate) +
         " was saved");
  const auto own = settings();
  for (const auto& [name, saved] : c.settings)
    if (const auto found = own.find(name);
        found != own.end() && !same_setting(found->second, saved))
      note(name + " = " + found->second + "; " + saved + " was saved");
  const std::vector<Part> parts = parts_of_state();
  for (const Part& p : parts)
    if (!c.states.contains(p.name) && !p.name.starts_with("callback."))
      note("no state of " + p.name + " was saved, and the run has one");
  for (const auto& [name, state] : c.states) {
    bool known = name.starts_with("callback.");  // one may be left out of a run that goes on
    for (const Part& p : parts) known = known || p.name == name;
    if (!known) note("a state of " + name + " was saved, and the run has none");
  }
  return faults;
}

void Run::restore(const Checkpoint& c) {
  std::string faults = find_misfits(c);
  std::vector<std::function<void()>> undo;
  const auto put_back = [&] {
    for (auto back = undo.rbegin(); back != undo.rend(); ++back) try {
        (*back)();
      } catch (const std::exception&) {  // what does not fit is the failure to be told
      }
  };
  const auto attempt = [&](const auto& load, std::function<void()> back) {
    try {
      load();
      undo.push_back(std::move(back));
    } catch (const std::bad_alloc&) {  // which says nothing about the checkpoint
      put_back();
      throw;
    } catch (const gradus::detail::MemoryError&) {  // as little
      put_back();
      throw;
    } catch (const std::exception& error) {
      faults += std::string("; ") + error.what();
    }
  };
  for (const Part& p : parts_of_state()) {
    const auto saved = c.states.find(p.name);
    if (saved == c.states.end()) continue;
    const optim::StateDict before = p.save();
    attempt([&] { p.load(saved->second); }, [p, before] { p.load(before); });
  }
  const data::LoaderState place = run_.loader.state();
  attempt([&] { run_.loader.load_state(c.loader); }, [&, place] { run_.loader.load_state(place); });
  if (!faults.empty()) {
    put_back();
    fail("resume",
         "the checkpoint does not fit this run; the model, data and options it was saved with are "
         "required",
         faults);
  }
  adopt(c);
}

void Run::adopt(const Checkpoint& c) {
  if (history_file_) history_file_->resume(c, lists());
  run_.model.load_state_dict(c.weights);
  best_ = c.best;
  run_.history = c.history;
  for (const Finding& saved : c.findings)
    if (std::none_of(run_.findings.begin(), run_.findings.end(), [&](const Finding& known) {
          return known.kind == saved.kind && known.where == saved.where;
        }))
      run_.findings.push_back(saved);
  const Place& at = c.place;
  run_.resumed = true;
  run_.epoch = at.epoch - 1;  // the loop begins with the next
  run_.step = at.step;
  run_.global_step = at.global_step;
  result_.skipped_steps = at.skipped_steps;
  within_epoch_ = at.step > 0;
  sums_ = at;
  if (at.samples > 0) run_.mean_loss = at.loss / static_cast<double>(at.samples);
}

}  // namespace gradus::train::detail
