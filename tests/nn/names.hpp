#pragma once

#include <string>
#include <vector>

#include "gradus/nn/module.hpp"

namespace gradus::test {

inline std::vector<std::string> names_of(const nn::NamedTensors& tensors) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors) names.push_back(name);
  return names;
}

inline std::vector<std::string> names_of(const nn::Module& module) {
  return names_of(module.named_parameters());
}

}  // namespace gradus::test
