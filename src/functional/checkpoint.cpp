#include "autograd/walk.hpp"
#include "gradus/functional.hpp"
#include "gradus/random.hpp"

namespace gradus {
namespace {

using Tensors = std::vector<Tensor>;

/// What the backward pass needs to compute f again. It lives in an input of the recorded operation,
/// as rules hold nothing that has to be destroyed.
struct Recipe {
  Function f;
  std::uint64_t seed, offset;
};

/// Puts the generator back, while it lives, to where it was in the forward pass.
class Replay {
 public:
  explicit Replay(const Recipe& recipe) : seed_(generator_.seed()), offset_(generator_.offset()) {
    generator_.set_state(recipe.seed, recipe.offset);
  }
  ~Replay() { generator_.set_state(seed_, offset_); }
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

 private:
  Generator& generator_ = default_generator();
  std::uint64_t seed_, offset_;
};

Tensor carrier_of(Recipe recipe) {
  Tensor carrier = detail::empty({}, boolean);
  detail::Node* n = detail::node(carrier);
  n->extras = new detail::Extras;
  n->extras->attachment = std::make_shared<Recipe>(std::move(recipe));
  return carrier;
}

Tensors recompute(const Vjp& k) {
  const int count = k.arity() - 1;
  const auto& recipe =
      *static_cast<const Recipe*>(detail::node(k.in(count))->extras->attachment.get());
  const EnableGrad guard;
  // As in differentiate_composite: recorded views end the inner sweep and lead on to the outer
  // graph.
  Tensors inputs, views, wanted;
  for (int i = 0; i < count; ++i) {
    const Tensor& x = k.in(i);
    if (k.create_graph() && x.requires_grad())
      views.push_back(inputs.emplace_back(x.reshape(x.shape())));
    else
      inputs.push_back(k.wants(i) ? x.detach().requires_grad_() : x.detach());
    if (k.wants(i)) wanted.push_back(inputs.back());
  }
  const Replay replay(recipe);
  const Tensor value = recipe.f(inputs);
  Tensors found = detail::differentiate(
      {value}, wanted,
      {.create_graph = k.create_graph(), .allow_unused = true, .grad_outputs = {k.grad}}, views);
  Tensors gradients(static_cast<std::size_t>(count));
  for (int i = 0, next = 0; i < count; ++i)
    if (k.wants(i))
      gradients[static_cast<std::size_t>(i)] = found[static_cast<std::size_t>(next++)];
  return gradients;
}

}  // namespace

Tensor checkpoint(const Function& f, const std::vector<Tensor>& inputs) {
  const bool recording = is_grad_enabled();
  const Generator& generator = default_generator();
  Recipe recipe{f, generator.seed(), generator.offset()};
  Tensors constants;
  for (const Tensor& x : inputs) constants.push_back(x.detach());
  // Recording is on, but no input asks for it: a result with a history shows a captured tensor.
  const Tensor result = f(constants);
  if (recording && result.requires_grad()) {
    const detail::Node* leaf = detail::captured_leaf({result}, {});
    fail("checkpoint",
         "the function uses a tensor of shape " +
             to_string(leaf ? Shape(leaf->shape(), leaf->rank) : result.shape()) +
             " that requires a gradient but is not among the inputs, so it would get none; pass it "
             "as an input, or detach() it if it is a constant");
  }
  Tensor value = result.detach();
  if (!recording) return value;
  Tensors all = inputs;
  all.push_back(carrier_of(std::move(recipe)));
  return record("checkpoint", std::move(value), all, [](const Vjp& k) { return recompute(k); });
}

}  // namespace gradus
