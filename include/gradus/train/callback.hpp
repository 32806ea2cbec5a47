#pragma once

#include <functional>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gradus/data/loader.hpp"
#include "gradus/nn/module.hpp"
#include "gradus/optim/optimizer.hpp"

namespace gradus::train {

/// Named numbers in the order in which they were measured: "loss", "accuracy", …
using Metrics = std::vector<std::pair<std::string, double>>;

/// The number called `name`, or NaN.
double metric(const Metrics& metrics, const std::string& name);

/// What was measured in one epoch. Losses are means over samples, not over batches. What could not
/// be measured is NaN.
struct Epoch {
  static constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  Index epoch = 0;  ///< from 1
  double train_loss = 0;
  double validation_loss = unknown;
  double validation_accuracy = unknown;  ///< NaN where the targets are no labels
  double lr = 0;                         ///< of the epoch's last step
  double grad_norm = 0;                  ///< mean over the steps, before clipping
  double seconds = 0;
  Metrics metrics = {};  ///< more of the validation part, and what callbacks add
};

/// Something that was noticed about a model or a run, in one sentence: what, where, since when,
/// what to try first.
struct Finding {
  std::string kind = "";  ///< "dead_units", "divergence", …: the same for every finding of its kind
  bool alarm = true;      ///< false for remarks that need no action
  std::string where = "";     ///< module path, "" for the whole run
  Index epoch = 0, step = 0;  ///< when it was first seen; 0 before training
  std::string text = "";
};

/// Where a run stands, as a callback sees it. Valid during the call.
struct Context {
  nn::Module& model;
  optim::Optimizer& optimizer;
  data::DataLoader& loader;
  const data::TensorDataset& validation;
  std::vector<Epoch>& history;     ///< the epochs that are complete
  std::vector<Finding>& findings;  ///< callbacks add what they notice
  Index epoch = 0, epochs = 0;     ///< from 1
  Index step = 0, steps = 0;       ///< in this epoch, from 1
  Index global_step = 0;           ///< in the run, from 1
  Tensor input = {}, target = {};  ///< of this step (of one of its parts, if it accumulates)
  Tensor output = {};              ///< the model's, with its graph until the backward pass
  double loss = 0;                 ///< of this step
  double mean_loss = 0;            ///< of this epoch so far, over samples
  double grad_norm = 0;            ///< over all parameters, before clipping
  std::string stop = {};           ///< a callback that wants the run to end says here why
  bool skipped = false;            ///< this step was not finite, and nothing was updated
  bool resumed = false;            ///< the run goes on from a checkpoint
  /// The run's loss, a mean over the batch; null where there is none.
  const std::function<Tensor(const Tensor& output, const Tensor& target)>* loss_of = nullptr;
};

/// Something that is told how a run goes on. What it remembers and a resumed run needs is its
/// state: it is loaded before on_fit_begin, which must not reset it then. A run that goes on in the
/// middle of an epoch begins with on_step_begin, not with on_epoch_begin.
class Callback {
 public:
  virtual ~Callback() = default;
  virtual void on_fit_begin(Context&) {}
  virtual void on_epoch_begin(Context&) {}
  /// input and target are there, the forward pass is to come.
  virtual void on_step_begin(Context&) {}
  /// The gradients are there, before clipping and before the update.
  virtual void on_backward_end(Context&) {}
  /// The parameters are updated, unless `skipped`.
  virtual void on_step_end(Context&) {}
  /// The validation part has been measured; `epoch` may be given more metrics. It is the last of
  /// history afterwards. The model has the weights that were measured: the averages, if the run
  /// averages them.
  virtual void on_epoch_end(Context&, Epoch& /*epoch*/) {}
  /// The run ends, with the best weights restored. Also told if an exception ends the run; what is
  /// thrown here is then lost.
  virtual void on_fit_end(Context&) {}

  /// Under which its state is saved; "" if it has none.
  virtual std::string name() const { return ""; }
  virtual optim::StateDict state_dict() const { return {}; }
  virtual void load_state_dict(const optim::StateDict&) {}
  /// Lists that only ever grow at their end. They are not part of state_dict(), so that a
  /// checkpoint need not write them again each time; load_state_dict() finds them as float64
  /// entries of one axis, under these names.
  virtual std::map<std::string, const std::vector<double>*> lists() const { return {}; }
};

}  // namespace gradus::train
