// What can be found before a training.
#pragma once

#include <string>
#include <vector>

#include "gradus/optim/scheduler.hpp"
#include "gradus/train/fit.hpp"

namespace gradus::train {

struct LintOptions {
  /// The loss: "cross_entropy", "nll", "bce", "bce_with_logits", "mse", …; "" if it is not known.
  std::string loss = "";
  const optim::Optimizer* optimizer = nullptr;
  const optim::Scheduler* scheduler = nullptr;
  const data::DataLoader* loader = nullptr;  ///< of the training part
  Index epochs = 0;                          ///< that are planned; 0: not known
  Index accumulate = 1;                      ///< batches in a step
  /// A batch to send through the model, unrecorded and in evaluation mode; default the first
  /// samples of the loader, or random numbers for a model that begins with a Linear.
  Tensor input = {};
  /// Whether the model's training flag is judged: fit() sets it by itself.
  enum class Mode : std::uint8_t { fit, train, evaluate };
  Mode mode = Mode::fit;
  bool trained = false;  ///< the weights are no initial values any more: they are not judged
};

/// Looks at a model before it is trained, and at what else of the run is given: data that is not
/// scaled or not shuffled, a learning rate out of the optimizer's usual range, a schedule that is
/// not as long as the run, parameters that the optimizer does not know, linear layers without an
/// activation between them, an output that does not fit the loss, deep stacks of sigmoids, initial
/// values that do not fit the activation, dead and saturated units, and more. What follows what is
/// found out by sending one batch through the model; modules between which other operations happen
/// are not judged together. The model is left as it was.
std::vector<Finding> lint(nn::Module& model, const LintOptions& options = {});

/// How the gradient of one parameter compares with finite differences.
struct ParameterCheck {
  std::string name;
  double error = 0;  ///< largest difference, relative to the gradient's norm
};

/// Compares the gradients of a model's loss on (x, y) with central differences along `directions`
/// random directions of each parameter, in evaluation mode and float64, the worst first. The model
/// comes back as it was, its dtype included.
std::vector<ParameterCheck> check_gradients(nn::Module& model, const Loss& loss, const Tensor& x,
                                            const Tensor& y, int directions = 4);

/// What came of learning one batch by heart.
struct BatchCheck {
  double first = 0, last = 0;  ///< losses
  Index steps = 0;
  bool learned = false;  ///< the last is below a tenth of the first
};

/// Trains the model on a single batch with `optimizer`, and puts its weights back. A model that
/// cannot learn one batch by heart will not learn the data. Dropout is off.
BatchCheck overfit_batch(nn::Module& model, const Loss& loss, optim::Optimizer& optimizer,
                         const Tensor& x, const Tensor& y, Index steps = 300);

}  // namespace gradus::train
