#pragma once

// One Sweep per backward() or grad() call. It visits nodes from the deepest to the shallowest, so
// that each comes after all its consumers, and sums gradients where paths meet. All of its state
// lives in the Sweep, none in the graph, so that threads may differentiate graphs that share nodes.
#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "autograd/capture.hpp"
#include "autograd/node.hpp"
#include "gradus/ops/arithmetic.hpp"

namespace gradus::detail {

[[noreturn, gnu::cold]] void fail_freed(const char* operation);

/// True if nothing else refers to a gradient's values, which then stand for no other tensor's
/// (`copied`): they may be changed in place.
inline bool claim(const Tensor& gradient) {
  if (!is_unique(gradient)) return false;
  Node::of(gradient)->copied = false;
  return true;
}

class Sweep {
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
  struct Visit {
    Node* node;
    std::uint32_t next_edge;
  };

 public:
  /// For backward(), `all` that the output depends on is needed; for grad(), discover() tells.
  Sweep(bool create_graph, bool all) : create_graph_(create_graph), all_(all) {
    items_.reserve(32);
    queue_.reserve(32);
  }
  ~Sweep() {
    for (Item& item : items_) leave_slot(item);
  }

  // --- 1. For grad(): only nodes on a path to a wanted input are needed.

  /// Nothing below a node of a closed end is visited.
  void close(Node* n) {
    Item& item = items_[enter(n)];
    item.entered = item.closed = true;
    item.needed = item.expands = false;
  }
  void want(Node* n) {
    Item& item = items_[enter(n)];
    item.wanted = item.needed = true;
  }
  bool found(const Node* n) const { return place_of(n) != nowhere; }

  /// Depth first with a stack of our own; what a node needs is known after its inputs.
  void discover(Node* root) {
    visit(root);
    while (!visits_.empty()) {
      auto& [n, next_edge] = visits_.back();
      Record* record = n->record;
      if (record && next_edge < record->arity) {
        const Edge& edge = record->edges()[next_edge++];
        if (edge.wanted) visit(Node::of(edge.input));
        continue;
      }
      Item& item = items_[place_of(n)];
      item.expands = false;
      for (std::uint32_t i = 0; record && i < record->arity && !item.expands; ++i) {
        const Edge& edge = record->edges()[i];
        item.expands = edge.wanted && needs(Node::of(edge.input));
      }
      item.needed = item.wanted || item.expands;
      visits_.pop_back();
    }
  }

  // --- 2. The sweep: each node's adjoint is complete when its turn comes. What it held is freed as
  // the sweep passes.
  void run(bool retain_graph) {
    while (single_.defined() || next_ != 0) {
      Tensor node, adjoint;
      std::uint32_t wanted = nowhere;  // its place, if it is an input of grad()
      bool expands = true, closed = false;
      if (single_.defined() && single_depth_ >= next_ >> 32) {
        node.swap(single_);
        adjoint.swap(single_adjoint_);
      } else {
        const auto place = static_cast<std::uint32_t>(next_);
        next_ = queue_.empty() ? 0 : dequeue();
        Item& item = items_[place];
        expands = item.expands;
        closed = item.closed;
        adjoint.swap(item.adjoint);
        if (item.wanted) wanted = place;
        node = item.wanted ? item.node : leave(place);
      }
      Node* n = Node::of(node);
      if (n->extras && !closed) run_hooks(n, adjoint);
      if (wanted != nowhere) items_[wanted].adjoint = adjoint;
      if (n->retains_grad && all_) retained_.emplace_back(node, adjoint);
      if (!expands) continue;
      if (!n->record) fail_freed(all_ ? "backward" : "grad");  // by a pass inside a hook
      apply_rule(node, adjoint);
      // What nobody else holds is freed with the handle.
      if (!retain_graph && !n->refs.unique()) release_record(n);
    }
    for (Item& item : items_)
      if (item.leaf && !item.closed && item.adjoint.defined() && Node::of(item.node)->extras)
        run_hooks(Node::of(item.node), item.adjoint);
  }

  /// Adds a gradient to a node's adjoint: the first contribution is taken over; a later one is
  /// added in place if nobody else can see the sum, and makes a fresh sum otherwise or when it is
  /// recorded.
  void add(Node* n, Tensor&& gradient) {
    const std::uint32_t place = place_of(n);
    if (place == nowhere) return add_first(n, std::move(gradient));
    Tensor& sum = items_[place].adjoint;
    if (!sum.defined()) {
      sum.swap(gradient);
      if (n->record) enqueue(n->record->depth, place);
    } else if (!create_graph_ && is_unique(sum)) {
      add_in_place(sum, gradient);
    } else {
      add_fresh(sum, gradient);
    }
  }
  [[gnu::always_inline]] void add_first(Node* n, Tensor&& gradient) {
    if (n->record && all_ && n->refs.unique() && !single_.defined()) {
      single_ = Node::share(n);
      single_depth_ = n->record->depth;
      single_adjoint_.swap(gradient);
      return;
    }
    if (n->released) fail_freed("backward");
    const std::uint32_t place = enter_new(n);
    items_[place].adjoint.swap(gradient);
    if (n->record) enqueue(n->record->depth, place);
  }
  /// Adds grad times factors[i] to the adjoint of each input, all of them numbers; may take grad,
  /// whose memory serves for one of them if nobody else can see it.
  template <class T>
  void add_scaled(Record* record, Tensor& grad, const Vjp::Factor* factors) {
    const T value = *static_cast<const T*>(Node::of(grad)->data);
    const DType dtype = Node::of(grad)->dtype;
    bool spare = is_unique(grad);
    for (std::uint32_t i = 0; i < record->arity; ++i) {
      const Edge& edge = record->edges()[i];
      Node* input = Node::of(edge.input);
      if (!edge.wanted || !needs(input)) continue;
      const Vjp::Factor& f = factors[i];
      const T factor = f.place < 0 ? static_cast<T>(f.number)
                                   : *static_cast<const T*>(Node::of(record->in(f.place))->data);
      const T product = value == T(0) ? T(0) : value * factor;
      const std::uint32_t place = place_of(input);
      if (place != nowhere && items_[place].adjoint.defined() && is_unique(items_[place].adjoint)) {
        *static_cast<T*>(Node::of(items_[place].adjoint)->data) += product;
        continue;
      }
      Tensor gradient = std::exchange(spare, false) ? std::move(grad) : empty_scalar(dtype);
      *static_cast<T*>(Node::of(gradient)->data) = product;
      if (place == nowhere)
        add_first(input, std::move(gradient));
      else
        add(input, std::move(gradient));
    }
  }
  bool needs(const Node* n) const {
    if (all_) return true;
    const std::uint32_t place = place_of(n);
    return place != nowhere && items_[place].needed;
  }
  bool create_graph() const { return create_graph_; }
  /// The sum so far, undefined if nothing arrived.
  Tensor adjoint_of(const Node* n) const {
    const std::uint32_t place = place_of(n);
    return place == nowhere ? Tensor() : items_[place].adjoint;
  }
  /// The same if nobody else can see it.
  Tensor unshared_sum(const Node* n) const {
    const std::uint32_t place = place_of(n);
    if (place == nowhere) return {};
    const Tensor& sum = items_[place].adjoint;
    return sum.defined() && claim(sum) ? sum : Tensor();
  }

  // --- 3. The end: either all gradients are stored, or, if something threw, none.
  void store_grads() {
    for (auto& [node, adjoint] : retained_) make_own(adjoint);
    for (Item& item : items_)
      if (item.leaf) make_own(item.adjoint);
    for (auto& [node, adjoint] : retained_) store(Node::of(node), std::move(adjoint));
    for (Item& item : items_)
      if (item.leaf && item.adjoint.defined() && Node::of(item.node)->requires_grad)
        store(Node::of(item.node), std::move(item.adjoint));
  }

 private:
  static constexpr std::uint32_t nowhere = ~0u;

  void apply_rule(const Tensor& node, Tensor& adjoint);

  static void run_hooks(Node* n, Tensor& adjoint) {
    if (!n->extras->hooks.empty()) refuse_capture("a gradient hook", "it may do anything");
    const auto hooks = n->extras->hooks;  // a hook may remove itself
    for (const auto& hook : hooks)
      if (Tensor replacement = hook.call(adjoint); replacement.defined()) {
        if (!(replacement.shape() == adjoint.shape()) || replacement.dtype() != adjoint.dtype())
          fail("hook", "the hook returned a gradient of shape " + to_string(replacement.shape()) +
                           "; the tensor's shape " + to_string(adjoint.shape()) +
                           " and dtype are required");
        adjoint = std::move(replacement);
      }
  }

  static std::mutex& mutex_of(const Node* n) {
    static std::mutex mutexes[16];  // threads may share parameters
    return mutexes[reinterpret_cast<std::uintptr_t>(n) / 64 % 16];
  }
  /// A gradient that others can see, too, becomes a copy: it may share memory with a grad that is
  /// about to change, as a seed can.
  static void make_own(Tensor& adjoint) {
    if (adjoint.defined() && !claim(adjoint)) adjoint = adjoint.clone();
  }
  static void store(Node* n, Tensor&& adjoint) {
    if (mode.capture) [[unlikely]]
      mode.capture->before_grad(n, true);
    std::unique_lock lock(mutex_of(n), std::defer_lock);
    if (!RefCount::single_threaded()) lock.lock();
    if (!n->grad)
      n->grad = Node::steal(adjoint);
    else
      add_in_place(Node::share(n->grad), adjoint);
    if (mode.capture) [[unlikely]]
      mode.capture->after_grad(n);
  }

  void visit(Node* n) {
    Item& item = items_[enter(n)];
    if (std::exchange(item.entered, true)) return;
    if (n->released && !item.wanted) fail_freed("grad");
    visits_.push_back({n, 0});
  }

  /// The place of a node, a new one if it has none. It is written into the node's slot; a sweep of
  /// another thread that meets a slot in use keeps a map of its own.
  std::uint32_t enter(Node* n) {
    const std::uint32_t place = place_of(n);
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
  std::uint32_t place_of(const Node* n) const {
    const std::uint32_t place = n->slot.load(std::memory_order_relaxed) - 1;
    if (place < used_ && Node::of(items_[place].node) == n) return place;
    if (contended_.empty()) [[likely]]
      return nowhere;
    return contended_place(n);
  }
  // What is rare stands apart, so that the way past it needs few registers.
  [[gnu::noinline]] static void add_fresh(Tensor& sum, const Tensor& gradient) {
    sum = sum + gradient;
  }
  [[gnu::noinline]] void note_contended(const Node* n, std::uint32_t place) {
    contended_.emplace(n, place);
  }
  [[gnu::noinline]] void forget_contended(const Node* n) { contended_.erase(n); }
  [[gnu::noinline]] std::uint32_t contended_place(const Node* n) const {
    const auto found = contended_.find(n);
    return found == contended_.end() ? nowhere : found->second;
  }
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
  /// The deepest node stands in next_, the others behind it in a heap, so that a chain needs none.
  void enqueue(std::uint32_t depth, std::uint32_t place) {
    const std::uint64_t entry = std::uint64_t{depth} << 32 | place;
    if (next_ == 0)
      next_ = entry;
    else
      enqueue_behind(entry > next_ ? std::exchange(next_, entry) : entry);
  }
  [[gnu::noinline]] void enqueue_behind(std::uint64_t entry) {
    queue_.push_back(entry);
    std::push_heap(queue_.begin(), queue_.end());
  }
  [[gnu::noinline]] std::uint64_t dequeue() {
    std::pop_heap(queue_.begin(), queue_.end());
    const std::uint64_t entry = queue_.back();
    queue_.pop_back();
    return entry;
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

  template <class T>
  using List = std::vector<T, PoolAllocator<T>>;

  const bool create_graph_, all_;
  List<Item> items_;
  std::uint32_t used_ = 0;  // items_.size()
  // A node that only one edge refers to: that edge has brought its whole gradient, so that it needs
  // no place.
  Tensor single_, single_adjoint_;
  std::uint32_t single_depth_ = 0;  // a hook may free its record
  std::uint64_t next_ = 0;          // depth << 32 | place of the node whose turn it is, or 0
  List<std::uint64_t> queue_;       // a heap of the others
  List<std::uint32_t> vacant_;
  List<Visit> visits_;
  std::vector<std::pair<Tensor, Tensor>> retained_;  // intermediate results, and their gradients
  std::unordered_map<const Node*, std::uint32_t> contended_;
};

}  // namespace gradus::detail
