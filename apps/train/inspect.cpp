#include <cmath>
#include <cstdio>
#include <gradus/nn/summary.hpp>
#include <gradus/ops.hpp>
#include <gradus/train.hpp>

#include "command_line.hpp"
#include "commands.hpp"
#include "session.hpp"

using namespace gradus;

namespace {

void print_statistics(const nn::Module& model) {
  std::printf("\n%-24s %-14s %10s %10s %10s %10s\n", "parameter", "shape", "mean", "deviation",
              "least", "most");
  for (const auto& [name, tensor] : model.named_parameters()) {
    const Tensor values = tensor.detach().to(float64);
    const double mean_value = mean(values).item();
    const double deviation = std::sqrt(mean(pow(values - mean_value, 2)).item());
    std::printf("%-24s %-14s %10.4f %10.4f %10.4f %10.4f\n", name.c_str(),
                to_string(tensor.shape()).c_str(), mean_value, deviation, min(values).item(),
                max(values).item());
  }
}

}  // namespace

int command_inspect(int argc, char** argv) {
  CLI::App app("Shows a model's layers, shapes and parameters.", "train inspect");
  std::string path;
  app.add_option("MODEL,--model", path, "run folder or model file")->required();
  if (!parse(app, argc, argv)) return Exit::fine;
  const train::SavedModel saved = train::load_model(path);
  const train::Pipeline& pipeline = saved.pipeline;
  std::printf("%s from %zu features, trained on %s with the loss %s\n", name_of(pipeline.task()),
              pipeline.features().size(), saved.config.data.c_str(), saved.objective.loss.c_str());
  std::string list;
  for (const std::string& name :
       pipeline.class_names().empty() ? pipeline.target_names() : pipeline.class_names())
    list += (list.empty() ? "" : ", ") + name;
  std::printf("%s: %s\n\n", pipeline.class_names().empty() ? "predicts" : "classes", list.c_str());
  std::printf("%s", nn::summary(*saved.model, {1, saved.spec.inputs}, pipeline.dtype()).c_str());
  print_statistics(*saved.model);
  return Exit::fine;
}
