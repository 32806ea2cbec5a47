#pragma once

#include <string>
#include <utility>
#include <vector>

#include "gradus/tensor.hpp"

namespace gradus {

struct GraphOptions {
  std::vector<std::pair<std::string, Tensor>> names = {};  ///< what tensors are called
  Index max_values = 4;   ///< values and gradients of tensors up to this size are written; 0: none
  bool gradients = true;  ///< write the gradients that are kept
  bool constants = true;  ///< show inputs that require no gradient
};

/// The operations that `root` was computed with, as a Graphviz digraph from the leaves to the root:
/// `dot -Tsvg`.
std::string to_dot(const Tensor& root, const GraphOptions& options = {});
/// The same as a Mermaid flowchart, as Markdown pages show it.
std::string to_mermaid(const Tensor& root, const GraphOptions& options = {});

}  // namespace gradus
