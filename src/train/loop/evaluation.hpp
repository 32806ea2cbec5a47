#pragma once

#include <utility>
#include <vector>

#include "gradus/autograd.hpp"
#include "gradus/nn/module.hpp"
#include "gradus/train/recorder.hpp"

namespace gradus::train::detail {

/// Runs a model in evaluation mode, unrecorded, while it lives.
class Evaluation {
 public:
  explicit Evaluation(nn::Module& model) {
    for (const nn::NamedModule& entry : model.named_modules())
      modules_.emplace_back(entry.module, entry.module->is_training());
    model.eval();
  }
  ~Evaluation() {
    // Parents come first, and set the flags of everything below them.
    for (const auto& [module, training] : modules_) module->train(training);
  }
  Evaluation(const Evaluation&) = delete;
  Evaluation& operator=(const Evaluation&) = delete;

 private:
  NoGrad guard_;
  std::vector<std::pair<nn::Module*, bool>> modules_;
};

/// The answer of a model to one sample.
struct Answer {
  double value;      ///< class or quantity
  double certainty;  ///< probability of the class
};

/// True if the targets are labels.
inline bool has_classes(const Tensor& target, const RecorderOptions& options) {
  return options.binary || target.dtype() == int64;
}
/// Probabilities (n, classes), or quantities (n, …) in the units of the data.
Tensor predictions(const Tensor& output, bool classes, const RecorderOptions& options);
/// From `count` numbers of a row of predictions().
Answer answer_of(const double* row, Index count, bool classes);

inline Tensor unscaled(const std::function<Tensor(const Tensor&)>& unscale, const Tensor& x) {
  return unscale ? unscale(x) : x;
}

}  // namespace gradus::train::detail
