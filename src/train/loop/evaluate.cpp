#include "gradus/train/fit.hpp"
#include "train/loop/evaluation.hpp"

namespace gradus::train {

Score evaluate(nn::Module& model, const Loss& loss, const data::TensorDataset& dataset,
               MetricAccumulator& accumulator, Index batch_size) {
  Score score;
  if (dataset.empty()) return score;
  const detail::Evaluation mode(model);
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
