#pragma once

#include "autograd/node.hpp"

// The engine's and the recorder's side of anomaly mode; called only while it is on.
namespace gradus::detail {

/// Notes in the node which module made it.
void note_module(Node* n);

/// While it lives, the rule of `n` runs: its intermediate values are its own affair, and only the
/// gradients that it returns are checked.
class RuleScope {
 public:
  explicit RuleScope(const Node* n);
  ~RuleScope();
  RuleScope(const RuleScope&) = delete;
  RuleScope& operator=(const RuleScope&) = delete;

 private:
  const Node* before_;
};

/// Throws if the rule of `n` made a non-finite gradient of input i out of a finite cotangent and
/// finite values.
void check_gradient(Node* n, int i, const Tensor& gradient, const Tensor& cotangent);

}  // namespace gradus::detail
