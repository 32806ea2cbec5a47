#include "autograd/node.hpp"
#include "base/messages.hpp"
#include "gradus/autograd.hpp"

namespace gradus {
namespace {

/// What marks a leaf: few tensors are tables, so the mark is not in every node.
const std::shared_ptr<const void>& mark() {
  static const std::shared_ptr<const void> mark = std::make_shared<int>();
  return mark;
}

}  // namespace

void set_sparse_grad(const Tensor& leaf, bool value) {
  detail::Node* n = detail::node(leaf);
  if (n->record || n->released || n->rank == 0)
    fail("set_sparse_grad", "a tensor of shape ", leaf.shape(),
         (n->rank == 0 ? "" : ", the result of a recorded operation,"),
         " was given; a leaf with rows, such as a table of vectors, is required");
  if (!n->extras) n->extras = new detail::Extras;
  n->extras->attachment = value ? mark() : nullptr;
}

bool sparse_grad(const Tensor& x) {
  const detail::Node* n = detail::node(x);
  return n->extras && n->extras->attachment == mark();
}

}  // namespace gradus
