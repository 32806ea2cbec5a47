#include <cmath>

#include "base/memory_error.hpp"
#include "base/messages.hpp"
#include "gradus/io/safetensors.hpp"
#include "gradus/nn/activation.hpp"
#include "gradus/train/setup.hpp"
#include "io/csv/scan.hpp"
#include "io/disk/output.hpp"
#include "train/recipe/settings.hpp"
#include "train/save/json.hpp"

namespace gradus::train {
namespace {

using io::detail::quote;

constexpr const char* format = "gradus-model-1";
constexpr Index largest_size = 1 << 24;
constexpr std::size_t most_layers = 10'000;

// ---- the description of the model ---------------------------------------------------------------

ModelSpec read_spec(const detail::Value& o) {
  std::vector<std::string> known = {"inputs", "categories", "embedding_sizes",
                                    "hidden", "outputs",    "dropout"};
  Config config;
  ModelSpec& spec = config.model;
  detail::for_options(config, "model", [&](const detail::Field&, const std::string& name) {
    known.push_back(name);
  });
  o.allow(known);
  spec.inputs = o.at("inputs").whole(1, largest_size);
  spec.categories = o.at("categories").wholes(1, largest_size);
  spec.embedding_sizes = o.at("embedding_sizes").wholes(1, largest_size);
  spec.hidden = o.at("hidden").wholes(1, largest_size, most_layers);
  spec.outputs = o.at("outputs").whole(1, largest_size);
  spec.dropout = o.at("dropout").finite();
  detail::for_options(config, "model", [&](const detail::Field& field, const std::string& name) {
    std::vector<std::string> choices = field.rule.choices;
    if (name == "output")  // what modules take besides
      for (const std::string& other : nn::activation_names()) choices.push_back(other);
    if (const auto* text = std::get_if<std::string*>(&field.target))
      **text = o.at(name).one_of(choices);
    if (const auto* truth = std::get_if<bool*>(&field.target)) **truth = o.at(name).truth();
  });
  if (spec.dropout < 0 || spec.dropout > 1) o.at("dropout").refuse("a probability from 0 to 1");
  if (static_cast<Index>(spec.categories.size()) > spec.inputs)
    o.at("categories")
        .refuse("one number for each of some of the " + text_of(spec.inputs) + " inputs");
  if (spec.embedding_sizes.size() != spec.categories.size())
    o.at("embedding_sizes")
        .refuse("a list of " + text_of(spec.categories.size()) +
                " sizes, one for each column of categories,");
  return spec;
}

/// The values of the matrices that the specification describes: a part of what the model takes.
double described_values(const ModelSpec& spec) {
  double count = 0, width = static_cast<double>(spec.inputs);
  for (std::size_t i = 0; i < spec.categories.size(); ++i) {
    const auto size = static_cast<double>(spec.embedding_sizes[i]);
    count += static_cast<double>(spec.categories[i] + 1) * size;
    width += size - 1;
  }
  for (const Index size : spec.hidden) {
    count += width * static_cast<double>(size);
    width = static_cast<double>(size);
  }
  return count + width * static_cast<double>(spec.outputs);
}

std::string text_of_list(const std::vector<Index>& list) {
  return compose("[", join(list, 8, [](Index n) { return text_of(n); }), "]");
}

// ---- what the parts say of each other -----------------------------------------------------------

[[noreturn]] void refuse(const std::string& file, const std::string& what) {
  fail("load_model", printable(file), ": ", what, "; is the file damaged?");
}

/// Nothing is made of a description before the file holds the values that it takes.
void check_size(const ModelSpec& spec, const nn::StateDict& weights, const std::string& file) {
  double values = 0;
  for (const auto& [name, tensor] : weights) values += static_cast<double>(tensor.numel());
  if (described_values(spec) > values)
    refuse(file, "the model is described with " + text_of(described_values(spec)) +
                     " weights or more; the file holds " + text_of(values));
}

void check_parts(const SavedModel& m, const std::string& file) {
  const auto inputs = static_cast<Index>(m.pipeline.features().size());
  if (inputs != m.spec.inputs || m.objective.outputs != m.spec.outputs)
    refuse(file, "the model has " + text_of(m.spec.inputs) + " inputs and " +
                     text_of(m.spec.outputs) + " outputs; its preprocessing gives " +
                     text_of(inputs) + " and needs " + text_of(m.objective.outputs));
  if (m.pipeline.categories() != m.spec.categories)
    refuse(file, "the model takes codes of " + text_of_list(m.spec.categories) +
                     " categories; its preprocessing gives those of " +
                     text_of_list(m.pipeline.categories()));
  if (m.objective.output != m.spec.output)
    refuse(file, "the last layer's activation is " + quote(m.spec.output) + " in the model and " +
                     quote(m.objective.output) + " in the configuration; one of both is required");
}

/// Names, shapes and dtypes are the model's; values are numbers that it can have learned.
void check_weights(const nn::StateDict& weights, const nn::Module& model, const std::string& file) {
  if (const std::string misfits = compare_weights(weights, model); !misfits.empty())
    refuse(file, "the weights are not those of the model that is described: " + misfits);
  for (const auto& [name, tensor] : weights) {
    if (!is_floating_point(tensor.dtype())) continue;
    const bool is_variance = name.ends_with("running_var");
    const std::vector<double> values = tensor.to_vector<double>();
    for (std::size_t i = 0; i < values.size(); ++i)
      if (!std::isfinite(values[i]) || (is_variance && values[i] < 0))
        refuse(file, "the weight " + quote(name) + " is " + text_of(values[i]) + " at place " +
                         text_of(i) + "; finite numbers" + (is_variance ? " of 0 or more" : "") +
                         " are required");
  }
}

}  // namespace

Config saved_config(const std::string& json, const std::string& file) {
  Config config;
  try {
    read_json(config, json, "");
    check(config);
  } catch (const ConfigError& e) {  // it came with the file, and is not the command's
    refuse(file, "the configuration: " + without_operation(e.what()));
  }
  return config;
}

ModelSpec parse_model_spec(const std::string& json, const std::string& file) {
  return read_spec(detail::Value("parse_model_spec", file, "model", json));
}

void save_model(const std::string& path, const nn::Module& model, const ModelSpec& spec,
                const Pipeline& pipeline, const Config& config) {
  io::NamedTensors tensors;
  for (const auto& [name, tensor] : model.state_dict()) tensors.emplace_back(name, tensor);
  for (const auto& [name, tensor] : pipeline.tensors()) tensors.emplace_back(name, tensor);
  io::write_safetensors(path, tensors,
                        {{"format", format},
                         {"model", to_json(spec)},
                         {"pipeline", pipeline.json()},
                         {"config", to_json(config)}});
}

SavedModel load_model(const std::string& path) {
  const std::string file = io::detail::is_folder(path) ? path + "/model.safetensors" : path;
  const io::SafeTensors saved = io::read_safetensors(file);
  if (saved.text("format") != format)
    fail("load_model", printable(file), ": is no model that train has written (its format is ",
         quote(saved.text("format")), "); model.safetensors of a run is required");
  SavedModel m;
  m.config = saved_config(saved.text("config"), file);
  m.spec = parse_model_spec(saved.text("model"), file);
  io::NamedTensors scalers;
  nn::StateDict weights;
  for (const auto& [name, tensor] : saved.tensors) {
    if (name.starts_with("scaler.") || name.starts_with("target_scaler."))
      scalers.emplace_back(name, tensor);
    else
      weights[name] = tensor;
  }
  check_size(m.spec, weights, file);
  m.pipeline = Pipeline::parse(saved.text("pipeline"), scalers, file, m.spec.inputs);
  const auto set_objective = [&m] { m.objective = objective_of(m.config, m.pipeline); };
  if (const std::string e = gradus::detail::failure_of(set_objective); !e.empty())
    refuse(file, "the configuration: " + without_operation(e));
  check_parts(m, file);
  m.model = build_model(m.spec, m.pipeline.dtype());
  check_weights(weights, *m.model, file);
  m.model->load_state_dict(weights);
  m.model->eval();
  return m;
}

}  // namespace gradus::train
