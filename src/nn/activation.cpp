#include "gradus/nn/activation.hpp"

#include "base/messages.hpp"
#include "ops/elementwise/activation_table.hpp"

namespace gradus::nn {

namespace {

const detail::ActivationEntry& entry_of(const std::string& name) {
  if (const auto* entry = gradus::detail::find_activation(name)) return *entry;
  fail("Activation", "the name \"", name, "\" was given; known are ",
       gradus::detail::names_of_activations());
}

}  // namespace

Activation::Activation(const std::string& name)
    : Activation(name.c_str(), entry_of(name).module, entry_of(name).a, entry_of(name).b) {}

Activation::Activation(const char* name, const char* text, double a, double b)
    : name_(name), text_(text), a_(a), b_(b) {
  const auto& entry = entry_of(name_);
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
  for (const auto& entry : detail::activations()) names.emplace_back(entry.name);
  return names;
}

}  // namespace gradus::nn
