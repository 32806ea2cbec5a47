#include "autograd/capture.hpp"

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
  const std::size_t functions = tape ? tape->functions() : known.functions;
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

void put_grad(Node* leaf, const Tensor& grad) {
  if (leaf->grad == (grad.defined() ? Node::of(grad) : nullptr)) return;
  Tensor fresh = grad;
  if (leaf->grad) Node::adopt(std::exchange(leaf->grad, nullptr));
  leaf->grad = Node::steal(fresh);
}

void refuse_capture(const char* operation, const char* reason) {
  if (is_capturing())
    fail("capture", std::string("the step calls ") + operation +
                        ", which cannot be repeated without the graph: " + reason);
}

void refuse_reading(const Tensor& t, const char* operation) {
  note_read({t});
  if (node(t)->captured)
    refuse_capture(operation,
                   "it reads values on its way, and the step would go on with those of now; "
                   "compute with tensors (where, clamp), or return the tensor and read it then");
}

void StepCapture::before_change(const void* owner,
                                const std::function<std::function<void()>()>& make_undo) {
  if (undo.contains(owner)) return;
  const PauseTape pause;
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

Drawn draw(Generator& generator, std::uint64_t count, bool replayable) {
  Capture* const capture = mode.capture;
  std::optional<Drawn> drawn;
  if (capture) drawn = capture->draw_again(count);
  if (!drawn && replayable && is_capturing()) {
    capture->before_draws(generator);
    const auto draw = std::make_shared<Draw>();
    detail::replayable([draw, count, &generator] { *draw = generator.take(count); });
    drawn = {*draw, draw.get()};
  }
  if (!drawn) {
    refuse_capture("a random operation", "every replay would draw the same numbers");
    drawn = {generator.take(count)};
  }
  if (capture) capture->drawn(*drawn, count);
  return *drawn;
}

}  // namespace gradus::detail
