#include "autograd/node.hpp"

#include <cassert>
#include <cstring>
#include <new>

#include "kernels/move/copy.hpp"

namespace gradus::detail {

void fail_undefined() { fail("tensor", "an undefined tensor was used; assign a value first"); }

namespace {

/// Up to this many bytes share a block with their Buffer.
constexpr std::size_t few_bytes = 512 - sizeof(Buffer);

Buffer* make_buffer(std::size_t bytes) {
  const bool few = bytes <= few_bytes;
  auto* buffer = new (allocate(sizeof(Buffer) + (few ? bytes : 0))) Buffer;
  buffer->bytes = bytes;
  buffer->observed = false;
  buffer->data = buffer + 1;
  if (!few) {
    try {
      buffer->data = allocate_values(bytes);
    } catch (...) {
      release(buffer, sizeof(Buffer));
      throw;
    }
  }
  count(&ThreadCache::buffers, 1);
  if (bytes <= small_limit) {
    const std::int64_t now = count(&ThreadCache::small_bytes, static_cast<std::int64_t>(bytes));
    auto& peak = thread_cache.small_peak;
    if (now > peak.load(std::memory_order_relaxed)) peak.store(now, std::memory_order_relaxed);
  }
  return buffer;
}

void drop_buffer(Buffer* buffer) {
  if (!buffer->refs.release()) return;
  const std::size_t bytes = buffer->bytes;
  const bool few = bytes <= few_bytes;
  if (!few) release_values(buffer->data, bytes);
  release(buffer, sizeof(Buffer) + (few ? bytes : 0));
  count(&ThreadCache::buffers, -1);
  if (bytes <= small_limit) count(&ThreadCache::small_bytes, -static_cast<std::int64_t>(bytes));
}

Node* make_node(const Index* dims, int rank, Index numel, DType dtype) {
  const std::size_t behind = rank ? sizeof(Index) * static_cast<std::size_t>(rank) : Node::room;
  Node* n = new (allocate(sizeof(Node) + behind)) Node;
  // dtype, rank and flags in one store: they are read together, and a load of what several stores
  // in flight have written waits for all of them.
  assert(reinterpret_cast<std::uint8_t*>(&n->dtype) + 1 == &n->rank);
  const std::uint32_t kind = static_cast<std::uint32_t>(dtype) | static_cast<std::uint32_t>(rank)
                                                                     << 8;
  std::memcpy(&n->dtype, &kind, sizeof kind);
  n->numel = numel;
  n->data = n->value;
  n->record = nullptr;
  n->grad = nullptr;
  n->extras = nullptr;
  if (rank) std::memcpy(n->behind(), dims, behind);
  count(&ThreadCache::tensors, 1);
  return n;
}

/// Tells of a tensor that was made.
Tensor made(Tensor t) {
  if (mode.observer) [[unlikely]]
    mode.observer->made(Node::of(t));
  return t;
}

void free_record(Node* n) {
  const Record* record = n->record;
  if (record != n->behind()) release(n->record, Record::bytes(record->arity, record->rule_bytes));
  count(&ThreadCache::nodes, -1);
}

}  // namespace

/// Frees a node and every input that nothing else refers to, in a loop: a chain of any length is
/// freed on a constant stack. `data` links the nodes that wait.
void destroy(NodeRefs* refs) noexcept {
  Node* waiting = nullptr;
  const auto drop = [&waiting](Node* n) {
    if (!n->refs.release()) return;
    if (!n->is_inline()) drop_buffer(n->buffer);
    n->data = waiting;
    waiting = n;
  };
  auto* n = static_cast<Node*>(refs);
  if (!n->is_inline()) drop_buffer(n->buffer);
  for (;;) {
    if (Record* record = n->record) {
      for (std::uint32_t i = 0; i < record->arity; ++i) drop(Node::steal(record->edges()[i].input));
      free_record(n);
    }
    if (n->grad) drop(n->grad);
    if (n->extras) delete n->extras;
    release(n, n->bytes());
    count(&ThreadCache::tensors, -1);
    if (!waiting) return;
    n = waiting;
    waiting = static_cast<Node*>(n->data);
  }
}

void release_record(Node* n) noexcept {
  Edge* const edges = n->record->edges();
  for (std::uint32_t i = 0; i < n->record->arity; ++i) edges[i].input.~Tensor();
  free_record(n);
  n->record = nullptr;
  n->released = true;
}

void share_values(Node* to, const Node* from) noexcept {
  if (!from->is_inline()) from->buffer->refs.retain();
  if (!to->is_inline()) drop_buffer(to->buffer);
  if (from->is_inline()) {
    to->data = to->value;
    kernels::run(kernels::Copy{from->dtype, from->value, to->value, 1});
  } else {
    to->buffer = from->buffer;
    to->data = from->data;
  }
}

void put_grad(Node* leaf, const Tensor& grad) {
  if (leaf->grad == Node::of(grad)) return;
  Tensor fresh = grad;
  if (leaf->grad) Node::adopt(std::exchange(leaf->grad, nullptr));
  leaf->grad = Node::steal(fresh);
}

namespace {
Tensor make(const Shape& shape, DType dtype, bool may_be_inline) {
  const Index count = numel(shape);
  Tensor t = Node::adopt(make_node(shape.data(), shape.size(), count, dtype));
  Node* n = Node::of(t);
  if (count == 1 && may_be_inline) return made(std::move(t));
  n->buffer = make_buffer(static_cast<std::size_t>(count) * size_of(dtype));
  n->data = n->buffer->data;
  return made(std::move(t));
}
}  // namespace

Tensor empty(const Shape& shape, DType dtype) { return make(shape, dtype, true); }
Tensor empty_leaf(const Shape& shape, DType dtype) { return make(shape, dtype, false); }

Tensor empty_scalar(DType dtype) { return made(Node::adopt(make_node(nullptr, 0, 1, dtype))); }

Tensor empty_like(const Tensor& x, DType dtype) {
  const Node* from = node(x);
  if (from->numel == 1) return made(Node::adopt(make_node(from->shape(), from->rank, 1, dtype)));
  return make(x.shape(), dtype, false);
}

Tensor alias(const Tensor& x, const Shape& shape) {
  const Node* from = node(x);
  note_read({x});
  Tensor t = Node::adopt(make_node(shape.data(), shape.size(), from->numel, from->dtype));
  share_values(Node::of(t), from);
  Node::of(t)->copied = from->is_inline() || from->copied;
  return made(std::move(t));
}

}  // namespace gradus::detail
