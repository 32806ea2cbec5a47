#pragma once

#include <functional>
#include <string>
#include <vector>

#include "gradus/train/callback.hpp"

namespace gradus::train {

/// Numbers over time in bounded memory. A row is `width` numbers for each column. When `limit` rows
/// are there, every other goes, and from then on half as many times are wanted.
struct Series {
  std::size_t limit = 2000;
  std::size_t width = 1;
  Index stride = 1;
  std::vector<std::string> columns = {};
  std::vector<Index> times = {};    ///< steps or epochs, from 1
  std::vector<double> values = {};  ///< times x columns x width

  bool empty() const { return times.empty(); }
  /// True if `time` is one of those that are kept.
  bool wants(Index time) const { return (time - 1) % stride == 0; }
  /// Adds a row, or replaces the last one if it is of the same time. Throws for a row of another
  /// length.
  void add(Index time, const std::vector<double>& row);
  /// The numbers of a column at the i-th time.
  const double* at(std::size_t i, std::size_t column) const {
    return values.data() + (i * columns.size() + column) * width;
  }
  /// Forgets the last row if it is of this time.
  void forget(Index time);
  /// Forgets the rows if these are not the columns, and takes them over.
  void begin(const std::vector<std::string>& names, std::size_t numbers = 1);
};

/// A sample on which the model is far off.
struct WrongExample {
  Index sample = 0;                 ///< its number in the part
  double truth = 0, answer = 0;     ///< classes or quantities
  double certainty = 0;             ///< the probability of the answer; for a quantity, the error
  std::vector<double> inputs = {};  ///< in the units of the data, or empty if they are too many
};

/// How a model does on a part of the data.
struct Judgement {
  std::string part;                               ///< "validation", "test"
  Index samples = 0, classes = 0;                 ///< classes 0: the targets are quantities
  std::vector<Index> confusion = {};              ///< classes x classes, a row for each true class
  std::vector<WrongExample> wrong = {};           ///< the most wrong first
  std::vector<double> truths = {}, answers = {};  ///< quantities of some samples
};

struct RecorderOptions {
  /// Inputs as the model takes them to the units of the data, feature by feature, such as a
  /// scaler's inverse_transform; default: as they are.
  std::function<Tensor(const Tensor& x)> unscale_inputs = {};
  /// The same for targets that are quantities, (n, targets).
  std::function<Tensor(const Tensor& y)> unscale_targets = {};
  /// Outputs to probabilities (n, classes), or to quantities in the units of the data. Default:
  /// softmax for labels, sigmoid if there is one output, unscale_targets for quantities.
  std::function<Tensor(const Tensor& output)> predict = {};
  bool binary = false;         ///< targets 0 and 1 of any dtype are labels
  std::size_t points = 2000;   ///< most numbers in a curve
  std::size_t snapshots = 16;  ///< most epochs with histograms and a decision boundary
  std::size_t layers = 32;     ///< most layers that are watched; evenly chosen if there are more
  Index samples = 256;         ///< of the training part, run through the model for a snapshot
  std::size_t wrong = 24;      ///< most wrong examples
};

/// Collects what the report shows, in bounded memory, and leaves the run as it is: the numbers of
/// the training are the same with it and without.
class Recorder : public Callback {
 public:
  explicit Recorder(const RecorderOptions& options = {});

  void on_fit_begin(Context& run) override;
  void on_backward_end(Context& run) override;
  void on_step_end(Context& run) override;
  void on_epoch_end(Context& run, Epoch& epoch) override;
  /// Looks at the weights that are kept, and judges them on the validation part, if there is one.
  void on_fit_end(Context& run) override;
  std::string name() const override { return "recorder"; }
  optim::StateDict state_dict() const override;
  /// Takes over what state_dict() gave; throws for entries that do not fit together.
  void load_state_dict(const optim::StateDict& state) override;

  /// Confusion matrix and most wrong examples of `part`, say "test"; replaces what was found of a
  /// part of that name before.
  void judge(nn::Module& model, const data::TensorDataset& dataset, const std::string& part);

  Series steps;      ///< "lr", "loss" at steps
  Series gradients;  ///< norm of each layer's gradient, before clipping, at steps
  /// Part of the units of each activation that did nothing in a snapshot: relu's that were 0 for
  /// every sample, sigmoid's and tanh's at their ends for every sample.
  Series idle;
  /// Histograms of each layer at epochs: smallest, largest, then counts of equal bins.
  Series weight_histograms, gradient_histograms, activation_histograms;
  /// For 1 or 2 inputs: the answer over a grid, first input fastest. Classes as class + certainty.
  Series surface;
  std::vector<double> surface_range;   ///< low and high of each input, in the units of the data
  std::vector<double> surface_points;  ///< samples of the training part: inputs and target
  bool surface_classes = false;        ///< the surface shows classes
  /// The time that stands for the weights that are kept in the histograms and the surface; it is
  /// the last one, and no epoch. 0 before the run's end.
  Index kept = 0;
  std::vector<Judgement> judged;  ///< part by part

  static constexpr std::size_t bins = 40;

 private:
  struct Layer {
    std::string name;
    std::vector<Tensor> parameters;
  };
  std::vector<Series*> snapshots();
  void watch_layers(nn::Module& model);
  void begin_surface(const Context& run);
  void snapshot(nn::Module& model, const data::TensorDataset& dataset, Index epoch);
  void snapshot_parameters(Index epoch);
  void snapshot_activations(nn::Module& model, const data::TensorDataset& dataset, Index epoch);
  void snapshot_surface(nn::Module& model, Index epoch);

  RecorderOptions options_;
  Tensor grid_;                           // the inputs of the surface
  std::vector<Layer> layers_;             // with parameters
  std::vector<std::string> activations_;  // modules whose outputs are watched
};

}  // namespace gradus::train
