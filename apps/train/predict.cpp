#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <gradus/io/csv.hpp>
#include <gradus/io/file.hpp>
#include <gradus/ops.hpp>
#include <gradus/runtime.hpp>
#include <gradus/train.hpp>
#include <optional>

#include "command_line.hpp"
#include "commands.hpp"
#include "effects.hpp"
#include "signals.hpp"

using namespace gradus;

namespace {

/// With the digits that the model computes with.
std::string number(double value, DType dtype) {
  return dtype == float32 ? text_of(static_cast<float>(value)) : text_of(value);
}

bool is_file(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

/// For a terminal.
void print_lines(const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::printf("%s\n", printable(text.substr(at, end - at)).c_str());
    at = end + 1;
  }
}

/// One line a sample: the class and the probability of each, or the quantities.
std::string to_csv(const train::SavedModel& saved, const Tensor& values) {
  std::string text;
  const auto& names = saved.pipeline.class_names();
  const Index columns = values.size(1);
  if (names.empty()) {
    for (Index c = 0; c < columns; ++c)
      text += (c ? "," : "") +
              io::csv_field(saved.pipeline.target_names()[static_cast<std::size_t>(c)]);
  } else {
    text = "prediction";
    for (const std::string& name : names) text += "," + io::csv_field("p(" + name + ")");
  }
  text += "\n";
  const std::vector<double> all = values.to_vector<double>();
  for (Index r = 0; r < values.size(0); ++r) {
    const double* row = all.data() + r * columns;
    if (!names.empty())
      text += io::csv_field(
                  names[static_cast<std::size_t>(std::max_element(row, row + columns) - row)]) +
              ",";
    for (Index c = 0; c < columns; ++c)
      text += (c ? "," : "") + number(row[c], saved.pipeline.dtype());
    text += "\n";
  }
  return text;
}

}  // namespace

int command_predict(int argc, char** argv) {
  CommandLine line("Applies a trained model: CSV in, CSV out.", "train predict");
  std::string path, out;
  line.add_required("MODEL,--model", path, "run folder or model file");
  line.add_file("--out", out, "file for the predictions; default: standard output");
  const SettingFlags flags(
      line, {}, {"data", "header", "delimiter", "decimal", "encoding", "missing-texts", "threads"});
  if (!parse(line, argc, argv)) return Exit::fine;
  const train::SavedModel saved = train::load_model(path);
  train::Config config = flags.read(saved.config);
  if (!flags.given("data")) config.data = "-";
  require_elsewhere(out, path, config.data);
  if (config.threads > 0) set_num_threads(static_cast<int>(config.threads));
  train::SourceOptions options = train::source_options(config);
  options.csv = saved.pipeline.csv_options(options.csv);
  options.csv.targets.clear();
  options.csv.target = "none";
  options.csv.numeric = saved.pipeline.csv_options().numeric;
  options.csv.drop_bad_rows = false;  // each row is to have its line
  options.need_targets = false;
  const train::Source source = train::load_source(options);
  require_source_effects(flags, config, source);
  const std::string text = to_csv(saved, train::predict(saved, source));
  if (out.empty() && isatty(STDOUT_FILENO) != 0) {
    print_lines(text);
    return Exit::fine;
  }
  std::optional<Signals> whole;  // a file is written to its end; a pipe may be stuck
  if (!out.empty() || is_file(STDOUT_FILENO)) whole.emplace();
  if (out.empty()) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  } else {
    io::write_file_atomically(out, text);
  }
  Signals::check();
  return Exit::fine;
}
