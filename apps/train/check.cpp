#include <cstdio>
#include <gradus/ops.hpp>
#include <gradus/runtime.hpp>
#include <gradus/train.hpp>

#include "command_line.hpp"
#include "commands.hpp"
#include "effects.hpp"
#include "session.hpp"
#include "signals.hpp"

using namespace gradus;

namespace {

bool print_gradients(nn::Module& model, const train::Objective& objective, const Tensor& x,
                     const Tensor& y) {
  const auto checks = train::check_gradients(model, objective.function, x, y);
  constexpr double allowed = 1e-4;
  bool good = true;
  for (const train::ParameterCheck& check : checks) {
    if (check.error <= allowed) continue;
    good = false;
    std::printf("  the gradient of %s differs from finite differences by %.1e of its norm\n",
                printable(check.name).c_str(), check.error);
  }
  std::printf("gradients: %s (%zu parameters in float64, largest relative difference %.1e)\n",
              good ? "right" : "wrong", checks.size(), checks.empty() ? 0.0 : checks[0].error);
  return good;
}

bool print_batch(train::Trainee& trainee, const train::Config& config, const Tensor& x,
                 const Tensor& y) {
  const train::BatchCheck check =
      train::overfit_batch(*trainee.model, trainee.objective.function, *trainee.optimizer, x, y);
  std::printf("one batch by heart: %s (loss %.4g to %.4g in %lld steps of %s)\n",
              check.learned ? "learned" : "not learned", check.first, check.last,
              static_cast<long long>(check.steps), config.optimizer.c_str());
  if (!check.learned)
    std::printf(
        "  a model that cannot learn one batch will not learn the data: try another "
        "learning rate (train find-lr), wider layers, another activation\n");
  return check.learned;
}

}  // namespace

int command_check(int argc, char** argv) {
  CommandLine line(
      "Checks a model before its training: its gradients against finite differences, whether it "
      "can learn one batch by heart.",
      "train check");
  const SettingFlags flags(line, {"data", "model", "optimization"},
                           {"seed", "threads", "precision"});
  if (!parse(line, argc, argv)) return Exit::fine;
  const train::Config config = flags.read();
  if (config.threads > 0) set_num_threads(static_cast<int>(config.threads));
  const train::Source source = train::load_source(train::source_options(config));
  require_source_effects(flags, config, source);
  train::Prepared data = train::prepare(config, source);
  require_training_effects(flags, data);
  note_unused(flags, "check", "label-smoothing");
  print_report(data, source);
  data.config.label_smoothing = 0;  // its loss cannot come near 0
  train::Trainee trainee(data);
  const Signals signals;
  trainee.objective.function = stoppable(trainee.objective.function);
  const Index batch = std::min<Index>(data.train.size(), *data.config.batch_size);
  const Tensor x = slice(data.train.x(), 0, 0, batch), y = slice(data.train.y(), 0, 0, batch);
  const bool gradients = print_gradients(*trainee.model, trainee.objective, x, y);
  const bool learns = print_batch(trainee, data.config, x, y);
  const std::vector<train::Finding> findings = trainee.lint(data.config);
  for (const train::Finding& finding : findings)
    std::printf("%s\n", printable(in_flags(finding.text)).c_str());
  std::printf("linter: %zu findings\n", findings.size());
  return gradients && learns ? Exit::fine : Exit::failed;
}
