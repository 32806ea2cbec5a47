// Any multi-layer perceptron. Weights lie as (in, out), in which both products of the forward pass
// and of the weights' gradient run along rows.
#include <algorithm>

#include "math.hpp"
#include "net.hpp"

namespace by_hand {
namespace {

enum class Activation { none, relu, tanh, gelu };

Activation activation_of(const std::string& name) {
  if (name == "none") return Activation::none;
  if (name == "relu") return Activation::relu;
  if (name == "tanh") return Activation::tanh;
  if (name == "gelu") return Activation::gelu;
  throw std::runtime_error("unknown activation " + name);
}

struct Layer {
  int in, out;
  Activation activation;
  Parameter weight, bias;
  Values a, d, slope;  // (batch, out): the activation, the gradient before it, the slope of GELU

  Layer(int in_size, int out_size, Activation kind, int batch)
      : in(in_size),
        out(out_size),
        activation(kind),
        weight(static_cast<std::size_t>(in) * static_cast<std::size_t>(out)),
        bias(static_cast<std::size_t>(out)),
        a(static_cast<std::size_t>(batch) * static_cast<std::size_t>(out)),
        d(a.size()),
        slope(kind == Activation::gelu ? a.size() : 0) {}

  void forward(const float* x, int batch) {
    product(x, false, weight.value.data(), false, a.data(), batch, out, in);
    const float* __restrict b = bias.value.data();
    for (int i = 0; i < batch; ++i) {
      float* __restrict row = a.data() + static_cast<std::ptrdiff_t>(i) * out;
      float* __restrict s =
          slope.data() + (slope.empty() ? 0 : static_cast<std::ptrdiff_t>(i) * out);
      switch (activation) {
        case Activation::none:
          for (int j = 0; j < out; ++j) row[j] += b[j];
          break;
        case Activation::relu:
          for (int j = 0; j < out; ++j) row[j] = row[j] + b[j] > 0 ? row[j] + b[j] : 0.0f;
          break;
        case Activation::tanh:
          for (int j = 0; j < out; ++j) row[j] = tanh_of(row[j] + b[j]);
          break;
        case Activation::gelu:
          for (int j = 0; j < out; ++j) row[j] = gelu_of(row[j] + b[j], s[j]);
          break;
      }
    }
  }

  /// d holds the gradient of a and becomes that of the sums before the activation.
  void through_activation() {
    float* __restrict g = d.data();
    const float* __restrict y = a.data();
    const std::size_t n = d.size();
    switch (activation) {
      case Activation::none:
        break;
      case Activation::relu:
        for (std::size_t i = 0; i < n; ++i) g[i] = y[i] > 0 ? g[i] : 0.0f;
        break;
      case Activation::tanh:
        for (std::size_t i = 0; i < n; ++i) g[i] *= 1 - y[i] * y[i];
        break;
      case Activation::gelu: {
        const float* __restrict s = slope.data();
        for (std::size_t i = 0; i < n; ++i) g[i] *= s[i];
        break;
      }
    }
  }
};

class Mlp : public Net {
 public:
  Mlp(const bench::Workload& workload, float lr)
      : batch_(workload.batch), cross_entropy_(workload.loss == "ce") {
    update_.lr = lr;
    update_.kind = workload.optimizer == "sgd"    ? Update::Kind::sgd
                   : workload.optimizer == "adam" ? Update::Kind::adam
                                                  : Update::Kind::adamw;
    std::mt19937 generator(1);
    const auto& sizes = workload.sizes;
    for (std::size_t i = 0; i + 1 < sizes.size(); ++i) {
      const bool last = i + 2 == sizes.size();
      layers_.emplace_back(sizes[i], sizes[i + 1],
                           activation_of(last ? workload.output : workload.hidden), batch_);
      fill_normal(layers_.back().weight.value, 1 / std::sqrt(static_cast<float>(sizes[i])),
                  generator);
    }
    const auto rows = static_cast<std::size_t>(batch_);
    x_.resize(rows * static_cast<std::size_t>(sizes.front()));
    fill_normal(x_, 1, generator);
    y_.resize(rows * static_cast<std::size_t>(sizes.back()));
    fill_normal(y_, 0.5f, generator);
    labels_.resize(rows);
    for (int& label : labels_)
      label = static_cast<int>(generator() % static_cast<unsigned>(sizes.back()));
  }

  float step() override {
    const float* x = x_.data();
    for (Layer& layer : layers_) {
      layer.forward(x, batch_);
      x = layer.a.data();
    }
    const float loss = loss_and_gradient(layers_.back());
    update_.next_step();
    for (std::size_t i = layers_.size(); i-- > 0;) {
      Layer& layer = layers_[i];
      layer.through_activation();
      const float* input = i ? layers_[i - 1].a.data() : x_.data();
      column_sums(layer.d.data(), batch_, layer.out, layer.bias.grad.data());
      product(input, true, layer.d.data(), false, layer.weight.grad.data(), layer.in, layer.out,
              batch_);
      if (i)
        product(layer.d.data(), false, layer.weight.value.data(), true, layers_[i - 1].d.data(),
                batch_, layer.in, layer.out);
      update_(layer.weight);
      update_(layer.bias);
    }
    return loss;
  }

  void load(bench::ValuesIn& values) override {
    values.read(x_.data(), x_.size());
    if (cross_entropy_) {
      const auto labels = values.read(labels_.size());
      std::transform(labels.begin(), labels.end(), labels_.begin(),
                     [](float label) { return static_cast<int>(label); });
    } else {
      values.read(y_.data(), y_.size());
    }
    for (Layer& layer : layers_) {
      read_transposed(values, layer.weight.value, layer.in, layer.out);
      values.read(layer.bias.value.data(), layer.bias.value.size());
    }
  }

 private:
  float loss_and_gradient(Layer& last) {
    if (!cross_entropy_) return squared_error(last.a.data(), y_.data(), y_.size(), last.d.data());
    float loss = 0;
    for (int i = 0; i < batch_; ++i) {
      const std::ptrdiff_t row = static_cast<std::ptrdiff_t>(i) * last.out;
      loss += cross_entropy_row(last.a.data() + row, last.out, labels_[static_cast<std::size_t>(i)],
                                1.0f / static_cast<float>(batch_), last.d.data() + row);
    }
    return loss / static_cast<float>(batch_);
  }

  int batch_;
  bool cross_entropy_;
  Update update_;
  std::vector<Layer> layers_;
  Values x_, y_;
  std::vector<int> labels_;
};

}  // namespace

std::unique_ptr<Net> make_mlp(const bench::Workload& workload, float lr) {
  return std::make_unique<Mlp>(workload, lr);
}

}  // namespace by_hand
