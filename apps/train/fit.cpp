#include <cstdio>
#include <gradus/train.hpp>

#include "command_line.hpp"
#include "commands.hpp"
#include "effects.hpp"
#include "session.hpp"

using namespace gradus;

int command_fit(int argc, char** argv) {
  CommandLine line("Trains a multi-layer perceptron.", "train fit");
  const SettingFlags flags(line, {"data", "model", "optimization", "run"});
  if (!parse(line, argc, argv)) return Exit::fine;
  const train::Config config = flags.read();
  const bool single = config.folds == 0 && config.repeat == 1;
  Teller teller(config.quiet);
  train::RunHooks hooks = teller.hooks();
  hooks.on_source = [&](const train::Source& source) {
    require_source_effects(flags, config, source);
    if (single) outlive_reader();
  };
  hooks.on_data = [&, then = hooks.on_data](const train::Prepared& data,
                                            const train::Source& source) {
    require_training_effects(flags, data);
    if (single && !config.quiet) print_report(data, source);
    then(data, source);
  };
  if (!config.quiet)
    hooks.on_run = [&, number = 0](const train::Outcome& one) mutable {
      std::printf("%s %d: %s\n", config.folds > 0 ? "fold" : "run", ++number,
                  train::describe(one.metrics, one.part).c_str());
      std::fflush(stdout);
    };
  try {
    return teller.end(train::run(config, hooks));
  } catch (...) {
    teller.tell_how_to_go_on();
    throw;
  }
}
