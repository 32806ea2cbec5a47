#include <sys/stat.h>

#include "gradus/io/safetensors.hpp"
#include "gradus/train/setup.hpp"

namespace gradus::train {
namespace {

constexpr const char* format = "gradus-model-1";

/// Values in the layers that the specification describes, roughly: enough to see that a damaged
/// file asks for more than it holds.
double described_values(const ModelSpec& spec) {
  double count = 0, width = static_cast<double>(spec.inputs);
  for (std::size_t i = 0; i < spec.categories.size(); ++i) {
    count += static_cast<double>(spec.categories[i]) * static_cast<double>(spec.embedding_sizes[i]);
    width += static_cast<double>(spec.embedding_sizes[i]) - 1;
  }
  for (const Index size : spec.hidden) {
    count += width * static_cast<double>(size);
    width = static_cast<double>(size);
  }
  return count + width * static_cast<double>(spec.outputs);
}

}  // namespace

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
  struct stat info {};
  const bool folder = ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
  const std::string file = folder ? path + "/model.safetensors" : path;
  const io::SafeTensors saved = io::read_safetensors(file);
  if (saved.text("format") != format)
    fail("load_model", file + ": is no model that train has written (its format is \"" +
                           saved.text("format") + "\"); model.safetensors of a run is required");
  SavedModel m;
  read_json(m.config, saved.text("config"), file);
  m.spec = parse_model_spec(saved.text("model"));
  io::NamedTensors others;
  nn::StateDict weights;
  double values = 0;
  for (const auto& [name, tensor] : saved.tensors) {
    if (name.starts_with("scaler.") || name.starts_with("target_scaler.")) {
      others.emplace_back(name, tensor);
    } else {
      weights[name] = tensor;
      values += static_cast<double>(tensor.numel());
    }
  }
  m.pipeline = Pipeline::parse(saved.text("pipeline"), others);
  if (described_values(m.spec) > 2 * values + 1000)
    fail("load_model", file +
                           ": the model is described as larger than the weights that the file "
                           "holds; is the file damaged?");
  m.objective = objective_of(m.config, m.pipeline);
  if (static_cast<Index>(m.pipeline.features().size()) != m.spec.inputs ||
      m.objective.outputs != m.spec.outputs)
    fail("load_model", file + ": the model has " + text_of(m.spec.inputs) + " inputs and " +
                           text_of(m.spec.outputs) + " outputs, its preprocessing gives " +
                           text_of(m.pipeline.features().size()) + " and needs " +
                           text_of(m.objective.outputs) + "; is the file damaged?");
  m.model = build_model(m.spec, m.pipeline.dtype());
  m.model->load_state_dict(weights);
  m.model->eval();
  return m;
}

}  // namespace gradus::train
