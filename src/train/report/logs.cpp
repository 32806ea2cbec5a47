#include "gradus/train/logs.hpp"

#include <cmath>
#include <filesystem>
#include <sstream>

#include "gradus/io/csv.hpp"
#include "gradus/io/file.hpp"
#include "io/disk/output.hpp"
#include "optim/state.hpp"
#include "train/save/json.hpp"

namespace gradus::train {

namespace detail {

optim::StateDict LogFile::state_dict() const {
  if (file_) file_->sync();  // what the checkpoint says of the file is to hold after a power cut
  return {{"bytes", optim::detail::number(static_cast<double>(bytes_))}};
}

void LogFile::load_state_dict(const optim::StateDict& state) {
  optim::detail::StateReader reader(state);
  const Index bytes = reader.count("bytes");
  reader.finish("LogFile");
  bytes_ = bytes;
}

void LogFile::open(const Context& run) {
  if (!run.resumed) bytes_ = 0;
  file_.reset();
  file_ = std::make_shared<io::detail::Output>(path_, bytes_);
}

void LogFile::write(const std::string& line) {
  if (!file_) return;  // it could not be opened, and the run ends for that
  const std::string text = line + "\n";
  file_->add(text);
  bytes_ += static_cast<Index>(text.size());
}

namespace {

/// null for what is not finite: every reader of JSON knows it.
Json finite(double value) { return std::isfinite(value) ? Json(value) : Json(); }

std::string csv_number(double value) { return std::isnan(value) ? "" : text_of(value); }

}  // namespace
}  // namespace detail

// ---- JSON --------------------------------------------------------------------------------------

void JsonLog::on_fit_begin(Context& run) {
  open(run);
  findings_ = run.resumed ? run.findings.size() : 0;
  write_findings(run);
}

void JsonLog::write_findings(const Context& run) {
  for (; findings_ < run.findings.size(); ++findings_)
    write(detail::dump(detail::to_json(run.findings[findings_], {{"event", "finding"}})));
}

void JsonLog::on_step_end(Context& run) {
  if (options_.steps)
    write(detail::dump({{"event", "step"},
                        {"epoch", run.epoch},
                        {"step", run.step},
                        {"global_step", run.global_step},
                        {"loss", detail::finite(run.loss)},
                        {"mean_loss", detail::finite(run.mean_loss)},
                        {"grad_norm", detail::finite(run.grad_norm)},
                        {"lr", detail::finite(run.optimizer.lr())},
                        {"skipped", run.skipped}}));
  write_findings(run);
}

void JsonLog::on_epoch_end(Context& run, Epoch& e) {
  detail::Json object = {{"event", "epoch"}, {"epoch", e.epoch}, {"global_step", run.global_step}};
  for (const auto& [number, value] : detail::epoch_numbers)
    object[number] = detail::finite(e.*value);
  for (const auto& [metric_name, value] : e.metrics)
    if (!object.contains(metric_name)) object[metric_name] = detail::finite(value);
  write(detail::dump(object));
  write_findings(run);
}

void JsonLog::on_fit_end(Context& run) { write_findings(run); }

std::vector<Finding> read_findings(const std::string& path) {
  std::vector<Finding> findings;
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return findings;
  std::istringstream file(io::read_file(path, {.unpack = false}));
  Index number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (!line.starts_with(R"({"event":"finding")")) continue;
    if (file.eof()) break;  // cut off within the line
    detail::Value object("read_findings", path, "line " + text_of(number), line);
    findings.push_back(detail::read_finding(object));
  }
  return findings;
}

// ---- CSV ---------------------------------------------------------------------------------------

void CsvLog::on_fit_begin(Context& run) {
  open(run);
  metrics_.clear();
  has_header_ = run.resumed && !run.history.empty();
  if (has_header_)
    for (const auto& [metric_name, value] : run.history.front().metrics)
      metrics_.push_back(metric_name);
}

void CsvLog::on_epoch_end(Context&, Epoch& e) {
  if (!has_header_) {
    std::string header = "epoch";
    for (const auto& entry : detail::epoch_numbers) header += std::string(",") + entry.first;
    for (const auto& [metric_name, value] : e.metrics) {
      metrics_.push_back(metric_name);
      header += "," + io::csv_field(metric_name);
    }
    write(header);
    has_header_ = true;
  }
  std::string row = text_of(e.epoch);
  for (const auto& entry : detail::epoch_numbers) row += "," + detail::csv_number(e.*entry.second);
  for (const std::string& metric_name : metrics_)
    row += "," + detail::csv_number(metric(e.metrics, metric_name));
  write(row);
}

}  // namespace gradus::train
