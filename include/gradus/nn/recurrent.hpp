#pragma once

#include "gradus/nn/module.hpp"

namespace gradus::nn {

/// What an LSTM carries from step to step: h and c.
struct LSTMState {
  Tensor h, c;
  /// The same values without history: cuts backpropagation through time here.
  LSTMState detach() const { return {h.detach(), c.detach()}; }
};

struct CellOptions {
  bool bias = true;
  std::string nonlinearity = "tanh";  ///< of RNNCell: "tanh" or "relu"
  DType dtype = float32;
  Generator* generator = nullptr;
};

/// One step of a recurrent network. Parameters weight_ih (gates hidden, in), weight_hh (gates
/// hidden, hidden), bias_ih, bias_hh (gates hidden), uniform in ±1/sqrt(hidden) at first; gates in
/// PyTorch's order. x is (N, in) or (in), the state (N, hidden) or (hidden); an undefined state is
/// 0.
class Cell : public Module {
 public:
  std::string describe() const override;
  Index input_size() const { return weight_ih.size(1); }
  Index hidden_size() const { return weight_hh.size(1); }

 protected:
  Cell(const char* name, Index gates, Index input_size, Index hidden_size,
       const CellOptions& options);
  /// Throws unless x and the state fit; gives the state, zeros if it was undefined.
  Tensor checked(const Tensor& x, const Tensor& h) const;

 private:
  const char* name_;

 public:
  const Tensor weight_ih, weight_hh;
  const Tensor bias_ih, bias_hh;  ///< undefined without bias
};

/// h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or with relu.
class RNNCell : public Cell {
 public:
  RNNCell(Index input_size, Index hidden_size, const CellOptions& options = {});
  Tensor operator()(const Tensor& x, const Tensor& h = {}) const;

 private:
  bool relu_;
};

/// Hochreiter and Schmidhuber 1997, gates i f g o: c' = f c + i g, h' = o tanh(c').
class LSTMCell : public Cell {
 public:
  LSTMCell(Index input_size, Index hidden_size, const CellOptions& options = {})
      : Cell("LSTMCell", 4, input_size, hidden_size, options) {}
  LSTMState operator()(const Tensor& x, const LSTMState& state = {}) const;
};

/// Cho et al. 2014, gates r z n: n = tanh(W_in x + b_in + r (W_hn h + b_hn)), h' = (1 - z) n + z h.
class GRUCell : public Cell {
 public:
  GRUCell(Index input_size, Index hidden_size, const CellOptions& options = {})
      : Cell("GRUCell", 3, input_size, hidden_size, options) {}
  Tensor operator()(const Tensor& x, const Tensor& h = {}) const;
};

struct RecurrentOptions {
  Index num_layers = 1;
  bool bias = true;
  bool batch_first = false;           ///< (N, T, in) instead of (T, N, in)
  double dropout = 0;                 ///< between layers, in training
  std::string nonlinearity = "tanh";  ///< of RNN: "tanh" or "relu"
  DType dtype = float32;
  Generator* generator = nullptr;  ///< of the initial values and the dropout
};

/// Recurrent layers over a whole sequence: x (T, N, in), or (T, in) without a batch; (N, T, in)
/// with batch_first. Parameters weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, weight_ih_l1, …
/// as in a cell. State: (num_layers, N, hidden) or (num_layers, hidden).
class Recurrent : public Module {
 public:
  std::string describe() const override;

 protected:
  struct Layer {
    Tensor weight_ih, weight_hh, bias_ih, bias_hh;
  };
  Recurrent(const char* name, Index gates, Index input_size, Index hidden_size,
            const RecurrentOptions& options);

  /// The state of all layers as (num_layers, N, hidden), zeros if undefined.
  Tensor initial(const Tensor& state, const Tensor& x, const char* what) const;
  /// The next states of a layer, its output first, from W_ih x + b_ih and those before.
  using Step = std::function<std::vector<Tensor>(const Layer&, const Tensor& from_x,
                                                 const std::vector<Tensor>& states)>;
  /// From the states h (and c): the outputs of the last layer at all times, and the states of all
  /// layers at the end, both in the shapes that belong to x.
  std::pair<Tensor, std::vector<Tensor>> run(const Tensor& x, std::vector<Tensor> states,
                                             const Step& step) const;

  const char* name_;
  Index input_size_, hidden_size_;
  bool batch_first_;
  double dropout_;
  Generator* generator_;
  std::vector<Layer> layers_;
};

/// RNNCell over a sequence.
class RNN : public Recurrent {
 public:
  RNN(Index input_size, Index hidden_size, const RecurrentOptions& options = {});
  struct Result {
    Tensor output, state;  ///< of the last layer at all times; of all layers at the end
  };
  using Module::operator();
  Result operator()(const Tensor& x, const Tensor& h) const;

 protected:
  Tensor forward(const Tensor& x) const override { return (*this)(x, Tensor()).output; }

 private:
  bool relu_;
};

/// LSTMCell over a sequence: lstm(x) is the output alone; auto [output, state] = lstm(x, {}) also
/// gives the state, which a later call may be given, detached.
class LSTM : public Recurrent {
 public:
  LSTM(Index input_size, Index hidden_size, const RecurrentOptions& options = {})
      : Recurrent("LSTM", 4, input_size, hidden_size, options) {}
  struct Result {
    Tensor output;
    LSTMState state;
  };
  using Module::operator();
  Result operator()(const Tensor& x, const LSTMState& state) const;

 protected:
  Tensor forward(const Tensor& x) const override { return (*this)(x, LSTMState()).output; }
};

/// GRUCell over a sequence.
class GRU : public Recurrent {
 public:
  GRU(Index input_size, Index hidden_size, const RecurrentOptions& options = {})
      : Recurrent("GRU", 3, input_size, hidden_size, options) {}
  using Result = RNN::Result;
  using Module::operator();
  Result operator()(const Tensor& x, const Tensor& h) const;

 protected:
  Tensor forward(const Tensor& x) const override { return (*this)(x, Tensor()).output; }
};

}  // namespace gradus::nn
