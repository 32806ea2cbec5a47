#include "gradus/nn/recurrent.hpp"

#include <cmath>

#include "base/messages.hpp"
#include "gradus/nn/init.hpp"
#include "gradus/ops.hpp"

namespace gradus::nn {

namespace {

template <class Options>
Tensor first_values(const Shape& shape, Index hidden, const Options& o) {
  const double bound = 1 / std::sqrt(static_cast<double>(hidden));
  return init::uniform_(zeros(shape, o.dtype), -bound, bound, o.generator);
}

void check_sizes(const char* name, Index input_size, Index hidden_size) {
  if (input_size < 1 || hidden_size < 1)
    fail(name, "input_size ", input_size, " and hidden_size ", hidden_size,
         " were given; 1 or more of each is required");
}

bool is_relu(const std::string& nonlinearity, const char* name) {
  if (nonlinearity != "tanh" && nonlinearity != "relu")
    fail(name, "the nonlinearity \"", nonlinearity, "\" was given; known are tanh, relu");
  return nonlinearity == "relu";
}

/// The k-th of `gates` parts of the last axis.
Tensor gate(const Tensor& gates, Index k, Index hidden) {
  return slice(gates, -1, k * hidden, (k + 1) * hidden);
}

// One step, given W_ih x + b_ih.

Tensor rnn_step(const Tensor& from_x, const Tensor& from_h, bool rectifies) {
  const Tensor sum = from_x + from_h;
  return rectifies ? relu(sum) : tanh(sum);
}

LSTMState lstm_step(const Tensor& gates, const Tensor& c) {
  const Index hidden = c.size(-1);
  const Tensor i = sigmoid(gate(gates, 0, hidden)), f = sigmoid(gate(gates, 1, hidden)),
               g = tanh(gate(gates, 2, hidden)), o = sigmoid(gate(gates, 3, hidden));
  const Tensor next = f * c + i * g;
  return {o * tanh(next), next};
}

Tensor gru_step(const Tensor& from_x, const Tensor& from_h, const Tensor& h) {
  const Index hidden = h.size(-1);
  const Tensor r = sigmoid(gate(from_x, 0, hidden) + gate(from_h, 0, hidden)),
               z = sigmoid(gate(from_x, 1, hidden) + gate(from_h, 1, hidden));
  const Tensor n = tanh(gate(from_x, 2, hidden) + r * gate(from_h, 2, hidden));
  return n + z * (h - n);
}

}  // namespace

// ------------------------------------------------------------------ cells

Cell::Cell(const char* name, Index gates, Index input_size, Index hidden_size,
           const CellOptions& options)
    : name_((check_sizes(name, input_size, hidden_size), name)),
      weight_ih(parameter("weight_ih",
                          first_values({gates * hidden_size, input_size}, hidden_size, options))),
      weight_hh(parameter("weight_hh",
                          first_values({gates * hidden_size, hidden_size}, hidden_size, options))),
      bias_ih(options.bias
                  ? parameter("bias_ih", first_values({gates * hidden_size}, hidden_size, options))
                  : Tensor()),
      bias_hh(options.bias
                  ? parameter("bias_hh", first_values({gates * hidden_size}, hidden_size, options))
                  : Tensor()) {}

std::string Cell::describe() const {
  return compose(name_, "(", input_size(), ", ", hidden_size(), ")");
}

Tensor Cell::checked(const Tensor& x, const Tensor& h) const {
  Shape state = x.shape();
  if (state.empty() || state.size() > 2 || state.back() != input_size())
    fail(name_, "x of shape ", x.shape(), " was given; (N, ", input_size(), ") or (", input_size(),
         ") is required");
  state[state.size() - 1] = hidden_size();
  if (!h.defined()) return zeros(state, x.dtype());
  if (!(h.shape() == state))
    fail(name_, "a state of shape ", h.shape(), " was given with x of shape ", x.shape(), "; ",
         state, " is required");
  return h;
}

RNNCell::RNNCell(Index input_size, Index hidden_size, const CellOptions& options)
    : Cell("RNNCell", 1, input_size, hidden_size, options),
      relu_(is_relu(options.nonlinearity, "RNNCell")) {}

Tensor RNNCell::operator()(const Tensor& x, const Tensor& h) const {
  const Pass pass(*this);
  return rnn_step(linear(x, weight_ih, bias_ih), linear(checked(x, h), weight_hh, bias_hh), relu_);
}

LSTMState LSTMCell::operator()(const Tensor& x, const LSTMState& state) const {
  const Pass pass(*this);
  const Tensor h = checked(x, state.h), c = checked(x, state.c);
  return lstm_step(linear(x, weight_ih, bias_ih) + linear(h, weight_hh, bias_hh), c);
}

Tensor GRUCell::operator()(const Tensor& x, const Tensor& h) const {
  const Pass pass(*this);
  const Tensor before = checked(x, h);
  return gru_step(linear(x, weight_ih, bias_ih), linear(before, weight_hh, bias_hh), before);
}

// ------------------------------------------------------------------ sequences

Recurrent::Recurrent(const char* name, Index gates, Index input_size, Index hidden_size,
                     const RecurrentOptions& options)
    : name_(name),
      input_size_(input_size),
      hidden_size_(hidden_size),
      batch_first_(options.batch_first),
      dropout_(options.dropout),
      generator_(options.generator) {
  check_sizes(name, input_size, hidden_size);
  const double p = options.dropout;
  gradus::detail::require(options.num_layers >= 1, name, "num_layers", options.num_layers,
                          "1 or more");
  gradus::detail::require(p >= 0 && p <= 1, name, "dropout", p, "0 to 1");
  for (Index i = 0; i < options.num_layers; ++i) {
    const std::string suffix = "_l" + text_of(i);
    const auto make = [&](const char* what, const Shape& shape) {
      return parameter(what + suffix, first_values(shape, hidden_size, options));
    };
    Layer layer;
    layer.weight_ih = make("weight_ih", {gates * hidden_size, i == 0 ? input_size : hidden_size});
    layer.weight_hh = make("weight_hh", {gates * hidden_size, hidden_size});
    if (options.bias) {
      layer.bias_ih = make("bias_ih", {gates * hidden_size});
      layer.bias_hh = make("bias_hh", {gates * hidden_size});
    }
    layers_.push_back(layer);
  }
}

std::string Recurrent::describe() const {
  return compose(name_, "(", input_size_, ", ", hidden_size_,
                 (layers_.size() > 1 ? ", num_layers = " + text_of(layers_.size()) : ""), ")");
}

Tensor Recurrent::initial(const Tensor& state, const Tensor& x, const char* what) const {
  const auto layers = static_cast<Index>(layers_.size());
  const Index batch = x.dim() == 2 ? 1 : x.size(batch_first_ ? 0 : 1);
  const Shape inside{layers, batch, hidden_size_};
  if (!state.defined()) return zeros(inside, x.dtype());
  const Shape outside = x.dim() == 2 ? Shape{layers, hidden_size_} : inside;
  if (!(state.shape() == outside))
    fail(name_, "a state ", what, " of shape ", state.shape(), " was given with x of shape ",
         x.shape(), "; ", outside, " is required");
  return reshape(state, inside);
}

std::pair<Tensor, std::vector<Tensor>> Recurrent::run(const Tensor& x, std::vector<Tensor> states,
                                                      const Step& step) const {
  const std::string in = text_of(input_size_);
  const bool batched = x.dim() == 3;
  if ((x.dim() != 2 && !batched) || x.size(-1) != input_size_ ||
      x.size(batched && batch_first_ ? 1 : 0) == 0)
    fail(name_, "x of shape ", x.shape(), " was given; ", (batch_first_ ? "(N, T, " : "(T, N, "),
         in, ") or (T, ", in, ") with at least one time is required");
  Tensor y = !batched ? unsqueeze(x, 1) : batch_first_ ? transpose(x, 0, 1) : x;
  for (std::size_t k = 0; k < states.size(); ++k) states[k] = initial(states[k], x, k ? "c" : "h");
  std::vector<std::vector<Tensor>> last(states.size());  // of each layer
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Tensor from_x = linear(y, layers_[i].weight_ih, layers_[i].bias_ih);  // (T, N, gates)
    std::vector<Tensor> now, outputs;
    for (const Tensor& state : states) now.push_back(state[static_cast<Index>(i)]);
    for (Index t = 0; t < from_x.size(0); ++t) {
      now = step(layers_[i], from_x[t], now);
      outputs.push_back(now[0]);
    }
    for (std::size_t k = 0; k < now.size(); ++k) last[k].push_back(now[k]);
    y = stack(outputs);
    if (i + 1 < layers_.size())
      y = dropout(y, dropout_, {.training = is_training(), .generator = generator_});
  }
  for (std::size_t k = 0; k < last.size(); ++k)
    states[k] = batched ? stack(last[k]) : squeeze(stack(last[k]), {1});
  return {!batched ? squeeze(y, {1}) : batch_first_ ? transpose(y, 0, 1) : y, states};
}

RNN::RNN(Index input_size, Index hidden_size, const RecurrentOptions& options)
    : Recurrent("RNN", 1, input_size, hidden_size, options),
      relu_(is_relu(options.nonlinearity, "RNN")) {}

RNN::Result RNN::operator()(const Tensor& x, const Tensor& h) const {
  const Pass pass(*this);
  const auto [y, last] = run(
      x, {h}, [this](const Layer& layer, const Tensor& from_x, const std::vector<Tensor>& state) {
        const Tensor from_h = linear(state[0], layer.weight_hh, layer.bias_hh);
        return std::vector{rnn_step(from_x, from_h, relu_)};
      });
  return {y, last[0]};
}

LSTM::Result LSTM::operator()(const Tensor& x, const LSTMState& state) const {
  const Pass pass(*this);
  const auto [y, last] =
      run(x, {state.h, state.c},
          [](const Layer& layer, const Tensor& from_x, const std::vector<Tensor>& now) {
            const Tensor gates = from_x + linear(now[0], layer.weight_hh, layer.bias_hh);
            const LSTMState next = lstm_step(gates, now[1]);
            return std::vector{next.h, next.c};
          });
  return {y, {last[0], last[1]}};
}

GRU::Result GRU::operator()(const Tensor& x, const Tensor& h) const {
  const Pass pass(*this);
  const auto [y, last] =
      run(x, {h}, [](const Layer& layer, const Tensor& from_x, const std::vector<Tensor>& state) {
        const Tensor from_h = linear(state[0], layer.weight_hh, layer.bias_hh);
        return std::vector{gru_step(from_x, from_h, state[0])};
      });
  return {y, last[0]};
}

}  // namespace gradus::nn
