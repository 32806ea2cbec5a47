#include "train/report/run_report.hpp"

#include "base/messages.hpp"
#include "gradus/nn/summary.hpp"
#include "gradus/ops.hpp"
#include "gradus/train/monitor.hpp"

namespace gradus::train {

Texts texts_of(const Config& config) {
  Texts texts;
  for (const Setting& setting : settings(config))
    texts.emplace_back(setting.name, !setting.value.empty() ? setting.value
                                     : setting.is_switch    ? "no"
                                                            : "none");
  return texts;
}

namespace detail {

Recorder make_recorder(const Prepared& data, const Objective& objective) {
  const Pipeline& pipeline = data.pipeline;
  RecorderOptions options;
  options.unscale_inputs = [&pipeline](const Tensor& x) { return pipeline.unscale_inputs(x); };
  options.unscale_targets = [&pipeline](const Tensor& y) { return pipeline.unscale(y); };
  options.predict = [&pipeline, objective](const Tensor& output) {
    return pipeline.unscale(objective.predict(output));
  };
  return Recorder(options);
}

void write_run_report(const std::string& path, const Prepared& data, const Outcome& outcome,
                      const Recorder& recorder, const Monitor* monitor, nn::Module& model) {
  ReportData report;
  report.title = "Training on " + data.config.data;
  report.facts = {{"data", data.config.data},
                  {"task", name_of(data.pipeline.task())},
                  {"training samples", text_of(data.train.size())},
                  {"validation samples", text_of(data.validation.size())},
                  {"test samples", text_of(data.test.size())}};
  if (!outcome.part.empty())
    report.facts.emplace_back("result", describe(outcome.metrics, outcome.part));
  report.history = outcome.history;
  report.findings = outcome.findings;
  report.best_epoch = outcome.best_epoch;
  report.recorder = &recorder;
  report.monitor = monitor;
  report.lr_curve = outcome.sweep;
  report.config = texts_of(data.config);
  report.model_table = nn::summary(model, {1, data.train.x().size(1)}, data.pipeline.dtype());
  report.class_names = data.pipeline.class_names();
  report.input_names = data.pipeline.features();
  if (!data.pipeline.target_names().empty())
    report.target_name = data.pipeline.target_names().front();
  write_report(path, report);
}

std::map<std::string, Tensor> tensors_of(const RateSweep& sweep) {
  if (sweep.lr.empty()) return {};
  std::map<std::string, Tensor> tensors = {{"sweep.lr", from_vector(sweep.lr)},
                                           {"sweep.loss", from_vector(sweep.loss)},
                                           {"sweep.smoothed", from_vector(sweep.smoothed)}};
  for (const auto& [name, lr] : sweep.suggestions)
    tensors["sweep.suggestion." + name] = from_vector<double>({lr}, {});
  return tensors;
}

RateSweep sweep_of(const Checkpoint& checkpoint) {
  RateSweep sweep;
  const auto column = [&](const char* name) {
    const auto found = checkpoint.tensors.find(name);
    return found == checkpoint.tensors.end() ? std::vector<double>()
                                             : found->second.to_vector<double>();
  };
  sweep.lr = column("sweep.lr");
  sweep.loss = column("sweep.loss");
  sweep.smoothed = column("sweep.smoothed");
  if (sweep.loss.size() != sweep.lr.size() ||
      (!sweep.smoothed.empty() && sweep.smoothed.size() != sweep.lr.size()))
    fail("resume", "the checkpoint's tensors sweep.lr, sweep.loss and sweep.smoothed have ",
         sweep.lr.size(), ", ", sweep.loss.size(), " and ", sweep.smoothed.size(),
         " numbers; equal lengths are required; is the file damaged?");
  for (const char* name : {"steepest", "valley"})
    for (const double lr : column(("sweep.suggestion." + std::string(name)).c_str()))
      sweep.suggestions.emplace_back(name, lr);
  if (const auto note = checkpoint.texts.find("sweep"); note != checkpoint.texts.end())
    sweep.note = note->second;
  return sweep;
}

}  // namespace detail
}  // namespace gradus::train
