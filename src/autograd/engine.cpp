// The engine: one Sweep per backward() or grad() call. It finds the nodes between the outputs and
// what is wanted, walks them so that every node comes after all its consumers, and sums gradients
// where paths meet. All of its state lives in the Sweep, none in the graph, so that threads may
// differentiate graphs that share nodes.
#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "autograd/anomaly.hpp"
#include "gradus/ops.hpp"

namespace gradus {

using detail::Edge;
using detail::Node;
using detail::Record;

namespace {

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

}  // namespace

class Sweep {
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
    if (claim(n)) place(n);
  }
  /// Marks an input of grad(): closed if it was not found on the way from the outputs.
  void want(Node* n) {
    close(n);
    items_[place_of(n)].wanted = true;
  }
  bool found(const Node* n) const { return place_of(n) != nowhere; }
  bool any_freed() const { return freed_ != nullptr; }

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
  std::size_t place_ = 0;
  std::vector<Item, detail::PoolAllocator<Item>> items_;
  std::vector<Visit, detail::PoolAllocator<Visit>> visits_;
  std::vector<std::pair<Tensor, Tensor>> retained_;  // intermediate results, and their gradients
  std::unordered_map<const Node*, std::uint32_t> contended_;
};

// ------------------------------------------------------------------ what a rule sees

struct Vjp::State {
  Sweep& sweep;
  Node* node;
  const Tensor& out;
};

namespace {
[[noreturn]] void fail_overwritten(const char* name, const std::string& what) {
  fail(name, what +
                 " was changed in place after it was recorded, and the derivative needs the old "
                 "values; change a clone instead, or change it after backward");
}
}  // namespace

const Tensor& Vjp::in(int i) const {
  const Edge& edge = state_.node->record->edges()[i];
  if (Node::of(edge.input)->version() != edge.version)
    fail_overwritten(state_.node->record->name, "input " + std::to_string(i));
  return edge.input;
}
const Tensor& Vjp::out() const {
  if (static_cast<std::uint16_t>(state_.node->version()) != state_.node->record->version)
    fail_overwritten(state_.node->record->name, "its result");
  return state_.out;
}
bool Vjp::wants(int i) const {
  const Edge& edge = state_.node->record->edges()[i];
  return edge.wanted && state_.sweep.needs(Node::of(edge.input));
}
bool Vjp::create_graph() const { return state_.sweep.create_graph(); }
int Vjp::arity() const { return static_cast<int>(state_.node->record->arity); }
Tensor Vjp::accumulator(int i) const {
  if (!wants(i) || create_graph() || detail::mode.anomaly) return {};
  const Tensor& sum = state_.sweep.adjoint_of(Node::of(state_.node->record->edges()[i].input));
  return sum.defined() && detail::is_unique(sum) ? sum : Tensor();
}

void Vjp::give(int i, Tensor&& gradient) {
  if (!gradient.defined()) return;
  Record* record = state_.node->record;
  if (i >= arity())
    fail(record->name, "the rule returned more gradients than the operation has inputs");
  const Edge& edge = record->edges()[i];
  const Node* input = Node::of(edge.input);
  Tensor* sum = edge.wanted ? state_.sweep.sum_for(input) : nullptr;
  if (!sum) return;
  if (detail::mode.anomaly) detail::check_gradient(state_.node, i, gradient, grad);
  if (!detail::same_type(Node::of(gradient), input)) [[unlikely]] {
    gradient = gradient.to(input->dtype);
    // The one place where the gradient of a broadcast input is summed.
    gradient = detail::sum_to(gradient, edge.input.shape());
  }
  state_.sweep.accumulate(*sum, std::move(gradient));
}

void Sweep::apply_rule(Node* n, const Tensor& adjoint) {
  Vjp::State state{*this, n, items_[place_].node};
  Vjp k(adjoint, state);
  std::optional<detail::RuleScope> scope;
  if (detail::mode.anomaly) scope.emplace(n);
  n->record->apply(n->record->rule(), k);
}

// ------------------------------------------------------------------ the public entries

namespace {

Tensor checked_seed(const Tensor& output, const Tensor& seed, const char* operation) {
  if (!seed.defined()) {
    if (output.numel() == 1) return detail::constant_like(output, 1);
    fail(operation, "a tensor of shape " + to_string(output.shape()) +
                        " was given without a seed; only a single element has the default seed 1; "
                        "reduce it to a scalar (sum, mean) or pass a seed of its shape");
  }
  if (!(seed.shape() == output.shape()) || seed.dtype() != output.dtype())
    fail(operation, "a seed of shape " + to_string(seed.shape()) + ", " + name_of(seed.dtype()) +
                        " was given; the output's shape " + to_string(output.shape()) + ", " +
                        name_of(output.dtype()) + " is required");
  return seed;
}

[[noreturn]] void fail_freed(const char* operation) {
  fail(operation,
       "the graph was already freed by an earlier pass; pass retain_graph = true to the first "
       "pass, or "
       "run the forward pass again");
}
[[noreturn]] void fail_no_graph(const char* operation) {
  fail(
      operation,
      "the tensor does not depend on any tensor that requires a gradient; call requires_grad_() on "
      "a leaf before the computation, outside NoGrad");
}

}  // namespace

void Tensor::backward(const Tensor& seed, bool retain_graph) const {
  Node* root = detail::node(*this);
  if (!root->requires_grad) fail_no_graph("backward");
  const NoGrad guard;
  const Tensor kept = *this;  // a hook may overwrite the caller's handle
  Tensor start = checked_seed(kept, seed, "backward").detach();
  Sweep sweep(false, true);
  sweep.discover(root);
  if (sweep.any_freed()) fail_freed("backward");
  sweep.accumulate(sweep.adjoint_of(root), std::move(start));
  sweep.run(retain_graph);
  sweep.store_grads();
}

namespace detail {

std::vector<Tensor> differentiate(const std::vector<Tensor>& outputs,
                                  const std::vector<Tensor>& inputs, const GradOptions& options,
                                  const std::vector<Tensor>& closed) {
  if (!options.grad_outputs.empty() && options.grad_outputs.size() != outputs.size())
    fail("grad", std::to_string(options.grad_outputs.size()) + " grad_outputs were given for " +
                     std::to_string(outputs.size()) + " outputs; one per output is required");
  const bool retain_graph = options.retain_graph.value_or(options.create_graph);
  Sweep sweep(options.create_graph, false);
  for (const Tensor& end : closed) sweep.close(node(end));
  for (const Tensor& input : inputs)
    if (!node(input)->record) sweep.want(node(input));
  for (const Tensor& output : outputs) {
    if (node(output)->requires_grad)
      sweep.discover(node(output));
    else if (!options.allow_unused && !sweep.found(node(output)))
      fail_no_graph("grad");
  }
  if (sweep.any_freed()) fail_freed("grad");
  for (const Tensor& input : inputs)
    if (sweep.found(node(input))) sweep.want(node(input));
  sweep.prune();
  struct ModeGuard {
    bool before;
    ~ModeGuard() { mode.grad = before; }
  } guard{std::exchange(mode.grad, options.create_graph)};
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Tensor seed = i < options.grad_outputs.size() ? options.grad_outputs[i] : Tensor();
    Tensor start = checked_seed(outputs[i], seed, "grad");
    if (sweep.found(node(outputs[i])))
      sweep.accumulate(sweep.adjoint_of(node(outputs[i])), std::move(start));
  }
  sweep.run(retain_graph);
  std::vector<Tensor> gradients;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Node* n = node(inputs[i]);
    const bool used = sweep.found(n) && sweep.adjoint_of(n).defined();
    if (!used && !options.allow_unused)
      fail("grad",
           "the outputs do not depend on input " + std::to_string(i) + " of shape " +
               to_string(inputs[i].shape()) +
               "; pass allow_unused = true to get zeros, or require its gradient before the "
               "computation");
    gradients.push_back(used ? sweep.adjoint_of(n) : zeros_like(inputs[i]));
  }
  return gradients;
}

void differentiate_composite(Vjp& k, const std::function<Tensor(const std::vector<Tensor>&)>& f) {
  // Views of the inputs, recorded, end the inner sweep and connect its result to the outer graph.
  std::vector<Tensor> inputs, views, wanted;
  std::vector<int> places;
  for (int i = 0; i < k.arity(); ++i) {
    inputs.push_back(k.in(i));
    if (!k.in(i).requires_grad()) continue;
    views.push_back(inputs.back() = reshape(k.in(i), k.in(i).shape()));
    if (!k.wants(i)) continue;
    wanted.push_back(views.back());
    places.push_back(i);
  }
  const Tensor value = f(inputs);
  std::vector<Tensor> gradients =
      differentiate({value}, wanted,
                    {.create_graph = true, .allow_unused = true, .grad_outputs = {k.grad}}, views);
  for (std::size_t i = 0; i < wanted.size(); ++i) k.give(places[i], std::move(gradients[i]));
}

void refuse_second_order(const char* name) {
  fail(name,
       "this operation has a raw rule only, and higher derivatives (create_graph) need a rule in "
       "tensor operations; write one with custom()");
}

}  // namespace detail

std::vector<Tensor> grad(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
                         const GradOptions& options) {
  return detail::differentiate(outputs, inputs, options, {});
}
std::vector<Tensor> grad(const Tensor& output, const std::vector<Tensor>& inputs,
                         const GradOptions& options) {
  return detail::differentiate({output}, inputs, options, {});
}

}  // namespace gradus
