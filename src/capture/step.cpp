#include "capture/step.hpp"

#include <cstring>

#include "autograd/node.hpp"

namespace gradus::detail {

void StepCapture::made(Node* n) { n->captured = true; }
void StepCapture::made(Buffer* buffer) { buffer->captured = true; }

void StepCapture::before_write(Node* n) {
  // A view that the step made may be of memory from outside.
  if ((n->is_inline() ? n->captured : n->buffer->captured) || written.contains(n->data)) return;
  if (n->captured) ++tensors;
  const auto* first = static_cast<const std::byte*>(n->data);
  const std::size_t bytes = static_cast<std::size_t>(n->numel) * size_of(n->dtype);
  written.emplace(n->data, Written{Node::share(n), {first, first + bytes}});
}

void StepCapture::use(const Inputs& inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (Node* n = node(inputs[i]); !n->captured) used.emplace(n, inputs[i]);
}

void StepCapture::before_grad(Node* leaf, bool adds) {
  if (leaf->captured || leaves.contains(leaf)) return;
  if (adds)
    fail("capture",
         "backward() adds to a gradient from outside the step, so gradients would be summed over "
         "calls; clear them in the step, before backward() (zero_grad)");
  leaves.emplace(leaf, Leaf{Node::share(leaf), leaf->grad ? Node::share(leaf->grad) : Tensor()});
}

void StepCapture::after_grad(Node* leaf) {
  if (!leaf->grad || leaf->captured) return;
  Leaf& known = leaves.at(leaf);
  const std::size_t functions = calls.works();
  if (known.grad.defined() && Node::of(known.grad) != leaf->grad && functions > known.functions)
    fail("capture",
         "a parameter got a second gradient after a function such as an optimizer's step or "
         "clipping may have used the first, and a replay would give it the second both times; "
         "capture each part as a step of its own");
  known.grad = Node::share(leaf->grad);
  known.functions = functions;
}

void StepCapture::restore() const noexcept {
  for (const auto& [place, before] : written)
    if (!before.before.empty()) {
      Node* const to = node(before.tensor);
      to->bump_version();
      std::memcpy(to->data, before.before.data(), before.before.size());
    }
  for (const auto& [owner, put_back] : undo) put_back();
  for (const auto& [n, leaf] : leaves) put_grad(node(leaf.tensor), leaf.grad_before);
}

void StepCapture::before_change(const void* owner,
                                const std::function<std::function<void()>()>& make_undo) {
  if (undo.contains(owner)) return;
  const kernels::Unheard pause;
  const PauseArena aside;
  const std::int64_t before = thread_cache.tensors;
  undo.emplace(owner, make_undo());
  tensors += thread_cache.tensors - before;
}

void StepCapture::before_draws(Generator& generator) {
  before_change(&generator, [&] {
    return [&generator, seed = generator.seed(), offset = generator.offset()] {
      generator.set_state(seed, offset);
    };
  });
}

}  // namespace gradus::detail
