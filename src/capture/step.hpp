#pragma once

#include <map>
#include <vector>

#include "autograd/events.hpp"
#include "capture/call_list.hpp"

namespace gradus::detail {

/// What a step touches of the world outside it, and how that was before. While the host works,
/// which is one of the calls, its draws and reads are its own affair.
class StepCapture : public Observer {
 public:
  explicit StepCapture(const CallList& heard) : calls(heard) {}
  void made(Node* n) override;
  /// Values from outside the step have to live as long as it does.
  void reads(const Inputs& inputs) override;
  void host_reads(const HostRead& read) override;
  void writes(Node* n) override;
  void replaces_grad(Node* leaf, bool adds) override;
  bool host_changes(const HostChange& change) override;
  Drawn draws(Generator& generator, std::uint64_t count, bool replayable) override;
  /// The end: takes the gradients that are there now.
  void finish();
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
    std::size_t now = 0;        // the same of what is its gradient at present
  };
  const CallList& calls;                   // of the step so far
  std::map<const void*, Written> written;  // by the place of the values
  std::map<const Node*, Leaf> leaves;
  std::map<const Node*, Tensor> used;
  std::vector<std::pair<Tensor, const char*>> host_read;  // with the operation that did
  std::map<const bool*, std::pair<std::shared_ptr<bool>, bool>> flags;  // as they are
  std::map<const void*, std::function<void()>> undo;
  bool owner_ended = false;
  std::int64_t tensors = 0;  // of the step that undo and written hold

 private:
  static void take_gradient(Leaf& leaf);
  void refuse_stale(const Tensor& read, const char* operation) const;
};

}  // namespace gradus::detail
