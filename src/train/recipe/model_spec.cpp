#include "gradus/train/model_spec.hpp"

#include "base/messages.hpp"
#include "gradus/nn/activation.hpp"
#include "gradus/nn/embedding.hpp"
#include "gradus/nn/mlp.hpp"
#include "gradus/ops.hpp"
#include "train/recipe/settings.hpp"
#include "train/save/json.hpp"

namespace gradus::train {

using detail::Json;

ColumnEmbedding::ColumnEmbedding(Index inputs, const std::vector<Index>& categories,
                                 const std::vector<Index>& sizes, DType dtype,
                                 Generator* generator) {
  const Index codes = static_cast<Index>(categories.size());
  if (categories.size() != sizes.size() || codes > inputs)
    fail("ColumnEmbedding", inputs, " columns, ", codes, " of them codes, and ", sizes.size(),
         " sizes were given; one size for each column of codes is required");
  numbers_ = inputs - codes;
  outputs_ = numbers_;
  for (std::size_t i = 0; i < categories.size(); ++i) {
    const nn::EmbeddingOptions options{.padding_idx = 0, .dtype = dtype, .generator = generator};
    auto table = std::make_shared<nn::Embedding>(categories[i] + 1, sizes[i], options);
    add_child(text_of(i), table);
    tables_.push_back(table);
    outputs_ += sizes[i];
  }
}

std::string ColumnEmbedding::describe() const {
  return compose("ColumnEmbedding(", tables_.size(), " columns)");
}

Tensor ColumnEmbedding::forward(const Tensor& x) const {
  std::vector<Tensor> parts;
  if (numbers_ > 0) parts.push_back(slice(x, 1, 0, numbers_));
  for (std::size_t i = 0; i < tables_.size(); ++i) {
    const Index at = numbers_ + static_cast<Index>(i);
    parts.push_back((*tables_[i])(select(x, 1, at).to(int64)));
  }
  return concat(parts, 1);
}

std::shared_ptr<nn::Module> build_model(const ModelSpec& spec, DType dtype, Generator* generator) {
  const auto perceptron = [&](Index inputs) {
    std::vector<Index> sizes = {inputs};
    sizes.insert(sizes.end(), spec.hidden.begin(), spec.hidden.end());
    sizes.push_back(spec.outputs);
    auto mlp = std::make_shared<nn::MLP>(sizes, nn::MLPOptions{.activation = spec.activation,
                                                               .norm = spec.norm,
                                                               .dropout = spec.dropout,
                                                               .residual = spec.residual,
                                                               .init = spec.init,
                                                               .bias = spec.bias,
                                                               .dtype = dtype,
                                                               .generator = generator});
    if (spec.output != "none") mlp->append("out", nn::Activation(spec.output));
    return mlp;
  };
  if (spec.categories.empty()) return perceptron(spec.inputs);
  const ColumnEmbedding embed(spec.inputs, spec.categories, spec.embedding_sizes, dtype, generator);
  auto model = std::make_shared<nn::Sequential>();
  model->append("embed", embed);
  model->append("mlp", *perceptron(embed.outputs()));
  return model;
}

std::string to_json(const ModelSpec& spec) {
  Json object = {{"inputs", spec.inputs},
                 {"categories", spec.categories},
                 {"embedding_sizes", spec.embedding_sizes},
                 {"hidden", spec.hidden},
                 {"outputs", spec.outputs},
                 {"dropout", spec.dropout}};
  Config config;
  config.model = spec;
  detail::for_options(config, "model", [&](const detail::Field& field, const std::string& name) {
    if (const auto* text = std::get_if<std::string*>(&field.target)) object[name] = **text;
    if (const auto* truth = std::get_if<bool*>(&field.target)) object[name] = **truth;
  });
  return detail::dump(object);
}

}  // namespace gradus::train
