#pragma once

#include <string>
#include <vector>

#include "gradus/train/fit.hpp"

namespace gradus::train {

/// What is to be predicted.
enum class Task { binary, multiclass, regression };

const char* name_of(Task task);

struct ObjectiveOptions {
  Task task = Task::multiclass;
  Index targets = 2;            ///< classes, or quantities
  std::string loss = "auto";    ///< see loss_names; auto: bce, cross_entropy or mse by the task
  std::string output = "none";  ///< activation of the model's output layer
  double label_smoothing = 0;
  Tensor class_weights = {};  ///< (classes)
};

/// A loss by its own name, and how the model's outputs are read.
struct Objective : ObjectiveOptions {
  Index outputs = 0;   ///< of the model
  Loss function = {};  ///< a mean over the batch

  /// Probabilities (n, classes), or quantities (n, targets), from the model's outputs.
  Tensor predict(const Tensor& output) const;

  /// What the loss compares the outputs with, (n, outputs): quantities; or labels as 0 and 1 (-1
  /// and 1 for hinge), smoothed, and for cross_entropy weighed by the classes.
  Tensor compared(const Tensor& y) const;
};

/// bce, bce_probabilities, cross_entropy, focal, gaussian_nll, hinge, huber, l1, mse, nll, poisson,
/// smooth_l1.
std::vector<std::string> loss_names();

/// The loss of a task. Throws for one that does not fit it, with the list of those that do, and for
/// bce_probabilities without an output of sigmoid or softmax, nll without log_softmax.
/// Labels are int64 (n), quantities floating point (n, targets). Losses of probabilities or
/// distances (mse and others) compare with labels as 0 and 1, one output a class.
Objective make_objective(const ObjectiveOptions& options);

}  // namespace gradus::train
