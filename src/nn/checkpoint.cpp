#include "gradus/nn/checkpoint.hpp"

namespace gradus::nn::detail {

NamedTensors used_by(const Module& module) {
  NamedTensors all = module.named_parameters();
  for (auto& buffer : module.named_buffers()) all.push_back(std::move(buffer));
  return all;
}

}  // namespace gradus::nn::detail
