
#include <algorithm>
#include <cstring>

#include "autograd/walk.hpp"
#include "base/messages.hpp"
#include "functional/watch.hpp"
#include "gradus/functional.hpp"

namespace gradus {

using detail::Journal;
using detail::Node;
using detail::node;

namespace {

using Tensors = std::vector<Tensor>;

/// What the backward pass needs to compute f again. It lives in an input of the recorded operation,
/// as rules hold nothing that has to be destroyed.
struct Recipe {
  Function f;
  Function called;  // what the forward pass called: rules may point into it
  NamedTensors uses;
  std::vector<const void*> given =
      {};                          // where the values of f's inputs are; what it uses follows them
  std::vector<bool> reached = {};  // the result depends on the input
  Journal journal = {};
  std::uint64_t result = 0;  // its fingerprint
};

bool contains(const Tensors& list, const Node* n) {
  return std::any_of(list.begin(), list.end(), [n](const Tensor& t) { return node(t) == n; });
}

/// "fc1.weight", "input 1" or "a tensor of shape (2, 3)" for values that were in `memory`.
std::string name_of(const Tensor& t, const void* memory, const Recipe& recipe) {
  for (const auto& [name, tensor] : recipe.uses)
    if (tensor.is(t) || detail::memory_of(node(tensor)) == memory) return printable(name);
  for (std::size_t i = 0; i < recipe.given.size(); ++i)
    if (recipe.given[i] == memory) return "input " + text_of(i);
  return "a tensor of shape " + to_string(t.shape());
}

Tensor carrier_of(std::shared_ptr<Recipe> recipe) {
  Tensor carrier = detail::empty({}, boolean);
  Node* n = node(carrier);
  std::memset(n->value, 0, sizeof n->value);  // an outer repetition compares it
  n->extras = new detail::Extras;
  n->extras->attachment = std::move(recipe);
  return carrier;
}

/// Throws if the result of a call depends on something from outside it by another way than through
/// `known`.
void require_known(const std::vector<Node*>& sources, const Tensors& known,
                   const detail::Watch& call) {
  for (const Node* n : sources)
    if (!call.is_own(n) && !contains(known, n))
      fail("checkpoint", "the function uses a tensor of shape ", Shape(n->shape(), n->rank),
           " that requires a gradient but is not among the inputs, so it would get none; pass "
           "it as an input, call checkpoint(module, x) for a module, or detach() it if it is a "
           "constant");
}

// ------------------------------------------------------------------ the backward pass

/// Throws if something that f uses is not what it was.
void require_unchanged(const Recipe& recipe) {
  const auto refuse = [&](const Tensor& t, const void* memory, const char* how) {
    fail("checkpoint", name_of(t, memory, recipe), " was ", how,
         " after the forward pass, and the recomputation needs it as it was; "
         "change it after backward, or change a clone");
  };
  const Journal& journal = recipe.journal;
  for (const auto& [memory, used] : journal.used)
    if (!journal.written.contains(memory) && node(used.tensor)->version() != used.version)
      refuse(used.tensor, memory, "changed in place");
  for (const auto& [memory, written] : journal.written)
    if (detail::memory_of(node(written.tensor)) != memory)
      refuse(written.tensor, memory, "replaced");
  if (journal.precision != matmul_precision())
    fail("checkpoint",
         "set_matmul_precision was called after the forward pass, and the recomputation needs the "
         "precision of then; set it back before backward");
}

/// Throws if the recomputation was another one than the forward pass.
void require_same(const Recipe& recipe, const Journal& again, const Tensor& value, bool drew_all) {
  const Journal& journal = recipe.journal;
  for (const auto& [memory, used] : again.used)
    if (!journal.used.contains(memory) && !journal.written.contains(memory) &&
        !std::binary_search(journal.made.begin(), journal.made.end(), memory))
      fail("checkpoint", "the recomputation uses ", name_of(used.tensor, memory, recipe),
           ", which the forward pass did not; assign to what the function "
           "captures after backward");
  if (!drew_all || again.trace != journal.trace ||
      detail::fingerprint(node(value)) != recipe.result)
    fail("checkpoint",
         "the recomputation gave other values than the forward pass; something that the function "
         "depends on, such as a number, a flag or a file, was changed in between; make it an "
         "input, or change it after backward");
}

/// f(inputs) once more, as the forward pass called it.
Tensor repeat(const Recipe& recipe, const Tensors& inputs, Journal& again) {
  const Function f = recipe.f;  // with the state of then, if it has one
  const EnableGrad guard;
  detail::WatchAgain watch(again, recipe.journal);
  const auto given = static_cast<std::ptrdiff_t>(recipe.given.size());
  Tensor value = f(Tensors(inputs.begin(), inputs.begin() + given));
  watch.close();
  require_same(recipe, again, value, watch.drew_all());
  return value;
}

Tensors recompute(const Vjp& k) {
  const int count = k.arity() - 1;
  const auto& recipe = *static_cast<const Recipe*>(node(k.in(count))->extras->attachment.get());
  Tensors inputs, ends, wanted;
  std::vector<int> places;
  require_unchanged(recipe);
  for (int i = 0; i < count; ++i) {
    const Tensor& x = inputs.emplace_back(k.in(i));
    if (x.requires_grad()) ends.push_back(x);
    // The gradient of an input that was given twice is found as one.
    if (!k.wants(i) || !recipe.reached[static_cast<std::size_t>(i)] || contains(wanted, node(x)))
      continue;
    if (!x.requires_grad())
      fail("checkpoint", name_of(x, detail::memory_of(node(x)), recipe),
           " was frozen after the forward pass, and the recomputation needs it "
           "as it was; freeze it after backward");
    wanted.push_back(x);
    places.push_back(i);
  }
  Tensors gradients(static_cast<std::size_t>(count));
  if (wanted.empty()) return gradients;
  Journal again;
  const detail::PutBack put_back(recipe.journal, again);
  const Tensor value = repeat(recipe, inputs, again);
  // The inputs themselves end the inner sweep, and lead on to the outer graph.
  Tensors found = detail::differentiate(
      {value}, wanted,
      {.create_graph = k.create_graph(), .allow_unused = true, .grad_outputs = {k.grad}}, ends);
  for (std::size_t i = 0; i < found.size(); ++i)
    gradients[static_cast<std::size_t>(places[i])] = std::move(found[i]);
  return gradients;
}

}  // namespace

// ------------------------------------------------------------------ the forward pass

Tensor checkpoint(const Function& f, const std::vector<Tensor>& inputs, const NamedTensors& uses) {
  if (!is_grad_enabled()) return f(inputs).detach();
  auto recipe = std::make_shared<Recipe>(Recipe{f, f, uses});
  Tensors all = inputs;
  for (const Tensor& x : inputs) recipe->given.push_back(detail::memory_of(node(x)));
  for (const auto& [name, tensor] : uses)
    if (tensor.requires_grad() && !contains(all, node(tensor))) all.push_back(tensor);
  Tensor value;
  std::vector<Node*> sources;
  {
    detail::Watch watch(recipe->journal);
    const Tensor result = recipe->called(inputs);
    sources = detail::ancestors({result}, all, false);
    require_known(sources, all, watch);
    value = result.detach();
    watch.close();
  }
  if (sources.empty()) return value;
  Tensors recorded;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const bool reached = std::find(sources.begin(), sources.end(), node(all[i])) != sources.end();
    if (i >= inputs.size() && !reached) continue;
    recorded.push_back(all[i]);
    recipe->reached.push_back(reached);
  }
  recipe->result = detail::fingerprint(node(value));
  recorded.push_back(carrier_of(std::move(recipe)));
  return record("checkpoint", std::move(value), recorded,
                [](const Vjp& k) { return recompute(k); });
}

}  // namespace gradus
