#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "autograd/events.hpp"
#include "base/pool.hpp"
#include "gradus/autograd.hpp"
#include "gradus/tensor.hpp"

// What a Tensor points to. Everything here is private to src/; operations see only value(), empty()
// and the public API.
namespace gradus::detail {

/// A block of values shared by a tensor and its views. Few values follow it in memory.
struct alignas(16) Buffer {
  RefCount refs;
  std::atomic<std::uint32_t> version{0};
  std::size_t bytes;
  void* data;
  bool observed;  // made by a step that is to be replayed
};

/// One input of a recorded operation. Edges of inputs that require no gradient are kept for their
/// values.
struct Edge {
  Tensor input;
  std::uint32_t version;  // of the values when they were recorded
  bool wanted;            // the input requires a gradient
};

/// A recorded operation: followed in memory by its edges and then by its rule.
struct Record {
  const char* name;
  ApplyRule apply;
  std::uint32_t arity;
  std::uint32_t version;  // of the result's values when it was recorded
  std::uint32_t depth;    // one more than the deepest input's; leaves have 0
  std::uint16_t rule_bytes;
  static std::size_t bytes(std::size_t arity, std::size_t rule_bytes) {
    return sizeof(Record) + arity * sizeof(Edge) + rule_bytes;
  }
  Edge* edges() { return reinterpret_cast<Edge*>(this + 1); }
  /// The i-th input; throws if its values were changed in place since they were recorded.
  inline const Tensor& in(int i);
  void* rule() { return edges() + arity; }
};

/// What few tensors have.
struct Extras {
  struct Hook {
    int id;
    std::function<Tensor(const Tensor&)> call;
  };
  std::vector<Hook> hooks;
  int next_hook = 0;
  std::string module;                      // path of the module that made it, in anomaly mode
  std::shared_ptr<const void> attachment;  // what a rule needs and cannot hold, see checkpoint.cpp
};

/// Shape, values and history of one tensor: one cache line, followed in memory by its dimensions
/// or, in a scalar of rank 0, by room for the record of two inputs. A single value lives in the
/// node itself.
struct Node : NodeRefs {
  DType dtype;
  std::uint8_t rank;
  bool requires_grad : 1;  // a leaf that wants a gradient, or a recorded result
  bool retains_grad : 1;
  bool observed : 1;  // made by a step that is to be replayed
  bool released : 1;  // was recorded, and its graph has been freed
  bool copied : 1;    // stands for (a part of) another tensor, whose values it does not share
  std::atomic<std::uint32_t> inline_version{0};
  std::atomic<std::uint32_t> slot{0};  // 1 + its place in the sweep that came first
  void* data;
  union {
    Buffer* buffer;
    std::byte value[8];  // if data points here
  };
  Index numel;
  Record* record;
  Node* grad;
  Extras* extras;

  static constexpr std::size_t room = sizeof(Record) + 2 * sizeof(Edge);
  std::size_t bytes() const { return sizeof(Node) + (rank ? sizeof(Index) * rank : room); }
  void* behind() { return this + 1; }
  const Index* shape() const { return reinterpret_cast<const Index*>(this + 1); }
  /// dtype and rank at once.
  std::uint16_t kind() const {
    std::uint16_t both;
    std::memcpy(&both, &dtype, sizeof both);
    return both;
  }
  bool is_inline() const { return data == value; }
  std::uint32_t version() const {
    return (is_inline() ? inline_version : buffer->version).load(std::memory_order_relaxed);
  }
  void bump_version() {
    if (mode.observer) [[unlikely]]
      mode.observer->writes(this);
    auto& count = is_inline() ? inline_version : buffer->version;
    if (RefCount::single_threaded())  // as there, no locked instruction
      count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    else
      count.fetch_add(1, std::memory_order_relaxed);
  }

  static Node* of(const Tensor& t) { return static_cast<Node*>(t.node_); }
  static Tensor adopt(Node* node) { return Tensor(node); }
  static Tensor share(Node* node) {
    node->refs.retain();
    return Tensor(node);
  }
  /// Gives up the handle without touching the count.
  static Node* steal(Tensor& t) { return static_cast<Node*>(std::exchange(t.node_, nullptr)); }
};

static_assert(sizeof(Node) == 64);

[[noreturn, gnu::cold, gnu::noinline]] void fail_undefined();
/// `input` is its place, or -1 for the result.
[[noreturn, gnu::cold, gnu::noinline]] void fail_overwritten(const char* operation, int input);

inline const Tensor& Record::in(int i) {
  const Edge& edge = edges()[i];
  if (Node::of(edge.input)->version() != edge.version) [[unlikely]]
    fail_overwritten(name, i);
  return edge.input;
}

/// The node of a defined tensor; throws otherwise.
inline Node* node(const Tensor& t) {
  if (!t.defined()) [[unlikely]]
    fail_undefined();
  return Node::of(t);
}

/// True if both have the same dtype and shape.
inline bool same_type(const Node* a, const Node* b) {
  if (a->kind() != b->kind()) return false;
  for (int i = 0; i < a->rank; ++i)
    if (a->shape()[i] != b->shape()[i]) return false;
  return true;
}

/// New values, not initialised, without history. A single value goes into the node.
Tensor empty(const Shape& shape, DType dtype);
/// As empty({}, dtype), for scalar programs.
Tensor empty_scalar(DType dtype);
/// As empty, but always in a buffer of its own, as leaves need that are shared by views.
Tensor empty_leaf(const Shape& shape, DType dtype);
/// Uninitialised values with the shape of x.
Tensor empty_like(const Tensor& x, DType dtype);
inline Tensor empty_like(const Tensor& x) { return empty_like(x, node(x)->dtype); }
/// A tensor like x, without history, with every value equal to `value`.
Tensor constant_like(const Tensor& x, double value);
/// The same values under another shape of equal numel, without history; single inline values are
/// copied, as `as_copied` says.
Tensor alias(const Tensor& x, const Shape& shape);

/// Notes that t stands for a part of another tensor, such as x[i], but holds a copy of its values.
/// Writing to it would not reach the other, as it does through views that share memory, and is
/// refused: a user who means the copy says clone().
inline Tensor as_copied(Tensor t) {
  node(t)->copied = true;
  return t;
}

inline void* data(const Tensor& t) { return node(t)->data; }

/// grad(), except that nothing below the tensors of `closed` is visited.
std::vector<Tensor> differentiate(const std::vector<Tensor>& outputs,
                                  const std::vector<Tensor>& inputs, const GradOptions& options,
                                  const std::vector<Tensor>& closed);

/// Lets go of the values and takes those of `from`: a single inline value is copied, a buffer
/// shared.
void share_values(Node* to, const Node* from) noexcept;

/// Frees the operation of a node and what it held, and notes that there was one.
void release_record(Node* n) noexcept;

/// Replaces the gradient of a leaf by this very tensor, which may be undefined.
void put_grad(Node* leaf, const Tensor& grad);

/// True if nothing else refers to the values, so that they may be changed in place.
inline bool is_unique(const Tensor& t) {
  const Node* n = Node::of(t);
  return n->refs.unique() && (n->is_inline() || n->buffer->refs.unique()) && !n->requires_grad;
}

/// In anomaly mode, reports the first operation that makes non-finite values out of finite ones.
void check_finite(const char* name, const Tensor& value, const Inputs& inputs);

}  // namespace gradus::detail
