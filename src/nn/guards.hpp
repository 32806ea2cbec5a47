#pragma once

#include <utility>
#include <vector>

#include "base/finally.hpp"
#include "gradus/nn/module.hpp"

// What holds while the value that is returned lives.
namespace gradus::nn::detail {

/// A model is in evaluation mode.
inline Finally evaluation_mode(Module& model) {
  std::vector<std::pair<Module*, bool>> modules;
  for (const NamedModule& entry : model.named_modules())
    modules.emplace_back(entry.module, entry.module->is_training());
  model.eval();
  return Finally([modules] {
    // Parents come first, and set the flags of everything below them.
    for (const auto& [module, training] : modules) module->train(training);
  });
}

/// A module has a hook.
inline Finally forward_hook(Module handle, Module::ForwardHook call) {
  const int id = handle.register_forward_hook(std::move(call));
  return Finally([handle, id]() mutable { handle.remove_forward_hook(id); });
}

}  // namespace gradus::nn::detail
