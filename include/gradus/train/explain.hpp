#pragma once

#include <string>
#include <vector>

#include "gradus/nn/module.hpp"
#include "gradus/train/fit.hpp"

namespace gradus::train {

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
