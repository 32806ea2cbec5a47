#pragma once

#include <map>
#include <vector>

#include "autograd/capture.hpp"
#include "capture/call_list.hpp"

namespace gradus::detail {

/// What a step touches of the world outside it, and how that was before.
class StepCapture : public Capture {
 public:
  explicit StepCapture(const CallList& heard) : calls(heard) {}
  void made(Node* n) override;
  void made(Buffer* buffer) override;
  /// Inputs from outside the step have to live as long as it does.
  void use(const Inputs& inputs) override;
  void before_write(Node* n) override;
  void before_grad(Node* leaf, bool adds) override;
  void after_grad(Node* leaf) override;
  void before_change(const void* owner,
                     const std::function<std::function<void()>()>& make_undo) override;
  void before_draws(Generator& generator) override;
  /// Puts everything back to where it was before.
  void restore() const noexcept;

  struct Written {
    Tensor tensor;
    std::vector<std::byte> before;
  };
  struct Leaf {
    Tensor tensor, grad_before;
    Tensor grad = {};           // the last one that was defined
    std::size_t functions = 0;  // of the host, heard when it came
  };
  const CallList& calls;                   // of the step so far
  std::map<const void*, Written> written;  // by the place of the values
  std::map<const Node*, Leaf> leaves;
  std::map<const Node*, Tensor> used;
  std::map<const void*, std::function<void()>> undo;
  std::int64_t tensors = 0;  // of the step that undo and written hold
};

}  // namespace gradus::detail
