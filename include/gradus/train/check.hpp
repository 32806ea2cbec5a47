#pragma once

#include <string>
#include <vector>

#include "gradus/train/fit.hpp"

namespace gradus::train {

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
