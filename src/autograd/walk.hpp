#pragma once

#include <vector>

#include "autograd/node.hpp"

namespace gradus::detail {

/// The nodes that `roots` were computed from, each once and after its inputs, without recursion.
/// Nothing below a node of `stops` is visited; constants, which require no gradient, if
/// `constants`.
std::vector<Node*> ancestors(const std::vector<Tensor>& roots, const std::vector<Tensor>& stops,
                             bool constants);

/// A leaf that requires a gradient, is not one of `inputs`, and that `outputs` depend on by another
/// way than through `inputs`; null if there is none.
Node* hidden_leaf(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs);

}  // namespace gradus::detail
