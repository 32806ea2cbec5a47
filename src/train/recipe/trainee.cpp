#include <cmath>
#include <cstdio>

#include "gradus/random.hpp"
#include "gradus/train/check.hpp"
#include "gradus/train/run.hpp"

namespace gradus::train {

namespace {

std::shared_ptr<nn::Module> fresh_model(const ModelSpec& spec, const Prepared& data) {
  manual_seed(data.config.seed);
  return build_model(spec, data.pipeline.dtype());
}

}  // namespace

Trainee::Trainee(const Prepared& data)
    : objective(objective_of(data.config, data.pipeline, data.train)),
      spec(model_spec(data.config, data.pipeline, objective)),
      model(fresh_model(spec, data)),
      optimizer(make_optimizer(data.config, *model)),
      loader(make_loader(data.config, data.train)) {}

std::vector<Finding> Trainee::lint(const Config& config) {
  return train::lint(*model, {.loss = objective.loss == "bce"                 ? "bce_with_logits"
                                      : objective.loss == "bce_probabilities" ? "bce"
                                                                              : objective.loss,
                              .optimizer = optimizer.get(),
                              .scheduler = scheduler ? &*scheduler : nullptr,
                              .loader = &loader,
                              .epochs = config.epochs.value_or(0),
                              .accumulate = config.fit.accumulate});
}

LrCurve sweep_rates(const Prepared& data, const LrFinderOptions& options) {
  const Trainee trainee(data);
  return find_lr(*trainee.model, trainee.objective.function, *trainee.optimizer, trainee.loader,
                 options);
}

std::string rate_text(double lr) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2g", lr);
  return text;
}

Metrics measure(nn::Module& model, const Objective& objective, const Pipeline& pipeline,
                const data::TensorDataset& set) {
  const Score score = evaluate(model, objective.function, set);
  Metrics metrics = {{"loss", score.loss}, {"accuracy", score.accuracy}};
  metrics.insert(metrics.end(), score.metrics.begin(), score.metrics.end());
  if (pipeline.task() != Task::regression) return metrics;
  MetricAccumulator values({.outputs = Outputs::values});
  values.add(pipeline.unscale(objective.predict(run_model(model, set.x()))),
             pipeline.unscale(set.y()));
  metrics = values.metrics();
  metrics[0].second = score.loss;
  return metrics;
}

std::string describe(const Metrics& metrics, const std::string& part) {
  char text[200];
  const double loss = metric(metrics, "loss");
  const double accuracy = metric(metrics, "accuracy");
  if (std::isnan(accuracy))
    std::snprintf(text, sizeof text, "%s loss %.4g, R2 %.4f, RMSE %.4g", part.c_str(), loss,
                  metric(metrics, "r2"), metric(metrics, "rmse"));
  else
    std::snprintf(text, sizeof text, "%s accuracy %.2f %%, %s loss %.4f", part.c_str(),
                  100 * accuracy, part.c_str(), loss);
  return text;
}

}  // namespace gradus::train
