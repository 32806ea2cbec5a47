#include "train/loop/evaluation.hpp"

#include <algorithm>

#include "gradus/ops.hpp"
#include "gradus/train/fit.hpp"

namespace gradus::train {

namespace detail {

std::vector<Index> spread(Index samples, Index most) {
  std::vector<Index> chosen;
  const Index count = std::min(samples, std::max<Index>(most, 1));
  for (Index i = 0; i < count; ++i) chosen.push_back(i * samples / count);
  return chosen;
}

Tensor predictions(const Tensor& output, bool classes, const RecorderOptions& options) {
  if (options.predict) return options.predict(output);
  if (!classes) return unscaled(options.unscale_targets, output);
  const Tensor logits = output.reshape({output.size(0), -1});
  if (logits.size(1) > 1) return softmax(logits, 1);
  const Tensor p = sigmoid(logits);
  return cat({1 - p, p}, 1);
}

Answer answer_of(const double* row, Index count, bool classes) {
  if (!classes) return {row[0], 0};
  const double* best = std::max_element(row, row + count);
  return {static_cast<double>(best - row), *best};
}

}  // namespace detail

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
