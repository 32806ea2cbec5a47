#include <cmath>
#include <cstdio>
#include <filesystem>
#include <gradus/io/safetensors.hpp>
#include <gradus/nn/summary.hpp>
#include <gradus/ops.hpp>
#include <gradus/runtime.hpp>
#include <gradus/train.hpp>

#include "command_line.hpp"
#include "commands.hpp"

using namespace gradus;

namespace {

void print_statistics(const io::NamedTensors& parameters) {
  std::printf("\n%-24s %-14s %10s %10s %10s %10s\n", "parameter", "shape", "mean", "deviation",
              "least", "most");
  for (const auto& [name, tensor] : parameters) {
    if (tensor.numel() == 0) {
      std::printf("%-24s %-14s\n", printable(name).c_str(), to_string(tensor.shape()).c_str());
      continue;
    }
    const Tensor values = tensor.detach().to(float64);
    const double mean_value = mean(values).item();
    const double deviation = std::sqrt(mean(pow(values - mean_value, 2)).item());
    std::printf("%-24s %-14s %10.4f %10.4f %10.4f %10.4f\n", printable(name).c_str(),
                to_string(tensor.shape()).c_str(), mean_value, deviation, min(values).item(),
                max(values).item());
  }
}

/// A checkpoint, or weights that another program wrote: tensors, without a description of layers.
void print_weights(const std::string& path) {
  const io::SafeTensors file = io::read_safetensors(path);
  io::NamedTensors weights;
  Index values = 0;
  for (const auto& [name, tensor] : file.tensors)
    if (!name.starts_with("gradus/")) {
      weights.emplace_back(name, tensor);
      values += tensor.numel();
    }
  std::printf("%s with %zu tensors of %lld values, and no description of a model\n",
              file.text("gradus.run").empty() ? "weights" : "checkpoint of a run", weights.size(),
              static_cast<long long>(values));
  print_statistics(weights);
}

bool is_other_file(const std::string& path) {
  return !std::filesystem::is_directory(path) && io::read_safetensors(path).text("model").empty();
}

}  // namespace

int command_inspect(int argc, char** argv) {
  CommandLine line("Shows a model's layers, shapes and parameters.", "train inspect");
  std::string path;
  line.add_required("MODEL,--model", path, "run folder, model file, or any .safetensors file");
  if (!parse(line, argc, argv)) return Exit::fine;
  if (is_other_file(path)) {
    print_weights(path);
    return Exit::fine;
  }
  const train::SavedModel saved = train::load_model(path);
  const train::Pipeline& pipeline = saved.pipeline;
  std::printf("%s from %zu features, trained on %s with the loss %s\n", name_of(pipeline.task()),
              pipeline.features().size(), printable(saved.config.data).c_str(),
              saved.objective.loss.c_str());
  std::string list;
  for (const std::string& name :
       pipeline.class_names().empty() ? pipeline.target_names() : pipeline.class_names())
    list += (list.empty() ? "" : ", ") + name;
  std::printf("%s: %s\n\n", pipeline.class_names().empty() ? "predicts" : "classes",
              printable(list).c_str());
  std::printf("%s", nn::summary(*saved.model, {1, saved.spec.inputs}, pipeline.dtype()).c_str());
  print_statistics(saved.model->named_parameters());
  return Exit::fine;
}

int command_doctor(int argc, char** argv) {
  CommandLine line("Shows what this program runs on.", "train doctor");
  if (!parse(line, argc, argv)) return Exit::fine;
  std::printf("%s", info().c_str());
  return Exit::fine;
}
