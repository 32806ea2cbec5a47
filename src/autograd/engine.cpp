// The engine's entries: what a rule sees, backward() and grad(). How a graph is walked is in
// sweep.hpp.
#include <algorithm>

#include "autograd/anomaly.hpp"
#include "autograd/sweep.hpp"
#include "gradus/ops.hpp"

namespace gradus {

using detail::Edge;
using detail::Node;
using detail::Record;
using detail::Sweep;

// ------------------------------------------------------------------ what a rule sees

struct Vjp::State {
  Sweep& sweep;
  Node* node;
  const Tensor& out;
  Tensor& adjoint;  // what the rule sees as grad
};

void detail::fail_overwritten(const char* operation, int input) {
  fail(operation,
       (input < 0 ? "its result" : "input " + text_of(input)) +
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
Tensor Vjp::accumulator(int i) const {
  if (!wants(i) || create_graph() || detail::mode.anomaly) return {};
  return state_.sweep.unshared_sum(Node::of(state_.node->record->edges()[i].input));
}
Tensor Vjp::spare() const {
  return create_graph() || detail::mode.anomaly || !detail::claim(grad) ? Tensor() : grad;
}

namespace {
/// A gradient in the dtype of its input, and summed where the input was broadcast: the one place.
[[gnu::noinline]] void fit(Tensor& gradient, const Tensor& input) {
  gradient = detail::sum_to(gradient.to(input.dtype()), input.shape());
}
[[noreturn, gnu::cold, gnu::noinline]] void fail_factors(const char* name) {
  fail(name,
       "the rule gave another number of factors than the operation has inputs, or named an input "
       "that it has not; one factor for each input is required");
}
[[noreturn, gnu::cold, gnu::noinline]] void fail_too_many(const char* name) {
  fail(name, "the rule returned more gradients than the operation has inputs");
}
}  // namespace

bool Vjp::give_scaled(std::initializer_list<Factor> factors) const {
  const detail::Mode& mode = detail::mode;
  const Node* g = Node::of(grad);
  if (g->rank != 0 || create_graph() || mode.anomaly || mode.capture) return false;
  Record* record = state_.node->record;
  if (factors.size() != record->arity) fail_factors(record->name);
  for (std::uint32_t i = 0; i < record->arity; ++i) {
    if (std::data(factors)[i].place >= static_cast<int>(record->arity)) fail_factors(record->name);
    if (Node::of(record->edges()[i].input)->kind() != g->kind()) return false;
  }
  if (g->dtype == DType::float32)
    state_.sweep.add_scaled<float>(record, state_.adjoint, std::data(factors));
  else
    state_.sweep.add_scaled<double>(record, state_.adjoint, std::data(factors));
  return true;
}

void Vjp::give(int i, Tensor&& gradient) {
  if (!gradient.defined()) return;
  Record* record = state_.node->record;
  if (static_cast<std::uint32_t>(i) >= record->arity) fail_too_many(record->name);
  const Edge& edge = record->edges()[i];
  Node* input = Node::of(edge.input);
  if (!edge.wanted || !state_.sweep.needs(input)) return;
  if (detail::mode.anomaly) [[unlikely]]
    detail::check_gradient(state_.node, i, gradient, grad);
  if (!detail::same_type(Node::of(gradient), input)) fit(gradient, edge.input);
  state_.sweep.add(input, std::move(gradient));
}

void detail::Sweep::apply_rule(const Tensor& value, Tensor& adjoint) {
  Node* n = Node::of(value);
  Vjp::State state{*this, n, value, adjoint};
  Vjp k(adjoint, state);
  Record* const record = n->record;
  if (!detail::mode.anomaly) [[likely]]
    return record->apply(record->rule(), k);
  const detail::RuleScope scope(n);
  record->apply(record->rule(), k);
}

void detail::fail_freed(const char* operation) {
  fail(operation,
       "the graph was already freed by an earlier pass; pass retain_graph = true to the first "
       "pass, or run the forward pass again");
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
  Tensor start = checked_seed(kept, seed, "backward");
  Sweep sweep(false, true);
  sweep.add(root, std::move(start));
  sweep.run(retain_graph);
  sweep.store_grads();
}

namespace detail {

std::vector<Tensor> differentiate(const std::vector<Tensor>& outputs,
                                  const std::vector<Tensor>& inputs, const GradOptions& options,
                                  const std::vector<Tensor>& closed) {
  if (!options.grad_outputs.empty() && options.grad_outputs.size() != outputs.size())
    fail("grad", text_of(options.grad_outputs.size()) + " grad_outputs were given for " +
                     text_of(outputs.size()) + " outputs; one per output is required");
  const bool retain_graph = options.retain_graph.value_or(options.create_graph);
  Sweep sweep(options.create_graph, false);
  for (const Tensor& end : closed) sweep.close(node(end));
  for (const Tensor& input : inputs) sweep.want(node(input));
  for (const Tensor& output : outputs) {
    if (node(output)->requires_grad)
      sweep.discover(node(output));
    else if (!options.allow_unused && !sweep.found(node(output)))
      fail_no_graph("grad");
  }
  struct ModeGuard {
    bool before;
    ~ModeGuard() { mode.grad = before; }
  } guard{std::exchange(mode.grad, options.create_graph)};
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Tensor seed = i < options.grad_outputs.size() ? options.grad_outputs[i] : Tensor();
    Tensor start = checked_seed(outputs[i], seed, "grad");
    if (sweep.needs(node(outputs[i]))) sweep.add(node(outputs[i]), std::move(start));
  }
  sweep.run(retain_graph);
  std::vector<Tensor> gradients;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Tensor gradient = sweep.adjoint_of(node(inputs[i]));
    if (!gradient.defined() && !options.allow_unused)
      fail("grad",
           "the outputs do not depend on input " + text_of(i) + " of shape " +
               to_string(inputs[i].shape()) +
               "; pass allow_unused = true to get zeros, or require its gradient before the "
               "computation");
    if (gradient.defined()) node(gradient)->copied = false;
    gradients.push_back(gradient.defined() ? std::move(gradient) : zeros_like(inputs[i]));
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
