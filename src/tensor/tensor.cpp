#include "gradus/tensor.hpp"

#include <algorithm>

#include "autograd/node.hpp"
#include "base/messages.hpp"
#include "kernels/elementwise/elementwise.hpp"
#include "kernels/move/copy.hpp"

namespace gradus {

using detail::Node;
using detail::node;

Shape Tensor::shape() const {
  const Node* n = node(*this);
  return Shape(n->shape(), n->rank);
}

Index Tensor::size(Index axis) const {
  const Node* n = node(*this);
  const Index i = axis < 0 ? axis + n->rank : axis;
  if (i >= 0 && i < n->rank) [[likely]]
    return n->shape()[i];
  normalize_axis(axis, n->rank, "size");  // throws, except for a scalar
  return 1;
}

int Tensor::dim() const { return node(*this)->rank; }
Index Tensor::numel() const { return node(*this)->numel; }
DType Tensor::dtype() const { return node(*this)->dtype; }
bool Tensor::requires_grad() const { return node(*this)->requires_grad; }
std::uint32_t Tensor::version() const { return node(*this)->version(); }

bool Tensor::is_leaf() const {
  const Node* n = node(*this);
  return !n->record && !n->released;
}

const char* Tensor::operation() const {
  const Node* n = node(*this);
  return n->record ? n->record->name : "";
}

const void* Tensor::raw(DType dtype) const {
  const Node* n = node(*this);
  if (n->dtype != dtype)
    fail("data", "values of dtype ", name_of(n->dtype), " were asked for as ", name_of(dtype),
         "; the types must be equal; convert with to()");
  detail::host_reads(*this, "data");
  return n->data;
}

namespace {
[[noreturn, gnu::cold, gnu::noinline]] void fail_copied(const char* operation) {
  fail(operation,
       "the tensor holds a copy of values of another (x[i], slice, permute, expand, or a single "
       "result reshaped or detached), which a change would not reach; write to the other tensor "
       "(build its new values with where, concat or scatter, and copy_ them), or take a clone() "
       "if the copy is meant");
}

void require_writable(const Node* n, const char* operation) {
  if (n->copied) [[unlikely]]
    fail_copied(operation);
  if (n->requires_grad && detail::mode.grad)
    fail(operation,
         "a tensor that requires a gradient would be changed in place while recording; "
         "put a NoGrad guard around it, or compute a new tensor");
}

/// Tells that what a tensor refers to is about to change.
void replaces(Node* n, const char* operation, const char* reason = nullptr) {
  if (detail::mode.observer) [[unlikely]]
    detail::mode.observer->host_changes({detail::HostChange::Kind::tensor, n, operation, reason});
}

/// A node whose values are about to be overwritten.
Node* writable(const Tensor& t, const char* operation) {
  Node* n = node(t);
  require_writable(n, operation);
  n->bump_version();
  return n;
}
}  // namespace

void* Tensor::mutable_raw(DType dtype) {
  raw(dtype);
  return writable(*this, "mutable_data")->data;
}

Tensor& Tensor::copy_(const Tensor& source) {
  Node* to = node(*this);
  require_writable(to, "copy_");
  if (!(broadcast_shapes(shape(), source.shape(), "copy_") == shape()))
    fail("copy_", "a source of shape ", source.shape(), " does not broadcast to ", shape(),
         "; reshape it first");
  const NoGrad guard;
  detail::note_read({source});
  const Tensor values = source.to(to->dtype);
  to->bump_version();
  const Node* from = node(values);
  if (from->numel == to->numel) {
    if (to->numel) kernels::run(kernels::Copy{to->dtype, from->data, to->data, to->numel});
    return *this;
  }
  Index strides[max_rank] = {}, step = 1;  // aligned at the right; what it lacks is repeated
  for (int i = from->rank - 1, at = to->rank - 1; i >= 0; step *= from->shape()[i], --i, --at)
    if (from->shape()[i] == to->shape()[at]) strides[at] = step;
  if (to->numel)
    kernels::run_strided<kernels::CopyStrided>(to->dtype, from->data, to->data, to->rank,
                                               to->shape(), strides);
  return *this;
}

Tensor& Tensor::fill_(double value) {
  Node* n = writable(*this, "fill_");
  kernels::run(kernels::Fill{n->dtype, n->data, value, n->numel});
  return *this;
}

Tensor& Tensor::set_data(const Tensor& values) {
  Node* n = node(*this);
  replaces(n, "set_data", "it replaces memory that replays use; use copy_");
  if (n->copied) fail_copied("set_data");
  if (n->record || n->released)
    fail("set_data",
         "the tensor is the result of a recorded operation; only a leaf's values can be "
         "replaced; detach() it first");
  if (!(values.shape() == shape()))
    fail("set_data", "values of shape ", values.shape(), " were given; the tensor's ", shape(),
         " is required");
  if (n->requires_grad && !is_floating_point(values.dtype()))
    fail("set_data", "values of dtype ", name_of(values.dtype()),
         " were given for a tensor that requires a gradient; float32 or float64 is "
         "required; convert them with to()");
  const Tensor fresh = values.detach().clone();
  Node* from = node(fresh);
  from->buffer->version = n->version() + 1;
  detail::share_values(n, from);
  n->dtype = from->dtype;
  if (n->grad && n->grad->dtype != n->dtype) {
    const NoGrad guard;
    set_grad(grad().to(n->dtype));
  }
  return *this;
}

double Tensor::item_as_double(const char* operation) const {
  const Node* n = node(*this);
  if (n->numel != 1)
    fail(operation, "a tensor of shape ", shape(),
         " was given; exactly one element is required; index or reduce it first");
  detail::host_reads(*this, operation);
  switch (n->dtype) {
    case DType::boolean:
      return *static_cast<const bool*>(n->data);
    case DType::int64:
      return static_cast<double>(*static_cast<const std::int64_t*>(n->data));
    case DType::float32:
      return static_cast<double>(*static_cast<const float*>(n->data));
    case DType::float64:
      break;
  }
  return *static_cast<const double*>(n->data);
}

template <>
std::int64_t Tensor::item<std::int64_t>() const {
  if (node(*this)->dtype == DType::int64 && numel() == 1) return *data<std::int64_t>();
  return static_cast<std::int64_t>(item_as_double("item"));
}

template <class T>
std::vector<T> Tensor::to_vector() const {
  detail::host_reads(*this, "to_vector");
  const NoGrad guard;
  const Tensor converted = to(dtype_of<T>);
  const T* first = converted.data<T>();
  return std::vector<T>(first, first + converted.numel());
}
template std::vector<bool> Tensor::to_vector<bool>() const;
template std::vector<std::int64_t> Tensor::to_vector<std::int64_t>() const;
template std::vector<float> Tensor::to_vector<float>() const;
template std::vector<double> Tensor::to_vector<double>() const;

Tensor Tensor::to(DType dtype) const {
  const Node* n = node(*this);
  if (n->dtype == dtype) return *this;
  Tensor out = detail::empty_like(*this, dtype);
  kernels::run(kernels::Cast{n->dtype, n->data, dtype, detail::data(out), n->numel});
  return record("to", std::move(out), {*this}, [](const Vjp& k) { return k.grad; });
}

Tensor Tensor::detach() const { return detail::alias(*this, shape()); }

Tensor Tensor::clone() const {
  const Node* n = node(*this);
  Tensor out = n->requires_grad ? detail::empty_like(*this) : detail::empty_leaf(shape(), n->dtype);
  if (n->numel) kernels::run(kernels::Copy{n->dtype, n->data, detail::data(out), n->numel});
  return record("clone", std::move(out), {*this}, [](const Vjp& k) { return k.grad; });
}

Tensor& Tensor::requires_grad_(bool value) {
  Node* n = node(*this);
  if (n->record || n->released)
    fail("requires_grad_",
         "the tensor is the result of a recorded operation; only leaves can be marked; "
         "detach() it first");
  if (value && !is_floating_point(n->dtype))
    fail("requires_grad_", "a tensor of dtype ", name_of(n->dtype),
         " cannot have a gradient; float32 or float64 is required; convert it with to()");
  n->requires_grad = value;
  n->copied = false;  // a variable of its own from now on
  return *this;
}

Tensor Tensor::grad() const {
  const Node* n = node(*this);
  return n->grad ? Node::share(n->grad) : Tensor();
}

void Tensor::set_grad(const Tensor& grad) {
  Node* n = node(*this);
  if (grad.defined() && (!(grad.shape() == shape()) || grad.dtype() != n->dtype))
    fail("set_grad", "a gradient of shape ", grad.shape(), ", ", name_of(grad.dtype()),
         " was given; the tensor's ", shape(), ", ", name_of(n->dtype), " is required");
  if (grad.defined() && n->copied) fail_copied("set_grad");
  if (detail::mode.observer) detail::mode.observer->replaces_grad(n, false);
  // A copy: backward passes add to it and clipping scales it in place, which nobody who holds
  // `grad`, or gave it to a second leaf, asked for (PyTorch shares it).
  Tensor fresh;
  if (grad.defined()) {
    const NoGrad guard;
    fresh = grad.clone();
  }
  detail::put_grad(n, fresh);
}

Tensor& Tensor::retain_grad() {
  Node* n = node(*this);
  if (!n->requires_grad)
    fail("retain_grad", "the tensor requires no gradient; call requires_grad_() on a leaf first");
  n->retains_grad = true;
  return *this;
}

int Tensor::register_hook(std::function<Tensor(const Tensor&)> hook) {
  Node* n = node(*this);
  if (!n->requires_grad)
    fail("register_hook",
         "the tensor requires no gradient, so the hook would never be called; "
         "call requires_grad_() on a leaf first");
  replaces(n, "register_hook");
  if (!n->extras) n->extras = new detail::Extras;
  n->extras->hooks.push_back({n->extras->next_hook, std::move(hook)});
  return n->extras->next_hook++;
}

void Tensor::remove_hook(int id) {
  if (Node* n = node(*this); n->extras)
    std::erase_if(n->extras->hooks, [id](const auto& hook) { return hook.id == id; });
}

Tensor detail::constant_like(const Tensor& x, double value) {
  Tensor out = empty_like(x);
  kernels::run(kernels::Fill{out.dtype(), data(out), value, out.numel()});
  return out;
}

}  // namespace gradus
