#include "gradus/nn/activation.hpp"

#include <string_view>

#include "gradus/ops.hpp"

namespace gradus::nn {

namespace {

struct Entry {
  std::string_view name;
  const char* text;
  Tensor (*function)(const Tensor& x, double a, double b);
  int parameters = 0;
  double a = 0, b = 0;  // defaults
};

template <Tensor (*F)(const Tensor&)>
Tensor plain(const Tensor& x, double, double) {
  return F(x);
}
template <Tensor (*F)(const Tensor&, double)>
Tensor with_one(const Tensor& x, double a, double) {
  return F(x, a);
}
template <Tensor (*F)(const Tensor&, double, double)>
Tensor with_two(const Tensor& x, double a, double b) {
  return F(x, a, b);
}
template <Tensor (*F)(const Tensor&, Index)>
Tensor with_axis(const Tensor& x, double a, double) {
  return F(x, static_cast<Index>(a));
}
Tensor gelu_exact(const Tensor& x, double, double) { return gelu(x); }
Tensor gelu_by_tanh(const Tensor& x, double, double) { return gelu(x, GeluApproximate::tanh); }
Tensor identity(const Tensor& x, double, double) { return x; }

constexpr Entry table[] = {
    {"none", "Identity", identity},
    {"relu", "ReLU", plain<relu>},
    {"gelu", "GELU", gelu_exact},
    {"gelu_tanh", "GELU", gelu_by_tanh},
    {"silu", "SiLU", plain<silu>},
    {"tanh", "Tanh", plain<tanh>},
    {"sigmoid", "Sigmoid", plain<sigmoid>},
    {"leaky_relu", "LeakyReLU", with_one<leaky_relu>, 1, 0.01},
    {"elu", "ELU", with_one<elu>, 1, 1},
    {"celu", "CELU", with_one<celu>, 1, 1},
    {"selu", "SELU", plain<selu>},
    {"softplus", "Softplus", with_two<softplus>, 2, 1, 20},
    {"mish", "Mish", plain<mish>},
    {"relu6", "ReLU6", plain<relu6>},
    {"hardswish", "Hardswish", plain<hardswish>},
    {"hardsigmoid", "Hardsigmoid", plain<hardsigmoid>},
    {"hardtanh", "Hardtanh", with_two<hardtanh>, 2, -1, 1},
    {"softsign", "Softsign", plain<softsign>},
    {"tanhshrink", "Tanhshrink", plain<tanhshrink>},
    {"logsigmoid", "LogSigmoid", plain<logsigmoid>},
    {"softmax", "Softmax", with_axis<softmax>, 1, -1},
    {"log_softmax", "LogSoftmax", with_axis<log_softmax>, 1, -1},
};

const Entry& entry_of(const std::string& name) {
  std::string names;
  for (const Entry& entry : table) {
    if (entry.name == name) return entry;
    names += (names.empty() ? "" : ", ") + std::string(entry.name);
  }
  fail("Activation", "the name \"" + name + "\" was given; known are " + names);
}

}  // namespace

Activation::Activation(const std::string& name)
    : Activation(name.c_str(), entry_of(name).text, entry_of(name).a, entry_of(name).b) {}

Activation::Activation(const char* name, const char* text, double a, double b)
    : name_(name), text_(text), a_(a), b_(b) {
  const Entry& entry = entry_of(name_);
  function_ = entry.function;
  text_ += "(";
  if (entry.parameters > 0) text_ += text_of(a);
  if (entry.parameters > 1) text_ += ", " + text_of(b);
  if (name_ == "gelu_tanh") text_ += "tanh";
  text_ += ")";
}

std::string Activation::describe() const { return text_; }

std::vector<std::string> activation_names() {
  std::vector<std::string> names;
  for (const Entry& entry : table) names.emplace_back(entry.name);
  return names;
}

}  // namespace gradus::nn
