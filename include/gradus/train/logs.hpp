#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gradus/train/callback.hpp"

namespace gradus::io::detail {
class Output;
}

namespace gradus::train {

namespace detail {

/// A text file that grows by whole lines, each flushed. A run that is resumed cuts off what was
/// written after its checkpoint, so that every line stands there once.
class LogFile : public Callback {
 public:
  void load_state_dict(const optim::StateDict& state) override;
  optim::StateDict state_dict() const override;

 protected:
  explicit LogFile(std::string path) : path_(std::move(path)) {}
  /// Opens the file: anew, or where a resumed run stood.
  void open(const Context& run);
  /// Throws if the line cannot be written.
  void write(const std::string& line);

 private:
  std::string path_;
  std::shared_ptr<io::detail::Output> file_;
  Index bytes_ = 0;
};

}  // namespace detail

struct JsonLogOptions {
  bool steps = true;  ///< one object per step besides those per epoch
};

/// JSON lines: {"event": "step", …}, {"event": "epoch", …}, {"event": "finding", …}, each with all
/// numbers that belong to it; a number that is not finite is null. To stand last among the
/// callbacks, so that what others measure is there.
class JsonLog : public detail::LogFile {
 public:
  explicit JsonLog(const std::string& path, const JsonLogOptions& options = {})
      : LogFile(path), options_(options) {}
  void on_fit_begin(Context& run) override;
  void on_step_end(Context& run) override;
  void on_epoch_end(Context& run, Epoch& epoch) override;
  void on_fit_end(Context& run) override;
  std::string name() const override { return "json_log"; }

 private:
  void write_findings(const Context& run);

  JsonLogOptions options_;
  std::size_t findings_ = 0;  // written
};

/// The findings in a file that JsonLog wrote, also one whose last line is cut off; none if there is
/// no such file.
std::vector<Finding> read_findings(const std::string& path);

/// A table in CSV with a row per epoch; a number that was not measured is an empty field. The
/// columns are what the first epoch has. To stand last among the callbacks.
class CsvLog : public detail::LogFile {
 public:
  explicit CsvLog(const std::string& path) : LogFile(path) {}
  void on_fit_begin(Context& run) override;
  void on_epoch_end(Context& run, Epoch& epoch) override;
  std::string name() const override { return "csv_log"; }

 private:
  std::vector<std::string> metrics_;  // the columns after the fixed ones
  bool has_header_ = false;
};

}  // namespace gradus::train
