#pragma once

// One Sweep per backward() or grad() call. It finds the nodes between the outputs and
// what is wanted, walks them so that every node comes after all its consumers, and sums gradients
// where paths meet. All of its state lives in the Sweep, none in the graph, so that threads may
// differentiate graphs that share nodes.
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "autograd/node.hpp"
#include "gradus/ops/arithmetic.hpp"

namespace gradus::detail {

class Sweep {
  struct Item {
    Tensor node;     // a borrowed reference unless `owned`
    Tensor adjoint;  // the sum of the gradients that arrived so far
    bool owned = false, wanted = false;
    bool needed = true,
         expands = true;  // it, or something below it, is wanted; something below it is

    explicit Item(Node* n) : node(Node::adopt(n)) {}
    Item(Item&&) noexcept = default;
    Item& operator=(Item&&) = delete;
    ~Item() {
      if (!owned) Node::steal(node);
    }
  };

  struct Visit {
    Node* node;
    std::uint32_t next_edge;
  };

 public:
  Sweep(bool create_graph, bool stores) : create_graph_(create_graph), stores_(stores) {
    items_.reserve(64);
    visits_.reserve(64);
  }
  ~Sweep() {
    for (const Visit& visit : visits_) unclaim(visit.node);
    for (Item& item : items_)
      if (Node* n = Node::of(item.node)) unclaim(n);
  }

  // --- 1. Discovery: depth first with a stack of our own. A node is placed after its inputs, so
  // the items in
  //        reverse are a topological order.
  void discover(Node* root) {
    if (!claim(root)) return;
    visits_.push_back({root, 0});
    while (!visits_.empty()) {
      auto& [n, next_edge] = visits_.back();
      if (Record* record = n->record; record && next_edge < record->arity) {
        const Edge& edge = record->edges()[next_edge++];
        Node* input = Node::of(edge.input);
        if (edge.wanted && claim(input)) visits_.push_back({input, 0});
      } else {
        freed_ = n->released ? n : freed_;
        place(n);
        visits_.pop_back();
      }
    }
  }
  /// Places a node at once, so that nothing below it is visited.
  void close(Node* n) {
    const bool shares = shares_;  // it will not be freed
    if (claim(n)) place(n);
    shares_ = shares;
  }
  /// Marks an input of grad(): closed if it was not found on the way from the outputs.
  void want(Node* n) {
    close(n);
    items_[place_of(n)].wanted = true;
  }
  bool found(const Node* n) const { return place_of(n) != nowhere; }
  bool any_freed() const { return freed_ != nullptr; }
  /// Whether another sweep has not yet passed some operation of this one: a hook or a rule started
  /// this one inside it, or another thread. To free that operation would pull it from under the
  /// other.
  bool any_shared() const { return shares_; }

  /// For grad(): only nodes on a path to a wanted input are needed. Inputs come first in the items.
  void prune() {
    for (Item& item : items_) {
      item.expands = false;
      if (Record* record = Node::of(item.node)->record)
        for (std::uint32_t i = 0; i < record->arity && !item.expands; ++i) {
          const Edge& edge = record->edges()[i];
          item.expands = edge.wanted && needs(Node::of(edge.input));
        }
      item.needed = item.wanted || item.expands;
    }
  }

  // --- 2. The sweep: each item's adjoint is complete when its turn comes. What it held is freed as
  // it passes.
  void run(bool retain_graph) {
    for (place_ = items_.size(); place_-- > 0;) {
      Item& item = items_[place_];
      Node* n = Node::of(item.node);
      if (place_ >= 4) __builtin_prefetch(Node::of(items_[place_ - 4].node));
      if (place_ >= 2) __builtin_prefetch(Node::of(items_[place_ - 2].node)->record);
      const bool reached = item.needed && item.adjoint.defined();
      if (reached) {
        if (n->extras) run_hooks(n, item.adjoint);
        if (n->retains_grad && n->record && stores_)
          retained_.emplace_back(Node::share(n), item.adjoint);
        if (n->record && item.expands) apply_rule(n, item.adjoint);
      }
      if (!n->record && !n->released) continue;  // leaves stay for the end
      if (reached && item.expands && n->record && !retain_graph) release_edges(n);
      if (item.wanted) continue;
      item.adjoint = Tensor();
      if (n->record && item.owned) continue;  // passed over: its edges hold nodes still to come
      unclaim(n);
      if (!item.owned) Node::steal(item.node);
      item.node = Tensor();
      item.owned = true;
    }
  }

  /// Adds a gradient to an input's adjoint: the first contribution is taken over; a later one is
  /// added in place if nobody else can see the sum, and makes a fresh sum otherwise or when it is
  /// recorded.
  void accumulate(Tensor& sum, Tensor&& gradient) const {
    if (!sum.defined())
      sum = std::move(gradient);
    else if (!create_graph_ && detail::is_unique(sum))
      detail::add_in_place(sum, gradient);
    else
      sum = sum + gradient;
  }

  // --- 3. The end: either all gradients are stored, or, if something threw, none.
  void store_grads() {
    for (auto& [node, adjoint] : retained_) make_own(adjoint);
    for (Item& item : items_)
      if (is_reached_leaf(item)) make_own(item.adjoint);
    for (auto& [node, adjoint] : retained_) store(Node::of(node), std::move(adjoint));
    for (Item& item : items_)
      if (is_reached_leaf(item)) store(Node::of(item.node), std::move(item.adjoint));
  }

  /// Where the gradients of an input are summed, or null if they are not needed.
  Tensor* sum_for(const Node* n) {
    const std::uint32_t place = place_of(n);
    return place != nowhere && items_[place].needed ? &items_[place].adjoint : nullptr;
  }
  bool needs(const Node* n) const {
    const std::uint32_t place = place_of(n);
    return place != nowhere && items_[place].needed;
  }
  bool create_graph() const { return create_graph_; }
  Tensor& adjoint_of(const Node* n) { return items_[place_of(n)].adjoint; }

 private:
  static constexpr std::uint32_t nowhere = ~0u;

  static bool is_reached_leaf(const Item& item) {
    if (!item.node.defined() || !item.adjoint.defined()) return false;
    const Node* n = Node::of(item.node);
    return !n->record && !n->released && n->requires_grad;
  }

  static std::mutex& mutex_of(const Node* n) {
    static std::mutex mutexes[16];  // threads may share parameters
    return mutexes[reinterpret_cast<std::uintptr_t>(n) / 64 % 16];
  }
  /// A gradient that others can see, too, becomes a copy: it may share memory with a grad that is
  /// about to change, as a seed can.
  static void make_own(Tensor& adjoint) {
    if (!detail::is_unique(adjoint)) adjoint = adjoint.clone();
  }
  static void store(Node* n, Tensor&& adjoint) {
    const std::lock_guard lock(mutex_of(n));
    if (!n->grad)
      n->grad = Node::steal(adjoint);
    else
      detail::add_in_place(Node::share(n->grad), adjoint);
  }

  void apply_rule(Node* n, const Tensor& adjoint);

  static void run_hooks(Node* n, Tensor& adjoint) {
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
  /// Hands the references to the inputs over to their items, which still have to be visited.
  void release_edges(Node* n) {
    for (std::uint32_t i = 0; i < n->record->arity; ++i) {
      Edge& edge = n->record->edges()[i];
      const std::uint32_t place = edge.wanted ? place_of(Node::of(edge.input)) : nowhere;
      if (place != nowhere && !items_[place].owned) {
        Node::steal(edge.input);
        items_[place].owned = true;
      } else {
        edge.input = Tensor();
      }
    }
    detail::release_record(n);
  }

  // A node's slot tells where a sweep has put it. The first sweep to come writes there; a sweep of
  // another thread that meets a slot in use keeps a map of its own.
  bool claim(Node* n) {
    std::uint64_t slot = n->slot.load(std::memory_order_relaxed);
    if (slot >> 32 == id_ || (!contended_.empty() && contended_.contains(n))) return false;
    if (slot == 0 &&
        n->slot.compare_exchange_strong(slot, pack(nowhere), std::memory_order_relaxed))
      return true;
    shares_ = shares_ || n->record;
    return contended_.emplace(n, nowhere).second;
  }
  void place(Node* n) {
    const auto place = static_cast<std::uint32_t>(items_.size());
    items_.emplace_back(n);
    if (n->slot.load(std::memory_order_relaxed) >> 32 == id_)
      n->slot.store(pack(place), std::memory_order_relaxed);
    else
      contended_[n] = place;
  }
  std::uint32_t place_of(const Node* n) const {
    const std::uint64_t slot = n->slot.load(std::memory_order_relaxed);
    if (slot >> 32 == id_) return static_cast<std::uint32_t>(slot);
    if (contended_.empty()) return nowhere;
    const auto found = contended_.find(n);
    return found == contended_.end() ? nowhere : found->second;
  }
  void unclaim(Node* n) {
    if (n->slot.load(std::memory_order_relaxed) >> 32 == id_)
      n->slot.store(0, std::memory_order_relaxed);
  }
  std::uint64_t pack(std::uint32_t place) const { return std::uint64_t{id_} << 32 | place; }
  static std::uint32_t next_id() {
    static std::atomic<std::uint32_t> counter{0};
    std::uint32_t id = ++counter;
    return id ? id : ++counter;
  }

  const std::uint32_t id_ = next_id();
  const bool create_graph_, stores_;
  Node* freed_ = nullptr;
  bool shares_ = false;
  std::size_t place_ = 0;
  std::vector<Item, detail::PoolAllocator<Item>> items_;
  std::vector<Visit, detail::PoolAllocator<Visit>> visits_;
  std::vector<std::pair<Tensor, Tensor>> retained_;  // intermediate results, and their gradients
  std::unordered_map<const Node*, std::uint32_t> contended_;
};

}  // namespace gradus::detail
