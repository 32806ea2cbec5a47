#include "gradus/train/setup.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/messages.hpp"
#include "gradus/autograd.hpp"
#include "gradus/ops.hpp"
#include "train/recipe/settings.hpp"

namespace gradus::train {
namespace {

PipelineOptions pipeline_options(const Config& c) {
  PipelineOptions o = c.pipeline;
  o.scaler = c.scaler;
  const io::CsvOptions csv = source_options(c).csv;
  o.task = csv.task;
  o.dtype = csv.dtype;
  o.missing = c.missing == "mean"     ? io::Missing::mean
              : c.missing == "median" ? io::Missing::median
              : c.missing == "mode"   ? io::Missing::mode
                                      : io::Missing::error;
  o.embed = c.categories == "embed";
  o.ignore_unknown = c.unknown == "ignore";
  return o;
}

void note_duplicates(Prepared& p) {
  for (const auto& [part, name] : {std::pair{&p.validation, "validation"}, {&p.test, "test"}}) {
    if (part->empty()) continue;
    const Index shared = data::count_shared(*part, p.train);
    if (shared == 0) continue;
    p.report.duplicates.emplace_back(name, shared);
    p.notes.push_back(text_of(shared) + " of " + text_of(part->size()) + " " + name +
                      " samples have the same inputs as a training sample");
  }
}

Tensor class_weights(const data::TensorDataset& train, Index classes) {
  std::vector<double> weights(static_cast<std::size_t>(classes));
  for (const Index label : train.y().to_vector<Index>()) ++weights[static_cast<std::size_t>(label)];
  const double each = static_cast<double>(train.size()) / static_cast<double>(classes);
  for (double& w : weights) w = w > 0 ? each / w : 0;
  return from_vector(weights);
}

}  // namespace

Prepared prepare(const Config& config, const Source& source) {
  const Tensor labels = class_labels(source, source_options(config).csv.task);
  const data::SplitOptions options{.validation = validation_of(config, source.size()),
                                   .test = source.test.empty() ? config.test : 0,
                                   .seed = config.seed};
  return prepare(config, source,
                 labels.defined() ? data::split_indices(labels, options)
                                  : data::split_indices(source.size(), options));
}

Prepared prepare(const Config& given, const Source& source, const data::SplitIndices& parts) {
  Prepared p;
  Config config = given;
  // Pixels share a scale already, and those that are nearly always 0 are not to be blown up.
  if (config.scaler == "auto")
    config.scaler = !source.table && source.arrays.x().dim() > 2 ? "none" : "standard";
  p.pipeline.fit(source, parts.train, pipeline_options(config));
  p.train = p.pipeline.dataset(source, parts.train);
  std::map<std::string, Index> unknown;
  if (!parts.validation.empty())
    p.validation = p.pipeline.dataset(source, parts.validation, &unknown);
  if (!parts.test.empty()) p.test = p.pipeline.dataset(source, parts.test, &unknown);
  if (!source.test.empty()) p.test = p.pipeline.dataset(source.test);
  p.config = resolve(config, {.samples = p.train.size(),
                              .inputs = p.train.x().size(1),
                              .classification = p.pipeline.task() != Task::regression});
  p.config.validation = validation_of(config, source.size());
  p.config.loss = objective_of(p.config, p.pipeline, p.train).loss;
  p.report = data::inspect(p.train, p.pipeline.features());
  if (source.table) {
    p.report.rows_read = source.table->report.rows_read;
    p.report.rows_refused = source.table->report.rows_refused;
    p.report.refusals = source.table->report.refusals;
    p.report.missing = source.table->report.missing;
    p.report.mixed_columns = source.table->report.mixed_columns;
    p.report.unknown.assign(unknown.begin(), unknown.end());
  }
  note_duplicates(p);
  return p;
}

ModelSpec model_spec(const Config& c, const Pipeline& pipeline, const Objective& objective) {
  ModelSpec spec = c.model;
  spec.inputs = static_cast<Index>(pipeline.features().size());
  spec.categories = pipeline.categories();
  for (const Index count : spec.categories)
    spec.embedding_sizes.push_back(c.embedding > 0 ? c.embedding
                                                   : std::clamp<Index>((count + 1) / 2, 2, 16));
  spec.hidden = c.hidden.value_or(std::vector<Index>());
  spec.outputs = objective.outputs;
  spec.dropout = c.dropout.value_or(0);
  return spec;
}

Objective objective_of(const Config& c, const Pipeline& pipeline,
                       const data::TensorDataset& train) {
  ObjectiveOptions o;
  o.task = pipeline.task();
  o.targets = pipeline.num_targets();
  o.loss = c.loss;
  o.output = c.model.output;
  o.label_smoothing = c.label_smoothing.value_or(0);
  if (c.balance && o.task != Task::regression && !train.empty())
    o.class_weights = class_weights(train, o.targets);
  return make_objective(o);
}

std::unique_ptr<optim::Optimizer> make_optimizer(const Config& c, const nn::Module& model) {
  optim::NamedOptions options;
  options["lr"] = c.lr.value_or(1e-3);
  if (c.optimizer != "lbfgs" && (c.optimizer != "muon" || c.weight_decay))
    options["weight_decay"] = c.weight_decay.value_or(0);
  if (c.momentum) options["momentum"] = *c.momentum;
  if (c.beta1) options["beta1"] = *c.beta1;
  if (c.beta2) options["beta2"] = *c.beta2;
  return optim::make_optimizer(c.optimizer, model.parameters(), options);
}

std::optional<optim::Schedule> make_schedule(const Config& c, Index per_epoch) {
  const Index epochs = c.epochs.value_or(1), total = std::max<Index>(1, per_epoch * epochs);
  const Index warmup = static_cast<Index>(c.warmup * static_cast<double>(total));
  const double lr = c.lr.value_or(1e-3);
  const auto every = [&](Index part) {
    return per_epoch * (c.step_size > 0 ? c.step_size : std::max<Index>(1, epochs / part));
  };
  const auto after_warmup = [&](optim::Schedule schedule) -> std::optional<optim::Schedule> {
    if (warmup == 0) return schedule;
    return optim::Schedule(optim::SequentialLR{
        .schedules = {optim::LinearWarmup{.warmup = warmup}, std::move(schedule)},
        .milestones = {warmup}});
  };
  if (c.schedule == "cosine") return optim::WarmupCosine{.warmup = warmup, .total = total};
  if (c.schedule == "onecycle") return optim::OneCycle{.total = total};
  if (c.schedule == "linear" || c.schedule == "polynomial")
    return after_warmup(optim::PolynomialLR{.total = std::max<Index>(1, total - warmup),
                                            .power = c.schedule == "linear" ? 1.0 : 2.0});
  if (c.schedule == "step")
    return after_warmup(optim::StepLR{.step_size = every(3), .gamma = c.gamma});
  if (c.schedule == "exponential")
    return after_warmup(optim::ExponentialLR{
        .gamma = std::pow(c.gamma, 1.0 / static_cast<double>(std::max<Index>(1, total - warmup)))});
  if (c.schedule == "restarts") return after_warmup(optim::CosineWarmRestarts{.first = every(4)});
  if (c.schedule == "cyclic")
    return optim::Schedule(
        optim::Cyclic{.max_lr = lr, .base_lr = lr / 10, .up = std::max<Index>(1, every(8) / 2)});
  if (warmup > 0 && c.schedule == "constant")
    return optim::Schedule(optim::LinearWarmup{.warmup = warmup});
  return std::nullopt;
}

data::DataLoader make_loader(const Config& c, const data::TensorDataset& train) {
  data::LoaderOptions o;
  o.batch_size = std::min<Index>(c.batch_size.value_or(32), train.size());
  o.merge_last_of_one = c.model.norm == "batch";
  o.seed = c.seed;
  o.shuffle = c.sampler == "auto";
  if (!o.shuffle) o.sampler = c.sampler;
  o.prefetch = static_cast<int>(c.prefetch);
  if (o.sampler == "weighted") {
    if (train.y().dtype() != int64)
      fail("make_loader", "the sampler weighted was chosen for regression; classes are required");
    const Index classes = std::max<Index>(1, static_cast<Index>(train.class_names.size()));
    o.weights = index_select(class_weights(train, classes), 0, train.y());
  }
  return data::DataLoader(train, o);
}

FitOptions fit_options(const Config& c) {
  FitOptions o = c.fit;
  o.epochs = c.epochs.value_or(1);
  o.clip_norm = c.clip_norm.value_or(0);
  o.non_finite = optim::NonFinite::stop;
  if (c.monitor != "auto")
    o.monitor = c.monitor == "train_loss" ? c.monitor : "validation_" + c.monitor;
  detail::set_checkpoint_every(o.checkpoint, c.checkpoint_every);
  return o;
}

Tensor predict(const SavedModel& saved, const Source& source) {
  const Tensor output = run_model(*saved.model, saved.pipeline.inputs(source));
  const Tensor values = saved.pipeline.unscale(saved.objective.predict(output));
  if (values.numel() == 0 || all(isfinite(values)).item<bool>()) return values;
  const std::vector<double> all_values = values.to_vector<double>();
  Index at = 0;
  while (std::isfinite(all_values[static_cast<std::size_t>(at)])) ++at;
  fail("predict", source.row_name(at / values.size(1)), ": the model answers ",
       all_values[static_cast<std::size_t>(at)],
       "; values as in training, for which its sums stay finite, are required; "
       "look for numbers that are much too large in this row");
}

Tensor run_model(nn::Module& model, const Tensor& x, Index batch_size) {
  const NoGrad guard;
  model.eval();
  std::vector<Tensor> parts;
  for (Index at = 0; at < x.size(0); at += batch_size)
    parts.push_back(model(slice(x, 0, at, std::min(x.size(0), at + batch_size))));
  return parts.size() == 1 ? parts[0] : concat(parts, 0);
}

}  // namespace gradus::train
