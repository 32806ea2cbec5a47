#include <cmath>

#include "autograd/anomaly.hpp"

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

void* attach(const Tensor& value, const char* name, const Inputs& inputs, std::size_t rule_bytes,
             ApplyRule apply) {
  if (mode.anomaly) [[unlikely]]
    check_finite(name, value, inputs);
  Node* n = node(value);
  if (!should_record(inputs) || !is_floating_point(n->dtype)) return nullptr;
  if (n->record || n->requires_grad)
    fail(name, "the value to record already has a history; return a new tensor (clone it)");
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (value.is(inputs[i]))
      fail(name, "the value to record is input " + std::to_string(i) +
                     " itself; return a new tensor (clone it)");
  const Record header{name, apply, static_cast<std::uint32_t>(inputs.size()), n->version(),
                      static_cast<std::uint32_t>(rule_bytes)};
  auto* record = new (allocate(header.bytes())) Record(header);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Node* input = Node::of(inputs[i]);
    new (&record->edges()[i]) Edge{inputs[i], input->version(), input->requires_grad};
  }
  n->record = record;
  n->requires_grad = true;
  if (mode.anomaly) note_module(n);
  count(&ThreadCache::nodes, 1);
  return record->rule();
}

}  // namespace detail
}  // namespace gradus
