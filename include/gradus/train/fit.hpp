#pragma once

#include <functional>
#include <string>
#include <vector>

#include "gradus/optim/scheduler.hpp"
#include "gradus/train/callback.hpp"

namespace gradus::train {

/// Where a run stands in the middle of an epoch.
struct Progress {
  Index epoch, epochs, step, steps;
  double loss;  ///< mean so far
};

/// A loss from the model's output and the targets, a mean over the batch.
using Loss = std::function<Tensor(const Tensor& output, const Tensor& target)>;

/// Loss and accuracy on a data set; accuracy is 0 where the targets are no labels.
struct Score {
  double loss = 0;
  double accuracy = 0;
};

struct FitOptions {
  Index epochs = 1;
  double clip_norm = 0;  ///< limit of the gradient's global norm; 0: none
  std::function<void(const Progress&)> on_step = {};
  std::function<void(const Epoch&)> on_epoch = {};
  std::vector<Callback*> callbacks = {};     ///< told in this order; not owned
  std::vector<Finding>* findings = nullptr;  ///< where callbacks put what they notice
};

/// Trains `model` on `loader`, measures it on `validation` after every epoch (the training loss, if
/// it is empty), and leaves it in evaluation mode with the weights of the epoch that was best
/// there. `scheduler` may be null. Throws if a loss is not finite.
std::vector<Epoch> fit(nn::Module& model, const Loss& loss, optim::Optimizer& optimizer,
                       optim::Scheduler* scheduler, data::DataLoader& loader,
                       const data::TensorDataset& validation, const FitOptions& options);

/// Measures a model in evaluation mode, batch by batch, without recording.
Score evaluate(nn::Module& model, const Loss& loss, const data::TensorDataset& dataset,
               Index batch_size = 256);

}  // namespace gradus::train
