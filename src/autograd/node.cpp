#include "autograd/node.hpp"

#include <cstring>
#include <new>

namespace gradus::detail {

constinit thread_local Mode mode;

void fail_undefined() { fail("tensor", "an undefined tensor was used; assign a value first"); }

namespace {

Buffer* make_buffer(std::size_t bytes) {
  auto* buffer = new (allocate(sizeof(Buffer))) Buffer;
  buffer->bytes = bytes;
  try {
    buffer->data = allocate(bytes ? bytes : 1);
  } catch (...) {
    release(buffer, sizeof(Buffer));
    throw;
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
  release(buffer->data, buffer->bytes ? buffer->bytes : 1);
  count(&ThreadCache::buffers, -1);
  if (buffer->bytes <= small_limit)
    count(&ThreadCache::small_bytes, -static_cast<std::int64_t>(buffer->bytes));
  release(buffer, sizeof(Buffer));
}

Node* make_node(const Index* dims, int rank, Index numel, DType dtype) {
  Node* n = new (allocate(sizeof(Node))) Node;
  n->dtype = dtype;
  n->rank = static_cast<std::uint8_t>(rank);
  n->requires_grad = n->retains_grad = n->released = false;
  n->numel = numel;
  n->buffer = nullptr;
  n->data = n->value;
  n->record = nullptr;
  n->grad = nullptr;
  n->extras = nullptr;
  Index* to = n->dims;
  if (rank > 4) {
    try {
      to = static_cast<Index*>(allocate(sizeof(Index) * static_cast<std::size_t>(rank)));
    } catch (...) {
      release(n, sizeof(Node));
      throw;
    }
    n->dims[0] = reinterpret_cast<Index>(to);
  }
  for (int i = 0; i < rank; ++i) to[i] = dims[i];
  count(&ThreadCache::tensors, 1);
  return n;
}

/// Frees everything but the inputs, whose edges the caller has taken care of.
void free_node(Node* n) {
  if (n->buffer) drop_buffer(n->buffer);
  if (n->rank > 4) release(reinterpret_cast<Index*>(n->dims[0]), sizeof(Index) * n->rank);
  delete n->extras;
  release(n, sizeof(Node));
  count(&ThreadCache::tensors, -1);
}

}  // namespace

/// Frees a node and every input that nothing else refers to, in a loop: a chain of any length is
/// freed on a constant stack. `data` links the nodes that wait.
void destroy(NodeRefs* refs) noexcept {
  Node* waiting = nullptr;
  const auto drop = [&waiting](Node* n) {
    if (!n->refs.release()) return;
    n->data = waiting;
    waiting = n;
  };
  auto* n = static_cast<Node*>(refs);
  for (;;) {
    if (Record* record = n->record) {
      for (std::uint32_t i = 0; i < record->arity; ++i) drop(Node::steal(record->edges()[i].input));
      release(record, record->bytes());
      count(&ThreadCache::nodes, -1);
    }
    if (n->grad) drop(n->grad);
    free_node(n);
    if (!waiting) return;
    n = waiting;
    waiting = static_cast<Node*>(n->data);
  }
}

void release_record(Node* n) noexcept {
  release(n->record, n->record->bytes());
  n->record = nullptr;
  n->released = true;
  count(&ThreadCache::nodes, -1);
}

namespace {
Tensor make(const Shape& shape, DType dtype, bool may_be_inline) {
  const Index count = numel(shape);
  Tensor t = Node::adopt(make_node(shape.data(), shape.size(), count, dtype));
  Node* n = Node::of(t);
  if (count == 1 && may_be_inline) return t;
  n->buffer = make_buffer(static_cast<std::size_t>(count) * size_of(dtype));
  n->data = n->buffer->data;
  return t;
}
}  // namespace

Tensor empty(const Shape& shape, DType dtype) { return make(shape, dtype, true); }
Tensor empty_leaf(const Shape& shape, DType dtype) { return make(shape, dtype, false); }

Tensor empty_scalar(DType dtype) { return Node::adopt(make_node(nullptr, 0, 1, dtype)); }

Tensor empty_like(const Tensor& x, DType dtype) {
  const Node* from = node(x);
  if (from->numel == 1) return Node::adopt(make_node(from->shape(), from->rank, 1, dtype));
  return make(x.shape(), dtype, false);
}

Tensor alias(const Tensor& x, const Shape& shape) {
  Node* from = node(x);
  Tensor t = Node::adopt(make_node(shape.data(), shape.size(), from->numel, from->dtype));
  Node* n = Node::of(t);
  if (from->buffer) {
    from->buffer->refs.retain();
    n->buffer = from->buffer;
    n->data = from->data;
  } else {
    std::memcpy(n->value, from->value, sizeof n->value);
  }
  return t;
}

}  // namespace gradus::detail
