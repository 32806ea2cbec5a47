#pragma once

#include <string>
#include <utility>
#include <vector>

#include "gradus/train/recorder.hpp"

namespace gradus::train {

struct LrCurve;
class Monitor;

/// What a sweep over learning rates saw.
struct RateSweep {
  std::vector<double> lr, loss;                                  ///< of equal length
  std::vector<double> smoothed = {};                             ///< of that length, or empty
  std::vector<std::pair<std::string, double>> suggestions = {};  ///< "steepest", "valley"
  std::string note = {};  ///< why there is no suggestion, or which of them the run took
};
/// The curve of find_lr() as a report shows it.
RateSweep rate_sweep(const LrCurve& curve);

/// Texts with their names, in the order in which they are shown.
using Texts = std::vector<std::pair<std::string, std::string>>;

/// What a report is made of; what is empty is left out.
struct ReportData {
  std::string title = "Training report";
  Texts facts = {};  ///< the first lines: data, samples, result on the test part
  std::vector<Epoch> history = {};
  std::vector<Finding> findings = {};
  Index best_epoch = 0;  ///< whose weights were kept; 0: that of the lowest loss
  const Recorder* recorder = nullptr;
  const Monitor* monitor = nullptr;  ///< what it measured of the layers and of the gradient
  RateSweep lr_curve = {};
  Texts config = {};
  std::string model_table = {};               ///< as nn::summary gives it
  std::vector<std::string> class_names = {};  ///< of the classes 0, 1, …
  std::vector<std::string> input_names = {};
  std::string target_name = {};
};

/// A report as one page that needs no other file and no network. Texts of the data, such as names
/// of columns, stand in it as data, not as markup.
std::string report_html(const ReportData& data);

/// Writes report_html(data) to a file, as a whole or not at all.
void write_report(const std::string& path, const ReportData& data);

}  // namespace gradus::train
