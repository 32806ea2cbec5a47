#include "gradus/train/report.hpp"

#include <algorithm>
#include <cmath>

#include "base/messages.hpp"
#include "gradus/io/file.hpp"
#include "gradus/train/lr_finder.hpp"
#include "gradus/train/monitor.hpp"
#include "train/report/page.hpp"
#include "train/report/web/embedded.hpp"
#include "train/save/json.hpp"

namespace gradus::train {

namespace {

using detail::Json;
using detail::short_number;
using detail::short_numbers;

constexpr std::size_t most_epochs = 4000;      // rows of the history that are shown
constexpr std::size_t most_layer_epochs = 20;  // tables of the layers
constexpr std::size_t most_layers = 64;        // rows in each

Json pairs(const Texts& texts) {
  Json out = Json::array();
  for (const auto& [name, text] : texts) out.push_back({name, text});
  return out;
}

/// One list of numbers for each quantity, so that names stand in the page once.
Json history_json(const std::vector<Epoch>& history) {
  const std::size_t every = (history.size() + most_epochs - 1) / most_epochs;
  std::vector<const Epoch*> rows;
  for (std::size_t i = 0; i < history.size(); ++i)
    if (i % every == 0 || i + 1 == history.size()) rows.push_back(&history[i]);
  const auto column = [&](auto value) {
    Json out = Json::array();
    for (const Epoch* row : rows) out.push_back(short_number(value(*row)));
    return out;
  };
  Json out = {{"epoch", column([](const Epoch& e) { return static_cast<double>(e.epoch); })},
              {"metrics", Json::array()}};
  for (const auto& [name, value] : detail::epoch_numbers)
    if (value != &Epoch::validation_accuracy)
      out[name] = column([member = value](const Epoch& e) { return e.*member; });
  const auto has_accuracy = [](const Epoch& e) { return !std::isnan(e.validation_accuracy); };
  std::vector<std::string> names;
  for (const Epoch& epoch : history)
    for (const auto& entry : epoch.metrics)
      if (std::find(names.begin(), names.end(), entry.first) == names.end())
        names.push_back(entry.first);
  const bool named = std::find(names.begin(), names.end(), "accuracy") != names.end();
  if (!named && std::any_of(history.begin(), history.end(), has_accuracy))
    out["metrics"].push_back({{"name", "accuracy"}, {"values", column([](const Epoch& e) {
                                                       return e.validation_accuracy;
                                                     })}});
  for (const std::string& name : names) {
    if (name == "loss") continue;
    out["metrics"].push_back({{"name", name}, {"values", column([&](const Epoch& e) {
                                                 return metric(e.metrics, name);
                                               })}});
  }
  return out;
}

/// Columns as they are named, each with its numbers row after row.
Json series_json(const Series& series) {
  Json out = {{"times", series.times}, {"columns", Json::array()}};
  for (std::size_t c = 0; c < series.columns.size(); ++c) {
    Json rows = Json::array();
    for (std::size_t i = 0; i < series.times.size(); ++i) {
      const double* row = series.at(i, c);
      if (series.width == 1)
        rows.push_back(short_number(*row));
      else
        rows.push_back(short_numbers({row, row + series.width}));
    }
    out["columns"].push_back({{"name", series.columns[c]}, {"values", std::move(rows)}});
  }
  return out;
}

Json surface_json(const Recorder& recorder) {
  const Series& surface = recorder.surface;
  const std::size_t inputs = recorder.surface_range.size() / 2;
  if (surface.empty() || surface.columns.size() != 1 || inputs < 1 || inputs > 2) return nullptr;
  const auto root =
      static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(surface.width))));
  const std::size_t side = inputs == 1 ? surface.width : root;
  if ((inputs == 2 ? side * side : side) != surface.width) return nullptr;
  return {{"inputs", inputs},
          {"side", side},
          {"classes", recorder.surface_classes},
          {"range", short_numbers(recorder.surface_range)},
          {"points", short_numbers(recorder.surface_points)},
          {"frames", series_json(surface)}};
}

Json judged_json(const Judgement& judged) {
  Json wrong = Json::array();
  for (const WrongExample& one : judged.wrong)
    wrong.push_back({{"sample", one.sample},
                     {"truth", short_number(one.truth)},
                     {"answer", short_number(one.answer)},
                     {"certainty", short_number(one.certainty)},
                     {"inputs", short_numbers(one.inputs)}});
  return {{"part", judged.part},
          {"samples", judged.samples},
          {"classes", judged.classes},
          {"confusion", judged.confusion},
          {"wrong", std::move(wrong)},
          {"truths", short_numbers(judged.truths)},
          {"answers", short_numbers(judged.answers)}};
}

/// The layers at some epochs, evenly chosen, with the last.
Json layers_json(const Monitor& monitor) {
  const std::vector<LayerEpoch>& epochs = monitor.layers();
  const std::size_t every = (epochs.size() + most_layer_epochs - 1) / most_layer_epochs;
  Json out = Json::array();
  for (std::size_t i = 0; i < epochs.size(); ++i) {
    if ((epochs.size() - 1 - i) % every != 0) continue;
    Json rows = Json::array();
    for (const LayerStats& layer : epochs[i].layers) {
      if (rows.size() == most_layers) break;
      rows.push_back({{"name", layer.name},
                      {"module", layer.module},
                      {"parameters", layer.parameters},
                      {"grad_norm", short_number(layer.grad_norm)},
                      {"weight_norm", short_number(layer.weight_norm)},
                      {"update_ratio", short_number(layer.update_ratio)},
                      {"mean", short_number(layer.activation_mean)},
                      {"std", short_number(layer.activation_std)},
                      {"dead", short_number(layer.dead)},
                      {"saturated", short_number(layer.saturated)}});
    }
    out.push_back({{"epoch", epochs[i].epoch},
                   {"left_out", epochs[i].layers.size() - rows.size()},
                   {"rows", std::move(rows)}});
  }
  return out;
}

Json grad_norms_json(const Monitor& monitor) {
  const LogHistogram histogram = monitor.grad_norm_histogram();
  if (histogram.counts.empty()) return nullptr;
  return {{"edges", short_numbers(histogram.edges)},
          {"counts", histogram.counts},
          {"zeros", histogram.zeros},
          {"steps", monitor.grad_norms().size()},
          {"clip", short_number(monitor.suggested_clip())}};
}

Json lr_curve_json(const RateSweep& curve) {
  if (curve.lr.empty() && curve.note.empty()) return nullptr;
  if (curve.lr.size() != curve.loss.size() ||
      (!curve.smoothed.empty() && curve.smoothed.size() != curve.lr.size()))
    fail("write_report", "a learning rate curve of ", curve.lr.size(), " rates, ",
         curve.loss.size(), " losses and ", curve.smoothed.size(),
         " smoothed losses was given; equal lengths are required");
  Json suggestions = Json::array();
  for (const auto& [name, lr] : curve.suggestions)
    suggestions.push_back({{"name", name}, {"lr", short_number(lr)}});
  return {{"lr", short_numbers(curve.lr)},
          {"loss", short_numbers(curve.loss)},
          {"smoothed", short_numbers(curve.smoothed)},
          {"suggestions", std::move(suggestions)},
          {"note", curve.note}};
}

}  // namespace

RateSweep rate_sweep(const LrCurve& curve) {
  RateSweep sweep{.lr = curve.lr, .loss = curve.loss, .smoothed = curve.smoothed};
  if (curve.steepest) sweep.suggestions.emplace_back("steepest", *curve.steepest);
  if (curve.valley) sweep.suggestions.emplace_back("valley", *curve.valley);
  sweep.note = curve.reason;
  return sweep;
}

std::string report_html(const ReportData& data) {
  Json json = {{"title", data.title},
               {"facts", pairs(data.facts)},
               {"findings", Json::array()},
               {"history", history_json(data.history)},
               {"best_epoch", data.best_epoch},
               {"lr_curve", lr_curve_json(data.lr_curve)},
               {"config", pairs(data.config)},
               {"model", data.model_table},
               {"class_names", data.class_names},
               {"input_names", data.input_names},
               {"target_name", data.target_name}};
  for (const Finding& finding : data.findings) json["findings"].push_back(detail::to_json(finding));
  if (const Recorder* r = data.recorder) {
    json["steps"] = series_json(r->steps);
    json["gradients"] = series_json(r->gradients);
    json["idle"] = series_json(r->idle);
    json["histograms"] = {{"weights", series_json(r->weight_histograms)},
                          {"gradients", series_json(r->gradient_histograms)},
                          {"activations", series_json(r->activation_histograms)}};
    json["surface"] = surface_json(*r);
    json["kept"] = r->kept;
    json["judged"] = Json::array();
    for (const Judgement& part : r->judged) json["judged"].push_back(judged_json(part));
  }
  if (const Monitor* m = data.monitor) {
    json["layers"] = layers_json(*m);
    json["grad_norms"] = grad_norms_json(*m);
  }
  using namespace embedded;
  return detail::page({"Training report", "pictures of this report", "report"},
                      {{base_css, base_css_size}, {report_css, report_css_size}},
                      {{chart_js, chart_js_size},
                       {report_layers_js, report_layers_js_size},
                       {report_js, report_js_size}},
                      json);
}

void write_report(const std::string& path, const ReportData& data) {
  io::write_file_atomically(path, report_html(data));
}

}  // namespace gradus::train
