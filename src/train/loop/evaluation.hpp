#pragma once

#include <utility>
#include <vector>

#include "gradus/autograd.hpp"
#include "gradus/nn/module.hpp"
#include "gradus/random.hpp"
#include "gradus/train/recorder.hpp"

namespace gradus::train::detail {

/// A model is in evaluation mode while it lives.
class EvaluationMode {
 public:
  explicit EvaluationMode(nn::Module& model) {
    for (const nn::NamedModule& entry : model.named_modules())
      modules_.emplace_back(entry.module, entry.module->is_training());
    model.eval();
  }
  ~EvaluationMode() {
    // Parents come first, and set the flags of everything below them.
    for (const auto& [module, training] : modules_) module->train(training);
  }
  EvaluationMode(const EvaluationMode&) = delete;
  EvaluationMode& operator=(const EvaluationMode&) = delete;

 private:
  std::vector<std::pair<nn::Module*, bool>> modules_;
};

/// And unrecorded.
struct Evaluation {
  explicit Evaluation(nn::Module& model) : mode(model) {}
  NoGrad guard;
  EvaluationMode mode;
};

/// Puts this thread's random numbers back.
class SameRandom {
 public:
  SameRandom() : before_(default_generator()) {}
  ~SameRandom() { default_generator() = before_; }
  SameRandom(const SameRandom&) = delete;
  SameRandom& operator=(const SameRandom&) = delete;

 private:
  Generator before_;
};

/// A hook that ends with its scope.
class Hook {
 public:
  Hook(const nn::Module& module, nn::Module::ForwardHook call)
      : handle_(module), id_(handle_.register_forward_hook(std::move(call))) {}
  ~Hook() { handle_.remove_forward_hook(id_); }
  Hook(const Hook&) = delete;
  Hook& operator=(const Hook&) = delete;

 private:
  nn::Module handle_;
  int id_;
};

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
