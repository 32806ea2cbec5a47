#include <algorithm>
#include <cmath>

#include "base/class_of.hpp"
#include "base/messages.hpp"
#include "gradus/autograd.hpp"
#include "gradus/io/file.hpp"
#include "gradus/nn/activation.hpp"
#include "gradus/nn/container.hpp"
#include "gradus/nn/linear.hpp"
#include "gradus/nn/simple.hpp"
#include "gradus/ops.hpp"
#include "gradus/train/report.hpp"
#include "train/loop/evaluation.hpp"
#include "train/report/page.hpp"
#include "train/report/web/embedded.hpp"

namespace gradus::train {

namespace {

using detail::Json;

constexpr Index most_units = 200;

/// A linear layer and the activation after it, if there is one.
struct Layer {
  std::string name;
  const nn::Linear* linear;
  const nn::Activation* activation = nullptr;
  Tensor z, a;  // (1, units), a is z without activation
};

[[noreturn]] void refuse(const std::string& what) {
  fail("explain", what,
       "; a network of linear layers, each followed by at most one elementwise "
       "activation, is required");
}

void collect(nn::Module& module, const std::string& name, std::vector<Layer>& layers) {
  if (const auto* linear = as<const nn::Linear>(module)) {
    layers.push_back({name, linear, nullptr, {}, {}});
  } else if (const auto* activation = as<const nn::Activation>(module)) {
    if (activation->name() == "softmax" || activation->name() == "log_softmax")
      refuse("module " + name + ", " + module.describe() + ", mixes the units of its layer");
    if (layers.empty() || layers.back().activation)
      refuse("module " + name + ", " + module.describe() + ", does not follow a linear layer");
    layers.back().activation = activation;
  } else if (as<nn::Sequential>(module)) {
    for (const auto& [child, below] : module.children())
      collect(*below, name.empty() ? child : name + "." + child, layers);
  } else if (!as<nn::Dropout>(module) && !as<nn::Identity>(module)) {
    // In evaluation dropout does nothing.
    refuse("module " + (name.empty() ? "(model)" : name) + " is " + module.describe());
  }
}

std::vector<Layer> layers_of(nn::Module& model, Index inputs) {
  std::vector<Layer> layers;
  collect(model, "", layers);
  if (layers.empty()) refuse("a model without a linear layer was given");
  Index width = layers[0].linear->in_features(), units = width;
  if (inputs != width)
    fail("explain", "a sample of ", inputs, " inputs was given; the model takes ", width);
  for (const Layer& layer : layers) {
    if (layer.linear->in_features() != width)
      refuse("module " + layer.name + " takes " + text_of(layer.linear->in_features()) +
             " inputs after " + text_of(width) + " units");
    width = layer.linear->out_features();
    units += width;
  }
  if (units > most_units)
    fail("explain", "the network has ", units, " units with its inputs; at most ", most_units,
         " can be followed node by node; explain a smaller network");
  return layers;
}

/// Exact: the page is to show the engine's numbers.
Json numbers(const Tensor& tensor) {
  Json out = Json::array();
  for (const double value : tensor.to_vector<double>())
    out.push_back(std::isfinite(value) ? Json(value) : Json(nullptr));
  return out;
}
Json rows(const Tensor& matrix) {
  Json out = Json::array();
  for (Index i = 0; i < matrix.size(0); ++i) out.push_back(numbers(matrix[i]));
  return out;
}

/// What the loss is compared with: probabilities where the formula has them.
Json probabilities(const Tensor& output, const std::string& loss_name) {
  if (loss_name == "cross_entropy") return numbers(softmax(output));
  if (loss_name == "bce_with_logits") return numbers(sigmoid(output));
  return nullptr;
}

/// What the formula of a loss in words says, and its gradient for each output.
struct Formula {
  double value = NAN;
  std::vector<double> gradient = {};
};

Formula formula_of(const std::string& name, const std::vector<double>& y,
                   const std::vector<double>& t, double weight) {
  if (t.size() != y.size() || y.empty()) return {};
  const auto n = static_cast<double>(y.size());
  Formula f{0, std::vector<double>(y.size())};
  double largest = -INFINITY, exponentials = 0, shares = 0;
  for (const double a : y) largest = std::max(largest, a);
  for (const double a : y) exponentials += std::exp(a - largest);
  for (const double share : t) shares += share;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double d = y[i] - t[i];
    if (name == "cross_entropy") {
      const double log_p = y[i] - largest - std::log(exponentials);
      f.value -= t[i] == 0 ? 0 : t[i] * log_p;
      f.gradient[i] = std::exp(log_p) * shares - t[i];
    } else if (name == "bce_with_logits") {
      f.value +=
          weight / n * (std::max(y[i], 0.0) - y[i] * t[i] + std::log1p(std::exp(-std::abs(y[i]))));
      f.gradient[i] = weight / n * (1 / (1 + std::exp(-y[i])) - t[i]);
    } else if (name == "mse") {
      f.value += d * d / n;
      f.gradient[i] = 2 * d / n;
    } else if (name == "half_mse") {
      f.value += d * d / 2;
      f.gradient[i] = d;
    } else if (name == "l1") {
      f.value += std::abs(d) / n;
      f.gradient[i] = d == 0 ? 0 : std::copysign(1 / n, d);
    } else {
      return {};
    }
  }
  return f;
}

/// True if the formula gives what the engine computed, to the digits of float32.
bool holds(const Formula& f, double value, const std::vector<double>& gradient) {
  const auto same = [](double a, double b) { return std::abs(a - b) <= 1e-4 * (1 + std::abs(b)); };
  if (!same(f.value, value) || f.gradient.size() != gradient.size()) return false;
  for (std::size_t i = 0; i < gradient.size(); ++i)
    if (!same(f.gradient[i], gradient[i])) return false;
  return true;
}

/// What the formula compares the outputs with, where the options do not say it.
std::vector<double> compared_with(const Tensor& target, std::size_t outputs,
                                  const ExplainOptions& options) {
  if (options.compared.defined()) return options.compared.to_vector<double>();
  const std::vector<double> values = target.to_vector<double>();
  if (options.loss_name != "cross_entropy" || values.size() == outputs) return values;
  std::vector<double> shares(outputs);
  if (values.size() == 1 && values[0] >= 0 && values[0] < static_cast<double>(outputs))
    shares[static_cast<std::size_t>(values[0])] = 1;
  return shares;
}

/// Everything whose gradient is shown, in the order in which layer_json reads it.
std::vector<Tensor> wanted(const Tensor& x, const std::vector<Layer>& layers) {
  std::vector<Tensor> list{x};
  for (const Layer& layer : layers) {
    list.insert(list.end(), {layer.a, layer.z, layer.linear->weight});
    if (layer.linear->bias.defined()) list.push_back(layer.linear->bias);
  }
  return list;
}

Json layer_json(const Layer& layer, const Tensor*& gradient) {
  Json json = {{"name", layer.name},
               {"activation", layer.activation ? Json(layer.activation->name()) : Json(nullptr)},
               {"kind", layer.activation ? layer.activation->describe() : ""},
               {"z", numbers(layer.z)},
               {"a", numbers(layer.a)},
               {"weight", rows(layer.linear->weight)}};
  json["a_grad"] = numbers(*gradient++);
  json["z_grad"] = numbers(*gradient++);
  json["weight_grad"] = rows(*gradient++);
  const bool bias = layer.linear->bias.defined();
  json["bias"] = bias ? numbers(layer.linear->bias) : Json(nullptr);
  json["bias_grad"] = bias ? numbers(*gradient++) : Json(nullptr);
  return json;
}

}  // namespace

std::string explain_html(nn::Module& model, const Tensor& sample, const Tensor& target,
                         const Loss& loss, const ExplainOptions& options) {
  std::vector<Layer> layers = layers_of(model, sample.numel());
  const detail::Evaluation evaluation(model);
  const EnableGrad recording;
  // Parameters take part in the graph, frozen ones too.
  std::vector<Tensor> frozen = model.parameters();
  std::erase_if(frozen, [](const Tensor& parameter) { return parameter.requires_grad(); });
  for (Tensor& parameter : frozen) parameter.requires_grad_();
  const Finally freeze([&frozen] {
    for (Tensor& parameter : frozen) parameter.requires_grad_(false);
  });
  const Tensor x = sample.detach().to(layers[0].linear->weight.dtype()).reshape({1, -1}).clone();
  Tensor input = x.detach().requires_grad_();
  Tensor a = input;
  for (Layer& layer : layers) {
    layer.z = (*layer.linear)(a);
    layer.a = a = layer.activation ? (*layer.activation)(layer.z) : layer.z;
  }
  const Tensor value = loss(a, target);
  if (value.numel() != 1)
    fail("explain", "a loss of shape ", value.shape(), " was computed; one number is required");
  const std::vector<Tensor> gradients = grad(value, wanted(input, layers), {.allow_unused = true});
  const Tensor* gradient = gradients.data();
  Json json = {{"title", options.title},
               {"input_names", options.input_names},
               {"class_names", options.class_names},
               {"x", numbers(input)},
               {"x_grad", numbers(*gradient++)},
               {"layers", Json::array()}};
  for (const Layer& layer : layers) json["layers"].push_back(layer_json(layer, gradient));
  const std::vector<double> outputs = a.detach().to_vector<double>();
  const std::vector<double> compared = compared_with(target, outputs.size(), options);
  const Formula formula = formula_of(options.loss_name, outputs, compared, options.weight);
  // The last layer's a, before its z, weight and bias.
  const Tensor& error =
      gradients[gradients.size() - (layers.back().linear->bias.defined() ? 4 : 3)];
  json["loss"] = {{"name", options.loss_name},
                  {"known", holds(formula, value.item(), error.to_vector<double>())},
                  {"value", numbers(value).items()[0]},
                  {"target", numbers(target)},
                  {"compared", compared},
                  {"weight", options.weight},
                  {"probabilities", probabilities(a.detach(), options.loss_name)}};
  using namespace embedded;
  return detail::page({"One step, node by node", "steps of this page", "explain"},
                      {{base_css, base_css_size}, {explain_css, explain_css_size}},
                      {{chart_js, chart_js_size}, {explain_js, explain_js_size}}, json);
}

void write_explain(const std::string& path, nn::Module& model, const Tensor& sample,
                   const Tensor& target, const Loss& loss, const ExplainOptions& options) {
  io::write_file_atomically(path, explain_html(model, sample, target, loss, options));
}

}  // namespace gradus::train
