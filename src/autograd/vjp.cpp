// What a derivative rule sees.
#include "autograd/vjp.hpp"

#include "autograd/sweep.hpp"
#include "base/messages.hpp"

namespace gradus {

using detail::Edge;
using detail::Node;

void detail::fail_overwritten(const char* operation, int input) {
  fail(operation, (input < 0 ? "its result" : "input " + text_of(input)),
       " was changed in place after it was recorded, and the derivative needs the old "
       "values; change a clone instead, or change it after backward");
}

const Tensor& Vjp::in(int i) const { return state_.node->record->in(i); }
const Tensor& Vjp::out() const {
  if (state_.node->version() != state_.node->record->version)
    detail::fail_overwritten(state_.node->record->name, -1);
  return state_.out;
}
bool Vjp::wants(int i) const {
  const Edge& edge = state_.node->record->edges()[i];
  return edge.wanted && state_.sweep.needs(Node::of(edge.input));
}
bool Vjp::create_graph() const { return state_.sweep.create_graph(); }
int Vjp::arity() const { return static_cast<int>(state_.node->record->arity); }

namespace detail {

Tensor accumulator(const Vjp& k, int i) {
  if (!k.wants(i) || k.create_graph() || mode.anomaly) return {};
  const VjpAccess::State& state = VjpAccess::state(k);
  return state.sweep.unshared_sum(Node::of(state.node->record->edges()[i].input));
}
Tensor spare(const Vjp& k) {
  return k.create_graph() || mode.anomaly || !claim(k.grad) ? Tensor() : k.grad;
}

namespace {
[[noreturn, gnu::cold, gnu::noinline]] void fail_factors(const char* name) {
  fail(name,
       "the rule gave another number of factors than the operation has inputs, or named an input "
       "that it has not; one factor for each input is required");
}
[[noreturn, gnu::cold, gnu::noinline]] void fail_too_many(const char* name) {
  fail(name, "the rule returned more gradients than the operation has inputs");
}

/// The factor of an input, or the number.
template <class T>
T value_of(const Factor& factor, Record* record) {
  if (factor.place < 0) return static_cast<T>(factor.number);
  return *static_cast<const T*>(Node::of(record->in(factor.place))->data);
}

/// give_scaled for numbers of one type; takes the adjoint, whose memory serves for one of the
/// gradients if nobody else can see it.
template <class T>
void give_products(Sweep& sweep, Record* record, Tensor& adjoint, const Factor* factors) {
  const T grad = *static_cast<const T*>(Node::of(adjoint)->data);
  Tensor spare;
  if (is_unique(adjoint)) spare.swap(adjoint);
  for (std::uint32_t i = 0; i < record->arity; ++i) {
    const Edge& edge = record->edges()[i];
    Node* input = Node::of(edge.input);
    if (!edge.wanted || !sweep.needs(input)) continue;
    const T factor = value_of<T>(factors[i], record);
    sweep.add_number(input, kernels::apply<kernels::Binary::safe_mul>(grad, factor), spare);
  }
}

}  // namespace

bool give_scaled(const Vjp& k, std::initializer_list<Factor> factors) {
  const Mode& now = mode;
  const Node* g = Node::of(k.grad);
  if (g->rank != 0 || k.create_graph() || now.anomaly || now.observer) return false;
  const VjpAccess::State& state = VjpAccess::state(k);
  Record* record = state.node->record;
  if (factors.size() != record->arity) fail_factors(record->name);
  for (std::uint32_t i = 0; i < record->arity; ++i) {
    if (std::data(factors)[i].place >= static_cast<int>(record->arity)) fail_factors(record->name);
    if (Node::of(record->edges()[i].input)->kind() != g->kind()) return false;
  }
  if (g->dtype == DType::float32)
    give_products<float>(state.sweep, record, state.adjoint, std::data(factors));
  else
    give_products<double>(state.sweep, record, state.adjoint, std::data(factors));
  return true;
}

void give(Vjp& k, int i, Tensor&& gradient) {
  if (!gradient.defined()) return;
  const VjpAccess::State& state = VjpAccess::state(k);
  Record* record = state.node->record;
  if (static_cast<std::uint32_t>(i) >= record->arity) fail_too_many(record->name);
  const Edge& edge = record->edges()[i];
  Node* input = Node::of(edge.input);
  if (!edge.wanted || !state.sweep.needs(input)) return;
  if (mode.anomaly) [[unlikely]]
    check_gradient(state.node, i, gradient, k.grad);
  if (!same_type(Node::of(gradient), input)) gradient = fitted(gradient, edge.input);
  state.sweep.add(input, std::move(gradient));
}

}  // namespace detail

}  // namespace gradus
