#pragma once

#include <array>
#include <new>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "gradus/tensor.hpp"

namespace gradus {

/// True if operations on tensors that require a gradient are recorded in this thread.
bool is_grad_enabled();

/// While it lives, operations of this thread are not recorded.
class NoGrad {
 public:
  NoGrad() : NoGrad(false) {}
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 protected:
  explicit NoGrad(bool enabled);

 private:
  bool before_;
};

/// While it lives, operations of this thread are recorded again, also inside a NoGrad.
class EnableGrad : NoGrad {
 public:
  EnableGrad() : NoGrad(true) {}
};

struct GradOptions {
  bool create_graph = false;              ///< record the gradients themselves, for higher orders
  std::optional<bool> retain_graph = {};  ///< keep the graph for another pass; default create_graph
  bool allow_unused =
      false;  ///< an input that the outputs do not depend on gets zeros, not an Error
  std::vector<Tensor> grad_outputs =
      {};  ///< one cotangent per output; default ones for single elements
};

/// The gradients of sum_i <grad_outputs_i, outputs_i> with respect to each input; stores nothing.
std::vector<Tensor> grad(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
                         const GradOptions& options = {});
std::vector<Tensor> grad(const Tensor& output, const std::vector<Tensor>& inputs,
                         const GradOptions& options = {});

/// Tells the optimizers that are made later that few rows (slices along the first axis) of a leaf's
/// gradient differ from 0, as after lookups in a table: a row whose gradient is 0 throughout is
/// then left alone, and its moments with it. The gradient itself stays dense.
void set_sparse_grad(const Tensor& leaf, bool value = true);
/// Whether set_sparse_grad was called for this tensor.
bool sparse_grad(const Tensor& x);

namespace detail {
struct VjpAccess;
}

/// What a derivative rule is given: the cotangent of the output, and the recorded values on
/// request.
class Vjp {
 public:
  /// The cotangent: the gradient of the final value with respect to this operation's output.
  const Tensor& grad;
  /// The i-th input; throws if its values were changed in place since they were recorded.
  const Tensor& in(int i) const;
  /// The operation's result; throws if its values were changed in place.
  const Tensor& out() const;
  /// True if the i-th input's gradient is wanted; a rule may return an undefined tensor for the
  /// others.
  bool wants(int i) const;
  /// True if the rule's own operations are being recorded for higher derivatives.
  bool create_graph() const;
  /// How many inputs the operation has.
  int arity() const;

 private:
  friend struct detail::VjpAccess;
  struct State;
  Vjp(const Tensor& grad_, State& state) : grad(grad_), state_(state) {}

  State& state_;
};

/// The gradients of N inputs, in their order.
template <std::size_t N>
using Grads = std::array<Tensor, N>;

namespace detail {

/// A reference to an input, so that lists of inputs cost no reference counts.
struct TensorRef {
  TensorRef(const Tensor& tensor) : pointer(&tensor) {}
  const Tensor* pointer;
};

/// The inputs of an operation: `{x, w}` or a vector of tensors.
class Inputs {
 public:
  Inputs(std::initializer_list<TensorRef> list) : refs_(std::data(list)), count_(list.size()) {}
  Inputs(std::span<const Tensor> list) : tensors_(list.data()), count_(list.size()) {}
  Inputs(const std::vector<Tensor>& list) : Inputs(std::span<const Tensor>(list)) {}
  std::size_t size() const { return count_; }
  const Tensor& operator[](std::size_t i) const { return refs_ ? *refs_[i].pointer : tensors_[i]; }

 private:
  const TensorRef* refs_ = nullptr;
  const Tensor* tensors_ = nullptr;
  std::size_t count_;
};

using ApplyRule = void (*)(const void* rule, Vjp& k);
/// The largest size of a rule in bytes.
inline constexpr std::size_t max_rule_bytes = 65535;

/// True if recording is on and some input requires a gradient.
bool should_record(const Inputs& inputs);
/// Attaches an operation to `value` and returns `rule_bytes` of memory for its rule, or null if
/// nothing is to be recorded: recording is off, no input requires a gradient, or the value is not
/// floating-point.
void* attach(const Tensor& value, const char* name, const Inputs& inputs, std::size_t rule_bytes,
             ApplyRule apply);

/// Adds to the i-th input's gradient, at most once per input.
void give(Vjp& k, int i, Tensor&& gradient);
inline void hand_over(Vjp& k, Tensor&& gradient) { give(k, 0, std::move(gradient)); }
template <class List>
void hand_over(Vjp& k, List&& gradients) {
  int i = 0;
  for (auto& gradient : gradients) give(k, i++, std::move(gradient));
}

}  // namespace detail

/// Records `value` as the result of operation `name` on `inputs` if one of them requires a
/// gradient, and returns it. `rule(k)` returns the gradients of the inputs (a Tensor, Grads<N> or a
/// vector), written in tensor operations so that it can itself be differentiated; it may capture
/// scalars, axes and shapes, never tensors. A gradient may have the shape of the output where the
/// input was broadcast: the engine sums it. `name` must outlive the graph (a literal).
template <class Rule>
Tensor record(const char* name, Tensor value, const detail::Inputs& inputs, Rule rule) {
  static_assert(std::is_trivially_copyable_v<Rule> && alignof(Rule) <= 8,
                "a derivative rule captures only scalars, axes and shapes: pass tensors as inputs");
  static_assert(sizeof(Rule) <= detail::max_rule_bytes,
                "a derivative rule captures little: pass large tables as inputs");
  constexpr std::size_t bytes = std::is_empty_v<Rule> ? 0 : sizeof(Rule);
  void* memory = detail::attach(value, name, inputs, bytes, [](const void* self, Vjp& k) {
    detail::hand_over(k, (*static_cast<const Rule*>(self))(k));
  });
  if (memory && bytes) new (memory) Rule(rule);
  return value;
}

namespace detail {
/// The gradient of `composite(inputs)`, differentiated with recording on: the way fused operations
/// reach any order.
void differentiate_composite(Vjp& k, const std::function<Tensor(const std::vector<Tensor>&)>& f);
}  // namespace detail

/// Records an operation with a fast rule `raw_vjp(k)` for the first derivative and
/// `composite(inputs)`, the same function written in recorded operations, from which all higher
/// derivatives are taken.
template <class RawVjp, class Composite>
Tensor fused(const char* name, Tensor value, const detail::Inputs& inputs, RawVjp raw_vjp,
             Composite composite) {
  struct Rule {
    RawVjp raw;
    Composite composite;
  };
  static_assert(std::is_trivially_copyable_v<Rule> && alignof(Rule) <= 8,
                "a derivative rule captures only scalars, axes and shapes: pass tensors as inputs");
  static_assert(sizeof(Rule) <= detail::max_rule_bytes,
                "a derivative rule captures little: pass large tables as inputs");
  void* memory = detail::attach(value, name, inputs, sizeof(Rule), [](const void* self, Vjp& k) {
    const Rule& rule = *static_cast<const Rule*>(self);
    if (k.create_graph())
      detail::differentiate_composite(k, rule.composite);
    else
      detail::hand_over(k, rule.raw(k));
  });
  if (memory) new (memory) Rule{raw_vjp, composite};
  return value;
}

namespace detail {
[[noreturn]] void refuse_second_order(const char* name);
}

/// An operation of one's own: `forward(inputs)` computes the value with recording off, `rule` as in
/// `record`.
template <class Forward, class Rule>
Tensor custom(const char* name, const std::vector<Tensor>& inputs, Forward forward, Rule rule) {
  Tensor value;
  {
    NoGrad guard;
    value = forward(inputs).clone();
  }
  return record(name, std::move(value), inputs, rule);
}

/// As `custom`, for a rule that works on raw memory and cannot be differentiated again: under
/// create_graph it throws instead of detaching silently.
template <class Forward, class Rule>
Tensor custom_raw(const char* name, const std::vector<Tensor>& inputs, Forward forward, Rule rule) {
  return custom(name, inputs, forward, [name, rule](const Vjp& k) {
    if (k.create_graph()) detail::refuse_second_order(name);
    return rule(k);
  });
}

}  // namespace gradus
