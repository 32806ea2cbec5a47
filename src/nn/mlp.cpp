#include "gradus/nn/mlp.hpp"

#include "base/messages.hpp"
#include "gradus/nn/activation.hpp"
#include "gradus/nn/init.hpp"
#include "gradus/nn/linear.hpp"
#include "gradus/nn/norm.hpp"
#include "gradus/nn/simple.hpp"

namespace gradus::nn {

namespace {

void initialize(const Linear& layer, const std::string& activation, const MLPOptions& options) {
  Generator* const generator = options.generator;
  if (options.init == "default") return;
  if (options.init == "auto")
    init::for_activation_(layer.weight, activation, generator);
  else if (options.init == "he")
    init::kaiming_normal_(layer.weight, {.nonlinearity = "relu", .generator = generator});
  else if (options.init == "xavier")
    init::xavier_uniform_(layer.weight, 1, generator);
  else if (options.init == "lecun")
    init::lecun_normal_(layer.weight, generator);
  else if (options.init == "orthogonal")
    init::orthogonal_(layer.weight, init::calculate_gain(activation), generator);
  else
    fail("MLP", "the init \"", options.init,
         "\" was given; known are auto, default, he, xavier, lecun, orthogonal");
  if (layer.bias.defined()) init::zeros_(layer.bias);
}

Linear make_linear(Index in, Index out, const std::string& activation, const MLPOptions& options) {
  const Linear layer(
      in, out, {.bias = options.bias, .dtype = options.dtype, .generator = options.generator});
  initialize(layer, activation, options);
  return layer;
}

void append_norm(Sequential& to, const std::string& name, Index width, const MLPOptions& options) {
  if (options.norm == "layer")
    to.append(name, LayerNorm(width, {.dtype = options.dtype}));
  else if (options.norm == "batch")
    to.append(name, BatchNorm1d(width, {.dtype = options.dtype}));
  else if (options.norm == "rms")
    to.append(name, RMSNorm(width, {.dtype = options.dtype}));
  else if (options.norm != "none")
    fail("MLP", "the norm \"", options.norm, "\" was given; known are none, layer, batch, rms");
}

/// The modules of the i-th hidden layer.
Sequential& append_hidden(Sequential& to, std::size_t i, Index in, Index out,
                          const MLPOptions& options) {
  const std::string number = text_of(i);
  to.append("fc" + number, make_linear(in, out, options.activation, options));
  append_norm(to, "norm" + number, out, options);
  to.append("act" + number, Activation(options.activation));
  if (options.dropout > 0) to.append("drop" + number, Dropout(options.dropout));
  return to;
}

}  // namespace

MLP::MLP(const std::vector<Index>& sizes, const MLPOptions& options) {
  if (sizes.size() < 2)
    fail("MLP", sizes.size(),
         " sizes were given; at least the numbers of inputs and outputs are required");
  const double p = options.dropout;
  gradus::detail::require(p >= 0 && p <= 1, "MLP", "dropout", p, "a probability from 0 to 1");
  for (std::size_t i = 1; i + 1 < sizes.size(); ++i) {
    const Index in = sizes[i - 1], out = sizes[i];
    if (options.residual && in == out) {
      Sequential body;
      append("res" + text_of(i), Residual(append_hidden(body, i, in, out, options)));
    } else {
      append_hidden(*this, i, in, out, options);
    }
  }
  const std::size_t last = sizes.size() - 1;
  append("fc" + text_of(last), make_linear(sizes[last - 1], sizes[last], "linear", options));
}

}  // namespace gradus::nn
