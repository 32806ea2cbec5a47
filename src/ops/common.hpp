#pragma once

#include <algorithm>
#include <cmath>

#include "autograd/node.hpp"
#include "autograd/vjp.hpp"
#include "gradus/ops.hpp"
#include "kernels/elementwise/elementwise.hpp"

// Helpers that the operations share. The functions here compute values and record nothing.
namespace gradus::detail {

inline std::string describe(const Tensor& x) {
  return to_string(x.shape()) + " " + name_of(x.dtype());
}

/// The dtype of an operation on a and b: PyTorch's promotion.
DType promote(const Tensor& a, const Tensor& b);
/// f(a, b) with both in their common dtype, `least` or a larger one.
template <class F>
Tensor promoted(const Tensor& a, const Tensor& b, DType least, F f) {
  const DType x = node(a)->dtype, y = node(b)->dtype;
  if (x == y && x >= least) [[likely]]
    return f(a, b);
  const DType common = std::max(promote(a, b), least);
  return f(a.to(common), b.to(common));
}
template <class F>
Tensor promoted(const Tensor& a, const Tensor& b, F f) {
  return promoted(a, b, DType::int64, f);
}
/// x in a floating-point dtype: itself, or integers as float32.
inline Tensor to_floating(const Tensor& x) {
  return is_floating_point(node(x)->dtype) ? x : x.to(float32);
}
/// x in the dtype of arithmetic: bool becomes int64.
inline Tensor to_arithmetic(const Tensor& x) {
  return node(x)->dtype == DType::boolean ? x.to(int64) : x;
}
/// x in the dtype of arithmetic with the number b: a floating-point dtype stays, integers meet a
/// fraction in float32, as in PyTorch.
inline Tensor to_dtype_with(const Tensor& x, double b) {
  if (is_floating_point(node(x)->dtype)) [[likely]]
    return x;
  const bool whole = b == std::nearbyint(b) && std::abs(b) < 0x1p63;
  return whole ? to_arithmetic(x) : x.to(float32);
}
void require_floating(const Tensor& x, const char* operation);
void require_dtype(const Tensor& x, DType dtype, const char* operation, const char* what);

inline std::span<const Index> dims(const Shape& shape) {
  return {shape.data(), static_cast<std::size_t>(shape.size())};
}

inline bool same_shape(const Node* a, const Node* b) {
  if (a->rank != b->rank) return false;
  for (int i = 0; i < a->rank; ++i)
    if (a->shape()[i] != b->shape()[i]) return false;
  return true;
}

/// op(x), elementwise.
Tensor map(kernels::Unary op, const Tensor& x, double p0 = 0, double p1 = 0);
/// op(a, b), broadcast; both of one dtype.
Tensor zip(const char* operation, kernels::Binary op, const Tensor& a, const Tensor& b,
           double p0 = 0, double p1 = 0);

/// The kernel call that `make` gives for the memory of the inputs, over their broadcast to `shape`.
template <class Make, class... Inputs>
Tensor over_broadcast(const Shape& shape, DType to, Make make, const Inputs&... inputs) {
  auto call = make(data(inputs)...);
  if (!call.shape.fit(dims(shape), {dims(inputs.shape())...})) {
    const NoGrad guard;  // too irregular for one pass: the inputs are written out
    return over_broadcast(shape, to, make, expand(inputs, shape)...);
  }
  Tensor out = empty(shape, to);
  call.out = data(out);
  kernels::run(call);
  return out;
}

/// Records the value of an operation on a and b, with the gradients `by_a` and `by_b` of Vjp, each
/// computed if it is wanted.
template <class F, class G>
Tensor record_pair(const char* name, Tensor value, const Tensor& a, const Tensor& b, F by_a,
                   G by_b) {
  return record(name, std::move(value), {a, b}, [by_a, by_b](const Vjp& k) -> Grads<2> {
    return {k.wants(0) ? by_a(k) : Tensor(), k.wants(1) ? by_b(k) : Tensor()};
  });
}

/// op(cotangent, saved), written over the cotangent if nobody else will see it; undefined, and
/// nothing is done, otherwise.
Tensor over_cotangent(const Vjp& k, kernels::Binary op, const Tensor& saved, double p0 = 0,
                      double p1 = 0);

/// The memory of a tensor, if there is one.
inline void* memory_of(const Tensor& t) { return t.defined() ? data(t) : nullptr; }

/// Where a rule puts the gradient of an input: the sum that is already there if the rule may add to
/// it, else new memory; nowhere if none is wanted.
struct Target {
  Tensor tensor = {};
  bool into = false;
  void* data() const { return memory_of(tensor); }
  /// What the rule returns for the input.
  Tensor gradient() const { return into ? Tensor() : tensor; }
};
Target target(const Vjp& k, int i, const Shape& shape, DType dtype);

/// The number at `value`, which is of a floating-point dtype.
inline double number(DType type, const void* value) {
  return type == DType::float32 ? static_cast<double>(*static_cast<const float*>(value))
                                : *static_cast<const double*>(value);
}

/// A scalar of rank 0 without history.
Tensor full_scalar(double value, DType dtype);

/// num / den, and 0 where num is 0 or den is 0: the division of derivative rules, in which a zero
/// upstream gradient stays zero. Differentiable by itself.
Tensor safe_div(const Tensor& num, const Tensor& den);

/// a / b, and 0 where b is 0 unless a is NaN: a derivative that is a quotient of values, where a
/// numerator of 0 does not hide a NaN below it. Differentiable by itself.
Tensor quotient(const Tensor& a, const Tensor& b);

/// g b, and 0 where g is 0 even if b is infinite or NaN.
Tensor scaled(const Tensor& g, double b);

/// g d, and 0 where g is 0 even if d is infinite or NaN: the product of derivative rules.
/// Differentiable by itself.
Tensor safe_mul(const Tensor& g, const Tensor& d);

/// a b, and 0 where a or b is 0 even if the other is infinite or NaN: the product of second
/// derivatives, in which either gradient may be a masked one. Differentiable by itself.
Tensor zero_mul(const Tensor& a, const Tensor& b);

using kernels::Lengths;
/// (outer, axis, inner) of a shape around the axes from `first` to `last`.
Lengths split(const Shape& shape, Index first, Index last);
inline Lengths split(const Shape& shape, int axis) { return split(shape, axis, axis); }

/// Elements to step over for one position of each axis of a contiguous `shape`.
Shape strides_of(const Shape& shape);

/// The tensors in their common dtype.
std::vector<Tensor> in_one_dtype(const std::vector<Tensor>& tensors);

/// A number that may scale a cotangent of 0 in either precision.
bool is_ordinary(double b);

}  // namespace gradus::detail
