#include "capture/step.hpp"

#include <cstring>

#include "autograd/node.hpp"
#include "base/messages.hpp"

namespace gradus::detail {

namespace {

/// True while the host works.
bool is_aside() { return !kernels::listener; }

void refuse(const char* operation, const char* reason) {
  if (is_aside()) return;
  fail("capture", "the step calls ", operation,
       ", which cannot be repeated without the graph: ", reason);
}

}  // namespace

void StepCapture::made(Node* n) {
  n->observed = true;
  if (!n->is_inline() && n->buffer->refs.unique()) n->buffer->observed = true;
}

// The host has read, before or after, what the step changes.
void StepCapture::refuse_stale(const Tensor& read, const char* operation) const {
  const auto* first = static_cast<const std::byte*>(data(read));
  const auto* last = first + static_cast<std::size_t>(read.numel()) * size_of(read.dtype());
  for (const auto& [place, change] : written) {
    const auto* begin = static_cast<const std::byte*>(place);
    if (first < begin + change.before.size() && begin < last)
      fail("capture", "the step calls ", operation,
           ", which reads values that the step itself changes, and a replay would go on with those "
           "of now; compute with tensors, or read them between replays");
  }
}

void StepCapture::writes(Node* n) {
  // A view that the step made may be of memory from outside.
  if ((n->is_inline() ? n->observed : n->buffer->observed) || written.contains(n->data)) return;
  if (n->observed) ++tensors;
  const auto* first = static_cast<const std::byte*>(n->data);
  const std::size_t bytes = static_cast<std::size_t>(n->numel) * size_of(n->dtype);
  written.emplace(n->data, Written{Node::share(n), {first, first + bytes}});
}

void StepCapture::reads(const Inputs& inputs) {
  for (std::size_t i = 0; i < inputs.size() && !is_aside(); ++i)
    if (Node* n = node(inputs[i]); !n->observed) used.emplace(n, inputs[i]);
}

void StepCapture::host_reads(const HostRead& read) {
  if (read.reason) refuse(read.operation, read.reason);
  if (read.flag) flags.try_emplace(read.flag.get(), read.flag, *read.flag);
  if (!read.values) return;
  reads({*read.values});
  if (!is_aside()) host_read.emplace_back(*read.values, read.operation);
  if (node(*read.values)->observed)
    refuse(read.operation,
           "it reads values on its way, and the step would go on with those of now; "
           "compute with tensors (where, clamp), or return the tensor and read it then");
}

void StepCapture::take_gradient(Leaf& leaf) {
  const Node* n = node(leaf.tensor);
  if (!n->grad) return;
  if (leaf.grad.defined() && Node::of(leaf.grad) != n->grad && leaf.now > leaf.functions)
    fail("capture",
         "a parameter got a second gradient after a function such as an optimizer's step or "
         "clipping may have used the first, and a replay would give it the second both times; "
         "capture each part as a step of its own");
  leaf.grad = Node::share(n->grad);
  leaf.functions = leaf.now;
}

void StepCapture::replaces_grad(Node* leaf, bool adds) {
  if (leaf->observed) return;
  auto known = leaves.find(leaf);
  if (known != leaves.end()) {
    take_gradient(known->second);
  } else if (adds) {
    fail("capture",
         "backward() adds to a gradient from outside the step, so gradients would be summed over "
         "calls; clear them in the step, before backward() (zero_grad)");
  } else {
    const Tensor before = leaf->grad ? Node::share(leaf->grad) : Tensor();
    known = leaves.emplace(leaf, Leaf{Node::share(leaf), before}).first;
  }
  known->second.now = calls.works();
}

void StepCapture::finish() {
  for (auto& [n, leaf] : leaves) take_gradient(leaf);
  if (owner_ended)
    fail("capture",
         "a generator, an optimizer or an average that the step uses ends with it; make it before "
         "the step, so that replays find it");
  for (const auto& [values, operation] : host_read) refuse_stale(values, operation);
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

bool StepCapture::host_changes(const HostChange& change) {
  if (change.reason) refuse(change.operation, change.reason);
  if (change.kind == HostChange::Kind::end) owner_ended |= undo.erase(change.owner) > 0;
  if (!change.make_undo || undo.contains(change.owner)) return true;
  const kernels::Unheard pause;
  const PauseArena aside;
  const std::int64_t before = thread_cache.tensors;
  undo.emplace(change.owner, change.make_undo());
  tensors += thread_cache.tensors - before;
  return true;
}

Drawn StepCapture::draws(Generator& generator, std::uint64_t count, bool replayable) {
  const auto take = [count, &generator] {
    const Observing none(nullptr);
    return draw(generator, count).draw;
  };
  if (is_aside()) return {take()};
  if (!replayable) refuse("a random operation", "every replay would draw the same numbers");
  host_changes({.kind = HostChange::Kind::generator, .owner = &generator, .make_undo = [&] {
                  return [&generator, seed = generator.seed(), offset = generator.offset()] {
                    generator.set_state(seed, offset);
                  };
                }});
  const auto drawn = std::make_shared<Draw>();
  repeat([drawn, take] { *drawn = take(); }, {});
  return {*drawn, drawn.get()};
}

}  // namespace gradus::detail
