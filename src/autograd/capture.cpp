#include "autograd/capture.hpp"

#include "autograd/node.hpp"

namespace gradus::detail {

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
