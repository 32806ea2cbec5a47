// Pages about a run and about a single step.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "gradus/nn/module.hpp"
#include "gradus/train/fit.hpp"
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

struct ExplainOptions {
  std::string title = "One step, node by node";
  /// Of the formula in words: "cross_entropy", "mse", "half_mse" ((y - t)^2 / 2), "l1" or
  /// "bce_with_logits". Another name, or one whose formula does not give what the loss gave, is
  /// shown as it is, with the gradient that the engine computed.
  std::string loss_name = "mse";
  /// What the formula compares the outputs with, one number an output: see Objective::compared. By
  /// default the target, and for cross_entropy 1 for its label and 0 for the other classes.
  Tensor compared = {};
  double weight = 1;  ///< of the sample, a factor of bce_with_logits
  std::vector<std::string> input_names = {}, class_names = {};
};

/// A page that goes through one forward and one backward pass of a network of linear layers and
/// elementwise activations, node by node. `sample` holds the inputs, one row; `target` what `loss`
/// takes for one row. Values and gradients are the engine's; the gradients of the parameters stay
/// as they are. Throws for other layers, for more than 200 units, and for samples that do not fit.
std::string explain_html(nn::Module& model, const Tensor& sample, const Tensor& target,
                         const Loss& loss, const ExplainOptions& options = {});

/// Writes explain_html(…) to a file, as a whole or not at all.
void write_explain(const std::string& path, nn::Module& model, const Tensor& sample,
                   const Tensor& target, const Loss& loss, const ExplainOptions& options = {});

}  // namespace gradus::train
