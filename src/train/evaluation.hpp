#pragma once

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "gradus/autograd.hpp"
#include "gradus/data/scaler.hpp"
#include "gradus/nn/module.hpp"

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
  double value;      // class or quantity
  double certainty;  // probability of the class
};
inline Answer answer_of(const float* out, Index outputs, bool classes, bool binary) {
  if (!classes) return {out[0], 0};
  if (binary) {
    const double p = 1 / (1 + std::exp(-static_cast<double>(out[0])));
    return p > 0.5 ? Answer{1, p} : Answer{0, 1 - p};
  }
  const float* best = std::max_element(out, out + outputs);
  double sum = 0;
  for (Index i = 0; i < outputs; ++i) sum += std::exp(static_cast<double>(out[i] - *best));
  return {static_cast<double>(best - out), 1 / sum};
}

inline Tensor in_data_units(const data::Scaler* scaler, const Tensor& x) {
  return scaler && scaler->is_fitted() ? scaler->inverse_transform(x) : x;
}
inline Tensor in_model_units(const data::Scaler* scaler, const Tensor& x) {
  return scaler && scaler->is_fitted() ? scaler->transform(x) : x;
}

}  // namespace gradus::train::detail
