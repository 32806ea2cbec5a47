// What tells of a run while it goes on: in the terminal, in files, to TensorBoard.
#pragma once

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gradus/train/fit.hpp"

namespace gradus::io::detail {
class Output;
}

namespace gradus::train {

/// How a run is shown.
enum class Show {
  automatic,  ///< a bar in a terminal, lines elsewhere
  bar,        ///< a bar that is redrawn, with the time that is left, and a line per epoch
  lines,      ///< a line per epoch
  nothing
};

/// Shows a run while it goes on, as one of its callbacks.
class ProgressPrinter : public Callback {
 public:
  explicit ProgressPrinter(std::FILE* stream = stdout, Show show = Show::automatic);

  void on_fit_begin(Context& run) override;
  void on_step_end(Context& run) override;
  void on_epoch_end(Context& run, Epoch& epoch) override;
  void on_fit_end(Context& run) override;

  /// The names of the columns.
  void header();
  void step(const Progress& progress);
  void epoch(const Epoch& epoch, Index epochs);

 private:
  using Clock = std::chrono::steady_clock;

  std::FILE* stream_;
  Show show_;
  int last_percent_ = -1;
  bool drawn_ = false;           // there is a bar on the line
  Clock::time_point started_{};  // this process's part of the run
  Index first_step_ = 0;         // the global step before it
  double left_ = -1;             // seconds, if known
};

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

struct TensorBoardOptions {
  Index every_steps = 1;  ///< loss, learning rate and gradient norm of every so many steps; 0: none
  bool histograms = true;  ///< of every parameter after every epoch
};

/// Writes an event file that TensorBoard shows (`tensorboard --logdir FOLDER`): scalars per step
/// and epoch, histograms of the weights. The folder is made if it is missing. A resumed run begins
/// a new file, which tells TensorBoard to drop what was written after the checkpoint.
class TensorBoardLog : public Callback {
 public:
  explicit TensorBoardLog(std::string folder, const TensorBoardOptions& options = {});
  void on_fit_begin(Context& run) override;
  void on_step_end(Context& run) override;
  void on_epoch_end(Context& run, Epoch& epoch) override;
  void on_fit_end(Context& run) override;
  /// The file that is, or will be, written.
  const std::string& path() const { return path_; }

 private:
  void scalar(const std::string& tag, double value, Index step);
  void event(Index step, const std::string& field);
  void record(std::string_view bytes);
  void flush();

  std::string folder_, path_;
  TensorBoardOptions options_;
  std::shared_ptr<io::detail::Output> file_;
  std::string waiting_;  // to be written
};

}  // namespace gradus::train
