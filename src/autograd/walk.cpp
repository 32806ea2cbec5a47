#include "autograd/walk.hpp"

#include <unordered_set>

namespace gradus::detail {

std::vector<Node*> ancestors(const std::vector<Tensor>& roots, const std::vector<Tensor>& stops,
                             bool constants) {
  struct Visit {
    Node* node;
    std::uint32_t next_edge;
  };
  std::unordered_set<const Node*> ends, seen;
  for (const Tensor& stop : stops) ends.insert(node(stop));
  std::vector<Node*> order;
  std::vector<Visit> visits;
  const auto enter = [&](Node* n) {
    if ((constants || n->requires_grad) && seen.insert(n).second) visits.push_back({n, 0});
  };
  for (const Tensor& root : roots) {
    enter(node(root));
    while (!visits.empty()) {
      auto& [n, next_edge] = visits.back();
      if (n->record && next_edge < n->record->arity && !ends.contains(n)) {
        enter(Node::of(n->record->edges()[next_edge++].input));
      } else {
        order.push_back(n);
        visits.pop_back();
      }
    }
  }
  return order;
}

Node* hidden_leaf(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs) {
  std::unordered_set<const Node*> known;
  for (const Tensor& input : inputs) known.insert(node(input));
  for (Node* n : ancestors(outputs, inputs, false))
    if (!n->record && !known.contains(n)) return n;
  return nullptr;
}

}  // namespace gradus::detail
