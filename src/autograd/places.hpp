#pragma once

// Where a sweep keeps what it knows of the nodes that it has met.
#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

#include "autograd/node.hpp"

namespace gradus::detail {

template <class T>
using PoolList = std::vector<T, PoolAllocator<T>>;

/// A node that the sweep has met. Places are used again once a node was visited.
struct Item {
  Tensor node;
  Tensor adjoint;        // the sum of the gradients that arrived so far
  bool leaf = false;     // it was not recorded
  bool in_slot = false;  // the node's slot holds this place
  bool entered = false;  // discovery was here
  bool wanted = false;   // an input of grad()
  bool needed = true;    // it, or something below it, is wanted
  bool expands = true;   // something below it is
  bool closed = false;   // the sweep ends here, and hooks are for another one
};

/// The places of nodes. A place is written into its node's slot; a sweep of another thread that
/// meets a slot in use keeps a map of its own.
class Places {
 public:
  static constexpr std::uint32_t nowhere = ~0u;

  Places() { items_.reserve(32); }
  ~Places() {
    for (Item& item : items_) leave_slot(item);
  }
  Places(const Places&) = delete;
  Places& operator=(const Places&) = delete;

  Item& operator[](std::uint32_t place) { return items_[place]; }
  const Item& operator[](std::uint32_t place) const { return items_[place]; }
  auto begin() { return items_.begin(); }
  auto end() { return items_.end(); }

  std::uint32_t of(const Node* n) const {
    const std::uint32_t place = n->slot.load(std::memory_order_relaxed) - 1;
    if (place < used_ && Node::of(items_[place].node) == n) return place;
    if (contended_.empty()) [[likely]]
      return nowhere;
    return contended_place(n);
  }
  /// The place of a node, a new one if it has none.
  std::uint32_t enter(Node* n) {
    const std::uint32_t place = of(n);
    return place != nowhere ? place : enter_new(n);
  }
  [[gnu::always_inline]] std::uint32_t enter_new(Node* n) {
    std::uint32_t place;
    if (vacant_.empty()) {
      place = used_;
      items_.emplace_back();
      ++used_;
    } else {
      place = vacant_.back();
      vacant_.pop_back();
    }
    Item& item = items_[place];
    item.node = Node::share(n);
    item.leaf = !n->record;
    item.in_slot = claim_slot(n, place + 1);
    if (!item.in_slot) [[unlikely]]
      note_contended(n, place);
    return place;
  }
  /// Takes the node from its place, which is then free for another.
  Tensor leave(std::uint32_t place) {
    vacant_.push_back(place);
    Item& item = items_[place];
    leave_slot(item);
    if (!contended_.empty()) [[unlikely]]
      forget_contended(Node::of(item.node));
    return std::move(item.node);
  }

 private:
  static bool claim_slot(Node* n, std::uint32_t value) {
    std::uint32_t expected = 0;
    if (!RefCount::single_threaded())
      return n->slot.compare_exchange_strong(expected, value, std::memory_order_relaxed);
    if (n->slot.load(std::memory_order_relaxed) != 0) return false;
    n->slot.store(value, std::memory_order_relaxed);
    return true;
  }
  static void leave_slot(Item& item) {
    if (item.in_slot) Node::of(item.node)->slot.store(0, std::memory_order_relaxed);
    item.in_slot = false;
  }
  // What is rare stands apart, so that the way past it needs few registers.
  [[gnu::noinline]] void note_contended(const Node* n, std::uint32_t place) {
    contended_.emplace(n, place);
  }
  [[gnu::noinline]] void forget_contended(const Node* n) { contended_.erase(n); }
  [[gnu::noinline]] std::uint32_t contended_place(const Node* n) const {
    const auto found = contended_.find(n);
    return found == contended_.end() ? nowhere : found->second;
  }

  PoolList<Item> items_;
  std::uint32_t used_ = 0;  // items_.size()
  PoolList<std::uint32_t> vacant_;
  std::unordered_map<const Node*, std::uint32_t> contended_;
};

/// The places whose turn is to come, the deepest node's first. It stands apart from a heap of the
/// others, so that a chain needs none.
class Queue {
 public:
  Queue() { behind_.reserve(32); }
  bool empty() const { return next_ == 0; }
  /// Of the first.
  std::uint32_t depth() const { return static_cast<std::uint32_t>(next_ >> 32); }

  void push(std::uint32_t depth, std::uint32_t place) {
    const std::uint64_t entry = std::uint64_t{depth} << 32 | place;
    if (next_ == 0)
      next_ = entry;
    else
      push_behind(entry > next_ ? std::exchange(next_, entry) : entry);
  }
  std::uint32_t pop() {
    const auto place = static_cast<std::uint32_t>(next_);
    next_ = behind_.empty() ? 0 : pop_behind();
    return place;
  }

 private:
  [[gnu::noinline]] void push_behind(std::uint64_t entry) {
    behind_.push_back(entry);
    std::push_heap(behind_.begin(), behind_.end());
  }
  [[gnu::noinline]] std::uint64_t pop_behind() {
    std::pop_heap(behind_.begin(), behind_.end());
    const std::uint64_t entry = behind_.back();
    behind_.pop_back();
    return entry;
  }

  std::uint64_t next_ = 0;  // depth << 32 | place, or 0
  PoolList<std::uint64_t> behind_;
};

}  // namespace gradus::detail
