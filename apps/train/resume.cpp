#include <cstdio>
#include <gradus/threads.hpp>
#include <gradus/train.hpp>

#include "command_line.hpp"
#include "commands.hpp"
#include "session.hpp"

using namespace gradus;

namespace {

/// A run as its checkpoint left it.
struct Stopped {
  train::Checkpoint checkpoint;
  train::Prepared data;
};

Stopped load_run(const std::string& run) {
  Stopped stopped;
  stopped.checkpoint = train::load_checkpoint(run + "/checkpoint.safetensors");
  train::Config config;
  train::read_json(config, stopped.checkpoint.texts["config"], run + "/checkpoint.safetensors");
  stopped.data = train::prepare(config, train::load_source(train::source_options(config)));
  if (stopped.data.pipeline.json() != stopped.checkpoint.texts["pipeline"])
    fail("resume", config.data +
                       ": the data are not those that the run began with; the same file is "
                       "required; begin a new run");
  return stopped;
}

/// Whose weights the checkpoint kept as the best; 0 if it does not know.
Index best_epoch(const train::Checkpoint& checkpoint) {
  const auto state = checkpoint.states.find("best");
  if (state == checkpoint.states.end() || !state->second.contains("best_epoch")) return 0;
  return static_cast<Index>(state->second.at("best_epoch").item());
}

}  // namespace

int command_resume(int argc, char** argv) {
  CLI::App app("Goes on with a run that was interrupted, bit for bit.", "train resume");
  std::string run;
  bool quiet = false;
  app.add_option("RUN,--run", run, "the folder of the run")->required();
  app.add_flag("--quiet", quiet, "print the results alone");
  if (!parse(app, argc, argv)) return Exit::fine;
  while (run.size() > 1 && run.back() == '/') run.pop_back();
  const Stopped stopped = load_run(run);
  if (stopped.data.config.threads > 0)
    set_num_threads(static_cast<int>(stopped.data.config.threads));
  train::RunFolder folder = train::RunFolder::open(run);
  const Outcome outcome =
      train_model(stopped.data, {.folder = &folder, .resume = &stopped.checkpoint, .quiet = quiet});
  if (!outcome.part.empty()) std::printf("%s\n", describe(outcome.metrics, outcome.part).c_str());
  std::printf("saved %s\n", (folder / "model.safetensors").c_str());
  return outcome.status;
}

int command_report(int argc, char** argv) {
  CLI::App app("Writes the report of a run again.", "train report");
  std::string run, out;
  app.add_option("RUN,--run", run, "the folder of the run")->required();
  app.add_option("--out", out, "file for the page; default: report.html in the folder")
      ->type_name("FILE");
  if (!parse(app, argc, argv)) return Exit::fine;
  const Stopped stopped = load_run(run);
  const train::SavedModel saved = train::load_model(run);
  train::Recorder recorder = make_recorder(stopped.data, saved.objective);
  const auto state = stopped.checkpoint.states.find("callback.recorder");
  if (state != stopped.checkpoint.states.end()) recorder.load_state_dict(state->second);
  Outcome outcome;
  outcome.history = stopped.checkpoint.history;
  outcome.findings = stopped.checkpoint.findings;
  outcome.best_epoch = best_epoch(stopped.checkpoint);
  outcome.sweep = sweep_of(stopped.checkpoint);
  const data::TensorDataset& judged =
      stopped.data.test.empty() ? stopped.data.validation : stopped.data.test;
  if (!judged.empty()) {
    outcome.part = stopped.data.test.empty() ? "validation" : "test";
    outcome.metrics = measure(*saved.model, saved.objective, stopped.data.pipeline, judged);
  }
  for (const auto& [part, name] :
       {std::pair{&stopped.data.validation, "validation"}, {&stopped.data.test, "test"}})
    if (!part->empty()) recorder.judge(*saved.model, *part, name);
  const std::string path = out.empty() ? run + "/report.html" : out;
  write_report(path, stopped.data, outcome, recorder, nullptr, *saved.model);
  std::printf("wrote %s\n", path.c_str());
  return Exit::fine;
}
