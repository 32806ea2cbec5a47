#include <cmath>

#include "autograd/anomaly.hpp"
#include "base/messages.hpp"

namespace gradus {

bool is_grad_enabled() { return detail::mode.grad; }

NoGrad::NoGrad(bool enabled) : before_(std::exchange(detail::mode.grad, enabled)) {}
NoGrad::~NoGrad() { detail::mode.grad = before_; }

namespace detail {

bool should_record(const Inputs& inputs) {
  if (!mode.grad) return false;
  bool wanted = false;
  for (std::size_t i = 0; i < inputs.size(); ++i) wanted |= node(inputs[i])->requires_grad;
  return wanted;
}

namespace {
[[noreturn, gnu::cold, gnu::noinline]] void fail_attached(const char* name, const Tensor& value,
                                                          const Inputs& inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (value.is(inputs[i]))
      fail(name, "the value to record is input ", i, " itself; return a new tensor (clone it)");
  fail(name, "the value to record already has a history; return a new tensor (clone it)");
}
}  // namespace

void* attach(const Tensor& value, const char* name, const Inputs& inputs, std::size_t rule_bytes,
             ApplyRule apply) {
  const Mode now = mode;
  if (now.anomaly) [[unlikely]]
    check_finite(name, value, inputs);
  if (now.observer) [[unlikely]]
    now.observer->reads(inputs);
  if (!now.grad) return nullptr;
  Node* n = node(value);
  bool wanted = false, attached = n->record || n->requires_grad;
  std::uint32_t depth = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Node* input = node(inputs[i]);
    wanted |= input->requires_grad;
    attached |= input == n;
    if (input->record && input->record->depth > depth) depth = input->record->depth;
  }
  if (!wanted || !is_floating_point(n->dtype)) return nullptr;
  if (attached) fail_attached(name, value, inputs);
  const auto arity = static_cast<std::uint32_t>(inputs.size());
  const std::size_t bytes = Record::bytes(arity, rule_bytes);
  auto* record =
      static_cast<Record*>(n->rank == 0 && bytes <= Node::room ? n->behind() : allocate(bytes));
  new (record)
      Record{name, apply, arity, n->version(), depth + 1, static_cast<std::uint16_t>(rule_bytes)};
  Edge* edge = record->edges();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Node* input = Node::of(inputs[i]);
    new (edge++) Edge{inputs[i], input->version(), input->requires_grad};
  }
  n->record = record;
  n->requires_grad = true;
  if (now.observer) [[unlikely]]
    now.observer->recorded(n);
  count(&ThreadCache::nodes, 1);
  if (now.anomaly) [[unlikely]]
    note_module(n);
  return edge;
}

}  // namespace detail
}  // namespace gradus
