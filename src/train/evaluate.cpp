#include "gradus/autograd.hpp"
#include "gradus/train/fit.hpp"

namespace gradus::train {
namespace {

/// Evaluation mode for its lifetime; afterwards every module is as it was.
class EvaluationMode {
 public:
  explicit EvaluationMode(nn::Module& model) {
    for (const nn::NamedModule& entry : model.named_modules())
      before_.emplace_back(entry.module, entry.module->is_training());
    model.eval();
  }
  ~EvaluationMode() {
    // Parents come first: what they set for all below them is corrected there.
    for (const auto& [module, training] : before_) module->train(training);
  }
  EvaluationMode(const EvaluationMode&) = delete;
  EvaluationMode& operator=(const EvaluationMode&) = delete;

 private:
  std::vector<std::pair<nn::Module*, bool>> before_;
};

}  // namespace

Score evaluate(nn::Module& model, const Loss& loss, const data::TensorDataset& dataset,
               MetricAccumulator& accumulator, Index batch_size) {
  Score score;
  if (dataset.empty()) return score;
  const NoGrad guard;
  const EvaluationMode mode(model);
  data::DataLoader loader(dataset, {.batch_size = batch_size});
  for (auto [x, y] : loader) {
    const Tensor output = model(x);
    accumulator.add(output, y, loss(output, y).item());
  }
  for (const auto& [name, value] : accumulator.metrics()) {
    if (name == "loss")
      score.loss = value;
    else if (name == "accuracy")
      score.accuracy = value;
    else
      score.metrics.emplace_back(name, value);
  }
  return score;
}

Score evaluate(nn::Module& model, const Loss& loss, const data::TensorDataset& dataset,
               Index batch_size) {
  MetricAccumulator accumulator;
  return evaluate(model, loss, dataset, accumulator, batch_size);
}

}  // namespace gradus::train
