#pragma once

// One Sweep per backward() or grad() call. It visits nodes from the deepest to the shallowest, so
// that each comes after all its consumers, and sums gradients where paths meet. All of its state
// lives in the Sweep, none in the graph, so that threads may differentiate graphs that share nodes.
#include <mutex>
#include <utility>
#include <vector>

#include "autograd/anomaly.hpp"
#include "autograd/gradients.hpp"
#include "autograd/places.hpp"
#include "base/messages.hpp"
#include "kernels/elementwise/functions.hpp"

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
  struct Visit {
    Node* node;
    std::uint32_t next_edge;
  };

 public:
  /// For backward(), `all` that the output depends on is needed; for grad(), discover() tells.
  Sweep(bool create_graph, bool all) : create_graph_(create_graph), all_(all) {}

  // --- 1. For grad(): only nodes on a path to a wanted input are needed.

  /// Nothing below a node of a closed end is visited.
  void close(Node* n) {
    Item& item = places_[places_.enter(n)];
    item.entered = item.closed = true;
    item.needed = item.expands = false;
  }
  void want(Node* n) {
    Item& item = places_[places_.enter(n)];
    item.wanted = item.needed = true;
  }
  bool found(const Node* n) const { return places_.of(n) != nowhere; }

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
      Item& item = places_[places_.of(n)];
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
    while (single_.defined() || !queue_.empty()) {
      Tensor node, adjoint;
      std::uint32_t wanted = nowhere;  // its place, if it is an input of grad()
      bool expands = true, closed = false;
      if (single_.defined() && single_depth_ >= queue_.depth()) {
        node.swap(single_);
        adjoint.swap(single_adjoint_);
      } else {
        const std::uint32_t place = queue_.pop();
        Item& item = places_[place];
        expands = item.expands;
        closed = item.closed;
        adjoint.swap(item.adjoint);
        if (item.wanted) wanted = place;
        node = item.wanted ? item.node : places_.leave(place);
      }
      Node* n = Node::of(node);
      if (n->extras && !closed) run_hooks(n, adjoint);
      if (wanted != nowhere) places_[wanted].adjoint = adjoint;
      if (n->retains_grad && all_) retained_.emplace_back(node, adjoint);
      if (!expands) continue;
      if (!n->record) fail_freed(all_ ? "backward" : "grad");  // by a pass inside a hook
      apply_rule(node, adjoint);
      // What nobody else holds is freed with the handle.
      if (!retain_graph && !n->refs.unique()) release_record(n);
    }
    for (Item& item : places_)
      if (item.leaf && !item.closed && item.adjoint.defined() && Node::of(item.node)->extras)
        run_hooks(Node::of(item.node), item.adjoint);
  }

  /// Adds a gradient to a node's adjoint: the first contribution is taken over; a later one is
  /// added in place if nobody else can see the sum, and makes a fresh sum otherwise or when it is
  /// recorded.
  void add(Node* n, Tensor&& gradient) {
    const std::uint32_t place = places_.of(n);
    if (place == nowhere) return add_first(n, std::move(gradient));
    Tensor& sum = places_[place].adjoint;
    if (!sum.defined()) {
      sum.swap(gradient);
      if (n->record) queue_.push(n->record->depth, place);
    } else if (!create_graph_ && is_unique(sum)) {
      add_in_place(Node::of(sum), gradient);
    } else {
      sum = sum_of(sum, gradient);
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
    const std::uint32_t place = places_.enter_new(n);
    places_[place].adjoint.swap(gradient);
    if (n->record) queue_.push(n->record->depth, place);
  }
  /// Adds a number to the adjoint of a node, both scalars of one type; the memory of `spare` serves
  /// for it if that is defined.
  template <class T>
  void add_number(Node* n, T number, Tensor& spare) {
    const std::uint32_t place = places_.of(n);
    if (place != nowhere && places_[place].adjoint.defined() && is_unique(places_[place].adjoint)) {
      T& sum = *static_cast<T*>(Node::of(places_[place].adjoint)->data);
      sum = kernels::apply<kernels::Binary::add>(sum, number);
      return;
    }
    Tensor gradient = spare.defined() ? std::move(spare) : empty_scalar(n->dtype);
    *static_cast<T*>(Node::of(gradient)->data) = number;
    if (place == nowhere)
      add_first(n, std::move(gradient));
    else
      add(n, std::move(gradient));
  }
  bool needs(const Node* n) const {
    if (all_) return true;
    const std::uint32_t place = places_.of(n);
    return place != nowhere && places_[place].needed;
  }
  bool create_graph() const { return create_graph_; }
  /// The sum so far, undefined if nothing arrived.
  Tensor adjoint_of(const Node* n) const {
    const std::uint32_t place = places_.of(n);
    return place == nowhere ? Tensor() : places_[place].adjoint;
  }
  /// The same if nobody else can see it.
  Tensor unshared_sum(const Node* n) const {
    const std::uint32_t place = places_.of(n);
    if (place == nowhere) return {};
    const Tensor& sum = places_[place].adjoint;
    return sum.defined() && claim(sum) ? sum : Tensor();
  }

  // --- 3. The end: either all gradients are stored, or, if something threw, none.
  void store_grads() {
    for (auto& [node, adjoint] : retained_) make_own(adjoint);
    for (Item& item : places_)
      if (item.leaf) make_own(item.adjoint);
    for (auto& [node, adjoint] : retained_) store(Node::of(node), std::move(adjoint));
    for (Item& item : places_)
      if (item.leaf && item.adjoint.defined() && Node::of(item.node)->requires_grad)
        store(Node::of(item.node), std::move(item.adjoint));
  }

 private:
  static constexpr std::uint32_t nowhere = Places::nowhere;

  void apply_rule(const Tensor& value, Tensor& adjoint);

  /// sum += gradient, of equal types, in place and without any check of history.
  static void add_in_place(Node* sum, const Tensor& gradient) {
    sum->bump_version();
    kernels::run(kernels::Zip{kernels::Binary::add, sum->dtype, sum->data, data(gradient),
                              sum->data, kernels::same_shape(sum->numel)});
  }

  static void run_hooks(Node* n, Tensor& adjoint) {
    if (!n->extras->hooks.empty()) happens_once("a gradient hook", "it may do anything");
    const auto hooks = n->extras->hooks;  // a hook may remove itself
    for (const auto& hook : hooks)
      if (Tensor replacement = hook.call(adjoint); replacement.defined()) {
        if (!(replacement.shape() == adjoint.shape()) || replacement.dtype() != adjoint.dtype())
          fail("hook", "the hook returned a gradient of shape ", replacement.shape(),
               "; the tensor's shape ", adjoint.shape(), " and dtype are required");
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
    if (mode.observer) [[unlikely]]
      mode.observer->replaces_grad(n, true);
    std::unique_lock lock(mutex_of(n), std::defer_lock);
    if (!RefCount::single_threaded()) lock.lock();
    if (!n->grad)
      n->grad = Node::steal(adjoint);
    else
      add_in_place(n->grad, adjoint);
  }

  void visit(Node* n) {
    Item& item = places_[places_.enter(n)];
    if (std::exchange(item.entered, true)) return;
    if (n->released && !item.wanted) fail_freed("grad");
    visits_.push_back({n, 0});
  }

  const bool create_graph_, all_;
  Places places_;
  Queue queue_;
  // A node that only one edge refers to: that edge has brought its whole gradient, so that it needs
  // no place.
  Tensor single_, single_adjoint_;
  std::uint32_t single_depth_ = 0;  // a hook may free its record
  PoolList<Visit> visits_;
  std::vector<std::pair<Tensor, Tensor>> retained_;  // intermediate results, and their gradients
};

}  // namespace gradus::detail

namespace gradus {

/// What a rule's Vjp stands on.
struct Vjp::State {
  detail::Sweep& sweep;
  detail::Node* node;
  const Tensor& out;
  Tensor& adjoint;  // what the rule sees as grad
};

/// The engine's side of a Vjp.
struct detail::VjpAccess {
  using State = Vjp::State;
  static Vjp make(const Tensor& adjoint, State& state) { return {adjoint, state}; }
  static State& state(const Vjp& k) { return k.state_; }
};

inline void detail::Sweep::apply_rule(const Tensor& value, Tensor& adjoint) {
  Node* n = Node::of(value);
  VjpAccess::State state{*this, n, value, adjoint};
  Vjp k = VjpAccess::make(adjoint, state);
  Record* const record = n->record;
  if (!mode.anomaly) [[likely]]
    return record->apply(record->rule(), k);
  const RuleScope scope(n);
  record->apply(record->rule(), k);
}

}  // namespace gradus
