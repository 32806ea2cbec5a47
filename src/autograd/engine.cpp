// The engine's entries: backward() and grad(). How a graph is walked is in sweep.hpp, what a rule
// sees in vjp.cpp.
#include "autograd/sweep.hpp"
#include "base/messages.hpp"

namespace gradus {

using detail::Node;
using detail::Sweep;

void detail::fail_freed(const char* operation) {
  fail(operation,
       "the graph was already freed by an earlier pass; pass retain_graph = true to the first "
       "pass, or run the forward pass again");
}

namespace {

Tensor checked_seed(const Tensor& output, const Tensor& seed, const char* operation) {
  if (!seed.defined()) {
    if (output.numel() == 1) return detail::constant_like(output, 1);
    fail(operation, "a tensor of shape ", output.shape(),
         " was given without a seed; only a single element has the default seed 1; "
         "reduce it to a scalar (sum, mean) or pass a seed of its shape");
  }
  if (!(seed.shape() == output.shape()) || seed.dtype() != output.dtype())
    fail(operation, "a seed of shape ", seed.shape(), ", ", name_of(seed.dtype()),
         " was given; the output's shape ", output.shape(), ", ", name_of(output.dtype()),
         " is required");
  return seed;
}

[[noreturn]] void fail_no_graph(const char* operation) {
  fail(
      operation,
      "the tensor does not depend on any tensor that requires a gradient; call requires_grad_() on "
      "a leaf before the computation, outside NoGrad");
}

}  // namespace

void Tensor::backward(const Tensor& seed, BackwardOptions options) const {
  Node* root = detail::node(*this);
  if (!root->requires_grad) fail_no_graph("backward");
  const NoGrad guard;
  const Tensor kept = *this;  // a hook may overwrite the caller's handle
  Tensor start = checked_seed(kept, seed, "backward");
  Sweep sweep(false, true);
  sweep.add(root, std::move(start));
  sweep.run(options.retain_graph);
  sweep.store_grads();
}

namespace detail {

std::vector<Tensor> differentiate(const std::vector<Tensor>& outputs,
                                  const std::vector<Tensor>& inputs, const GradOptions& options,
                                  const std::vector<Tensor>& closed) {
  if (!options.grad_outputs.empty() && options.grad_outputs.size() != outputs.size())
    fail("grad", options.grad_outputs.size(), " grad_outputs were given for ", outputs.size(),
         " outputs; one per output is required");
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
      fail("grad", "the outputs do not depend on input ", i, " of shape ", inputs[i].shape(),
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
    views.push_back(inputs.back() = k.in(i).reshape(k.in(i).shape()));
    if (!k.wants(i)) continue;
    wanted.push_back(views.back());
    places.push_back(i);
  }
  const Tensor value = f(inputs);
  std::vector<Tensor> gradients =
      differentiate({value}, wanted,
                    {.create_graph = true, .allow_unused = true, .grad_outputs = {k.grad}}, views);
  for (std::size_t i = 0; i < wanted.size(); ++i) give(k, places[i], std::move(gradients[i]));
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
