#include <cstdio>
#include <gradus/train.hpp>

#include "command_line.hpp"
#include "commands.hpp"
#include "effects.hpp"
#include "session.hpp"

using namespace gradus;

int command_resume(int argc, char** argv) {
  CommandLine line("Goes on with a run that was interrupted, bit for bit.", "train resume");
  std::string run;
  bool quiet = false;
  line.add_required("RUN,--run", run, "the folder of the run");
  line.add_switch("--quiet", quiet, "print the results alone");
  if (!parse(line, argc, argv)) return Exit::fine;
  outlive_reader();
  Teller teller(quiet);
  return teller.end(train::resume(run, teller.hooks()));
}

int command_report(int argc, char** argv) {
  CommandLine line("Writes the report of a run again.", "train report");
  std::string run, out;
  line.add_required("RUN,--run", run, "the folder of the run");
  line.add_file("--out", out, "file for the page; default: report.html in the folder");
  if (!parse(line, argc, argv)) return Exit::fine;
  Teller teller(true);
  train::RunHooks hooks = teller.hooks();
  hooks.on_data = [&, then = hooks.on_data](const train::Prepared& data,
                                            const train::Source& source) {
    require_elsewhere(out, run, data.config.data);
    then(data, source);
  };
  const train::Outcome outcome = train::report(run, out, hooks);
  if (outcome.ended == train::Ended::interrupted) return teller.end(outcome);
  Signals::check();
  std::printf("wrote %s\n", printable(out.empty() ? run + "/report.html" : out).c_str());
  return Exit::fine;
}
