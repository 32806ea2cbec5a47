#include "gradus/nn/container.hpp"

#include <optional>
#include <typeinfo>

#include "base/class_of.hpp"
#include "base/messages.hpp"
#include "gradus/debug.hpp"
#include "gradus/nn/activation.hpp"
#include "gradus/nn/linear.hpp"
#include "gradus/ops.hpp"
#include "ops/elementwise/activation_table.hpp"

namespace gradus::nn {

namespace {

Module& pick(const std::vector<std::shared_ptr<Module>>& list, Index i, const char* container) {
  const auto size = static_cast<Index>(list.size());
  if (i < -size || i >= size)
    fail(container, "position ", i, " was asked for; there are ", size, " modules");
  return *list[static_cast<std::size_t>(i < 0 ? i + size : i)];
}

/// The activation that linear_act would apply for this module, if it is one. A class derived from
/// the module's may compute something else.
std::optional<LinearActivation> linear_activation(const Module& module) {
  const std::type_info* type = class_of(module);
  if (!type || (*type != typeid(Activation) && *type != typeid(ReLU) && *type != typeid(Tanh) &&
                *type != typeid(Sigmoid) && *type != typeid(GELU) && *type != typeid(SiLU)))
    return {};
  return detail::linear_activation(static_cast<const Activation&>(module).name());
}

/// Both modules as one operation, if there is one and nothing watches either of them.
std::optional<Tensor> fused_forward(const Module& first, const Module& second, const Tensor& x) {
  const std::type_info* type = class_of(first);
  if (!type || *type != typeid(Linear) || first.has_forward_hooks() || second.has_forward_hooks())
    return {};
  const auto activation = linear_activation(second);
  if (!activation || is_anomaly_enabled()) return {};
  const Linear& linear = static_cast<const Linear&>(first);
  return linear_act(x, linear.weight, linear.bias, *activation);
}

}  // namespace

// ------------------------------------------------------------------ Sequential

void Sequential::push(const std::string& name, std::shared_ptr<Module> module) {
  add_child(name, module);
  modules_->push_back(std::move(module));
}

Module& Sequential::operator[](Index i) const { return pick(*modules_, i, "Sequential"); }

Tensor Sequential::forward(const Tensor& x) const {
  Tensor y = x;
  const List& modules = *modules_;
  for (std::size_t i = 0; i < modules.size(); ++i) {
    if (i + 1 < modules.size())
      if (auto both = fused_forward(*modules[i], *modules[i + 1], y)) {
        y = std::move(*both);
        ++i;
        continue;
      }
    y = (*modules[i])(y);
  }
  return y;
}

// ------------------------------------------------------------------ ModuleList

void ModuleList::push(std::shared_ptr<Module> module) {
  add_child(text_of(size()), module);
  modules_->push_back(std::move(module));
}

Module& ModuleList::operator[](Index i) const { return pick(*modules_, i, "ModuleList"); }

void ModuleList::wrong_class(Index i) const {
  fail("ModuleList", "module ", i, " was asked for as another class; it is ",
       (*this)[i].describe());
}

// ------------------------------------------------------------------ ModuleDict

bool ModuleDict::contains(const std::string& name) const {
  for (const auto& [known, module] : children())
    if (known == name) return true;
  return false;
}

std::vector<std::string> ModuleDict::names() const {
  std::vector<std::string> out;
  for (const auto& [name, module] : children()) out.push_back(name);
  return out;
}

Module& ModuleDict::operator[](const std::string& name) const {
  std::string known;
  for (const auto& [other, module] : children()) {
    if (other == name) return *module;
    known += " " + other;
  }
  fail("ModuleDict", "the name \"", name, "\" was given; known are", known);
}

void ModuleDict::wrong_class(const std::string& name) const {
  fail("ModuleDict", "module \"", name, "\" was asked for as another class; it is ",
       (*this)[name].describe());
}

// ------------------------------------------------------------------ Residual

Tensor Residual::forward(const Tensor& x) const {
  const Tensor y = (*body_)(x), base = shortcut_ ? (*shortcut_)(x) : x;
  if (!(y.shape() == base.shape()))
    fail("Residual", "the body made shape ", y.shape(), " of input ", x.shape(),
         ", to be added to shape ", base.shape(),
         "; the shapes must be equal; pass a shortcut module that converts");
  return base + y;
}

}  // namespace gradus::nn
