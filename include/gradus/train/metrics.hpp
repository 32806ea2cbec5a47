#pragma once

#include <string>
#include <vector>

#include "gradus/train/callback.hpp"

namespace gradus::train {

/// What a model's outputs mean.
enum class Outputs {
  automatic,  ///< as dtypes and shapes say: logits for integer labels (one logit if there is one
              ///< output), values for targets of the outputs' shape, else none
  logit,      ///< one logit a sample; the targets are 0 and 1, of any dtype
  logits,     ///< one logit for each class, (N, C); the targets are labels (N)
  values,     ///< quantities (N, …); the targets are of the same shape
  none        ///< nothing that is known here: only the loss is measured
};

struct MetricOptions {
  Outputs outputs = Outputs::automatic;
  Index top_k = 5;  ///< for "top<k>_accuracy", which is measured for more than k classes
};

/// What was measured of one class.
struct ClassScore {
  double precision = 0;  ///< of those that were given this class, how many have it; 0 if none were
  double recall = 0;     ///< of those that have it, how many were given it; 0 if none have it
  double f1 = 0;         ///< the harmonic mean of both
  Index support = 0;     ///< how many have it
};

/// The area under the ROC curve: the probability that a sample with label 1 has a higher score than
/// one with label 0, ties counting one half; exact, from ranks. NaN if a label or a score is
/// missing (NaN).
double roc_auc(const std::vector<double>& scores, const std::vector<bool>& labels);

/// Measures a model on samples that come in batches; how they were cut into batches changes nothing
/// but rounding.
class MetricAccumulator {
 public:
  explicit MetricAccumulator(const MetricOptions& options = {});

  /// Adds a batch and its loss, a mean over the batch. Throws for shapes, dtypes and labels that do
  /// not fit each other or the batches before.
  void add(const Tensor& output, const Tensor& target, double loss = 0);
  /// Forgets all samples.
  void reset();

  Index samples() const { return samples_; }
  /// What the outputs were found to mean; automatic before the first batch.
  Outputs outputs() const { return outputs_; }

  /// Everything below, by name: "loss"; of labels "accuracy", "top5_accuracy", "precision_macro",
  /// "recall_macro", "f1_macro" (means over the classes that appear) and, of two classes, "auc"; of
  /// values "r2", "mae", "rmse". NaN where nothing was measured.
  Metrics metrics() const;

  /// Mean over the samples.
  double loss() const;
  double accuracy() const;
  double top_k_accuracy() const;
  double auc() const;
  /// counts[actual][predicted]; empty for values, and for more than 1000 classes.
  const std::vector<std::vector<Index>>& confusion() const { return confusion_; }
  /// One for each class, as scikit-learn has them; empty for values.
  std::vector<ClassScore> classes() const;
  /// 1 - (squared errors) / (squared distances from the mean), averaged over the outputs; an output
  /// whose targets are all equal has none and is left out.
  double r2() const;
  /// Mean absolute error, over samples and outputs.
  double mae() const;
  /// Root of the mean squared error, over samples and outputs.
  double rmse() const;

 private:
  /// One class: those that have it, that were given it, and both.
  struct Tally {
    Index support = 0, given = 0, hits = 0;
  };
  /// One output of a regression: running mean and squared distances of its targets (Welford).
  struct Column {
    double mean = 0, distances = 0, squares = 0, absolute = 0;
  };

  void settle(const Tensor& output, const Tensor& target);
  void count(std::size_t label, std::size_t predicted);
  void add_logit(const std::vector<double>& output, const std::vector<double>& target);
  void add_logits(const std::vector<double>& output, const std::vector<double>& target);
  void add_values(const std::vector<double>& output, const std::vector<double>& target);

  MetricOptions options_;
  Outputs outputs_;
  Index width_ = 0;  // outputs of a sample
  Index samples_ = 0, top_hits_ = 0;
  double loss_ = 0;  // sum over samples
  std::vector<Tally> tallies_;
  std::vector<std::vector<Index>> confusion_;
  std::vector<double> scores_;  // of two classes: the higher, the more it is class 1
  std::vector<bool> labels_;
  std::vector<Column> columns_;
};

}  // namespace gradus::train
