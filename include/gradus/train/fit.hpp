#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "gradus/optim/scheduler.hpp"
#include "gradus/train/callback.hpp"
#include "gradus/train/checkpoint.hpp"
#include "gradus/train/metrics.hpp"

namespace gradus::train {

/// Where a run stands in the middle of an epoch.
struct Progress {
  Index epoch, epochs, step, steps;
  double loss;  ///< mean so far
};

/// A loss from the model's output and the targets, a mean over the batch.
using Loss = std::function<Tensor(const Tensor& output, const Tensor& target)>;

/// What evaluate() measured; NaN on no samples.
struct Score {
  double loss = Epoch::unknown;
  double accuracy = Epoch::unknown;  ///< NaN where the targets are no labels
  Metrics metrics = {};              ///< the others of MetricAccumulator::metrics()
};

/// A loss, or what was computed from it, is not finite.
class NonFiniteError : public Error {
 public:
  using Error::Error;
};

/// Which values of a monitored metric are good.
enum class Better {
  automatic,  ///< higher for accuracies, precision, recall, F1, AUC and R2; lower for all others
  lower,
  higher
};

struct FitOptions {
  Index epochs = 1;
  Index accumulate = 1;   ///< batches per step: their gradient is that of the mean over all samples
  double clip_norm = 0;   ///< limit of the gradient's global norm; 0: none
  double clip_value = 0;  ///< limit of each entry of the gradients; 0: none
  double clip_percentile = 0;  ///< clips at this percentile of the latest norms; 0: none
  Index clip_window = 1000;    ///< so many of them
  double l1 = 0, l2 = 0;    ///< l1 sum |w| + l2 sum w^2 is minimized as well, over parameters of 2
                            ///< and more axes; it is not part of the losses shown
  double ema_decay = 0;     ///< above 0, averages of the weights are what is measured and kept
  bool ema_warmup = false;  ///< see optim::EmaOptions
  MetricOptions metrics = {};  ///< of the validation part
  /// Which epoch is best: "train_loss", "validation_loss", "validation_accuracy" or the name of
  /// another metric; default: the validation loss, or without validation the training loss.
  std::string monitor = "";
  Better better = Better::automatic;
  Index patience = 0;        ///< ends after so many epochs without improvement; 0: never
  double min_delta = 0;      ///< what counts as an improvement for `patience`: more than this
  bool restore_best = true;  ///< leave the best epoch's weights in the model, however the run ends
  optim::ReduceLROnPlateau* plateau = nullptr;  ///< given the monitored metric after every epoch
  /// If a loss or gradient is not finite: raise NonFiniteError, skip the step, stop the run (which
  /// is then Ended::non_finite), or ignore it.
  optim::NonFinite non_finite = optim::NonFinite::raise;
  /// Looked at after every step; once true, the run saves a checkpoint and ends. May be set by a
  /// signal handler.
  const std::atomic<bool>* stop = nullptr;
  /// Where checkpoints go. Whether there is room for them is found out before the first step.
  CheckpointOptions checkpoint = {};
  /// A checkpoint to go on from: model, optimizer, scheduler, loader, random numbers and callbacks
  /// are put into the state that was saved, and what follows is bit for bit what would have
  /// followed. Throws one Error that lists everything that does not fit, and then changes nothing.
  const Checkpoint* resume = nullptr;
  std::function<void(const Progress&)> on_step = {};
  std::function<void(const Epoch&)> on_epoch = {};
  std::vector<Callback*> callbacks = {};     ///< told in this order; not owned
  std::vector<Finding>* findings = nullptr;  ///< where callbacks put what they notice
};

/// Why a run came to its end.
enum class Ended {
  complete,     ///< all epochs
  early,        ///< FitOptions::patience
  callback,     ///< Context::stop
  interrupted,  ///< FitOptions::stop
  non_finite    ///< FitOptions::non_finite
};

struct FitResult {
  std::vector<Epoch> history = {};
  Ended ended = Ended::complete;
  std::string reason = "";      ///< why, in a sentence; "" if complete
  std::string checkpoint = "";  ///< the file, if one was written
  std::string monitor = "";     ///< the metric that chose the best epoch
  Index best_epoch = 0;         ///< 0 if no epoch was completed with a finite value
  double best_value = Epoch::unknown;
  Index skipped_steps = 0;  ///< see FitOptions::non_finite
};

/// Trains `model` on `loader`, measures it on `validation` (which may be empty) after every epoch,
/// and leaves it in evaluation mode with the weights of the epoch that was best there, also if it
/// throws. `scheduler` may be null; it goes on in skipped steps, too. LBFGS is given its closure,
/// and takes no clipping.
FitResult fit(nn::Module& model, const Loss& loss, optim::Optimizer& optimizer,
              optim::Scheduler* scheduler, data::DataLoader& loader,
              const data::TensorDataset& validation, const FitOptions& options);

/// Measures a model in evaluation mode, batch by batch, without recording, and puts every module
/// back into the mode it was in, also if the model or the loss throws.
Score evaluate(nn::Module& model, const Loss& loss, const data::TensorDataset& dataset,
               Index batch_size = 256);
/// The same into an accumulator, which then knows more: per class, the confusion matrix.
Score evaluate(nn::Module& model, const Loss& loss, const data::TensorDataset& dataset,
               MetricAccumulator& accumulator, Index batch_size = 256);

}  // namespace gradus::train
