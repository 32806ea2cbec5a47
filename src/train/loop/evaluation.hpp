#pragma once

#include <vector>

#include "gradus/autograd.hpp"
#include "gradus/random.hpp"
#include "gradus/train/recorder.hpp"
#include "nn/guards.hpp"

namespace gradus::train::detail {

/// A model is in evaluation mode and unrecorded while it lives.
struct Evaluation {
  explicit Evaluation(nn::Module& model) : mode(nn::detail::evaluation_mode(model)) {}
  NoGrad guard;
  Finally mode;
};

/// Puts this thread's random numbers back at the end of its life.
inline Finally same_random() {
  return Finally([before = default_generator()] { default_generator() = before; });
}

/// Every k-th sample, at most `most`.
std::vector<Index> spread(Index samples, Index most);

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
