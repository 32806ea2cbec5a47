#include <cstdio>
#include <filesystem>
#include <gradus/threads.hpp>
#include <gradus/train.hpp>

#include "command_line.hpp"
#include "commands.hpp"
#include "elsewhere.hpp"
#include "session.hpp"
#include "signals.hpp"

using namespace gradus;

namespace {

/// A run as its checkpoint left it.
struct Stopped {
  train::Checkpoint checkpoint;
  train::Prepared data;
};

Stopped load_run(const std::string& run) {
  Stopped stopped;
  const std::string file = run + "/checkpoint.safetensors";
  std::error_code ignored;
  if (std::filesystem::is_directory(run, ignored) && !std::filesystem::exists(file, ignored))
    fail("resume", run +
                       ": holds no checkpoint.safetensors; a run that ended before its first "
                       "checkpoint has none; begin it again with --overwrite");
  stopped.checkpoint = train::load_checkpoint(file);
  const train::Config config = train::saved_config(stopped.checkpoint.texts["config"], file);
  stopped.data = train::prepare(config, train::load_source(train::source_options(config)));
  if (stopped.data.pipeline.json() != stopped.checkpoint.texts["pipeline"])
    fail("resume", config.data +
                       ": the data are not those that the run began with; the same file is "
                       "required; begin a new run");
  return stopped;
}

/// A run that goes on meanwhile has the folder, and has said already what it writes.
void claim_report(const std::string& run) {
  try {
    train::RunFolder::open(run).claim({"report.html"});
  } catch (const train::RunBusyError&) {
  }
}

}  // namespace

int command_resume(int argc, char** argv) {
  CommandLine line("Goes on with a run that was interrupted, bit for bit.", "train resume");
  std::string run;
  bool quiet = false;
  line.add_required("RUN,--run", run, "the folder of the run");
  line.add_switch("--quiet", quiet, "print the results alone");
  if (!parse(line, argc, argv)) return Exit::fine;
  outlive_reader();
  train::RunFolder folder = train::RunFolder::open(run);
  const Stopped stopped = load_run(folder.path());
  if (stopped.data.config.threads > 0)
    set_num_threads(static_cast<int>(stopped.data.config.threads));
  const Signals signals;
  const Outcome outcome =
      train_model(stopped.data, {.folder = &folder, .resume = &stopped.checkpoint, .quiet = quiet});
  if (outcome.status == Exit::fine) folder.commit();
  print_outcome(outcome, folder);
  if (outcome.status >= 128)
    std::fprintf(stderr, "train: go on with: train resume %s\n", printable(folder.path()).c_str());
  return outcome.status;
}

int command_report(int argc, char** argv) {
  CommandLine line("Writes the report of a run again.", "train report");
  std::string run, out;
  line.add_required("RUN,--run", run, "the folder of the run");
  line.add_file("--out", out, "file for the page; default: report.html in the folder");
  if (!parse(line, argc, argv)) return Exit::fine;
  train::RunFolder::recover(run);
  const Stopped stopped = load_run(run);
  require_elsewhere(out, run, stopped.data.config.data);
  if (stopped.checkpoint.place.epoch < 2)
    fail("report", run +
                       ": no epoch of the run is complete, so that there is nothing to show; go on "
                       "with it first: train resume " +
                       run);
  const Signals signals;
  const std::string path = out.empty() ? run + "/report.html" : out;
  if (out.empty()) claim_report(run);
  const Outcome outcome =
      train_model(stopped.data, {.resume = &stopped.checkpoint,
                                 .report = path,
                                 .found = train::read_findings(run + "/history.jsonl"),
                                 .quiet = true});
  if (outcome.status >= 128) return outcome.status;
  Signals::check();
  std::printf("wrote %s\n", printable(path).c_str());
  return Exit::fine;
}
