#pragma once

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "gradus/dtype.hpp"
#include "gradus/error.hpp"
#include "gradus/refcount.hpp"
#include "gradus/shape.hpp"

namespace gradus {

namespace detail {
struct Node;
struct NodeRefs {
  RefCount refs;
};
void destroy(NodeRefs* node) noexcept;
}  // namespace detail

struct BackwardOptions {
  bool retain_graph = false;  ///< keep the graph for another pass
};

/// A handle to an n-dimensional, contiguous, row-major array of one dtype and, if it was recorded,
/// to the operation that made it. Copies share the array; `clone` copies it. A default-constructed
/// handle is undefined and only good for assignment and defined().
class Tensor {
 public:
  Tensor() noexcept : node_(nullptr) {}
  Tensor(const Tensor& other) noexcept : node_(other.node_) {
    if (node_) node_->refs.retain();
  }
  Tensor(Tensor&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  /// Assignment binds the handle, as a pointer's does; `x[0] = y` would change nothing and does not
  /// compile, nor does x[0].swap(y). Values are written by copy_ and fill_.
  Tensor& operator=(const Tensor& other) & noexcept {
    Tensor copy(other);
    swap(copy);
    return *this;
  }
  Tensor& operator=(Tensor&& other) & noexcept {
    Tensor taken(std::move(other));
    swap(taken);
    return *this;
  }
  ~Tensor() {
    if (node_ && node_->refs.release()) detail::destroy(node_);
  }
  void swap(Tensor& other) & noexcept { std::swap(node_, other.node_); }

  bool defined() const { return node_ != nullptr; }
  /// True if both handles refer to the same tensor.
  bool is(const Tensor& other) const { return node_ == other.node_; }

  Shape shape() const;
  /// Length of one axis; negative axes count from the end.
  Index size(Index axis) const;
  /// Number of axes.
  int dim() const;
  Index numel() const;
  DType dtype() const;

  /// The values, row-major; throws if T is not the dtype.
  template <class T>
  const T* data() const {
    return static_cast<const T*>(raw(dtype_of<T>));
  }
  /// The values for writing: counts as a change in place, so a backward pass that still needs the
  /// old values throws. Refused while recording on a tensor that requires a gradient.
  template <class T>
  T* mutable_data() {
    return static_cast<T*>(mutable_raw(dtype_of<T>));
  }
  /// The only element, converted to T; throws if there is not exactly one.
  template <class T>
  T item() const {
    return static_cast<T>(item_as_double("item"));
  }
  double item() const { return item_as_double("item"); }
  /// All values in row-major order, converted to T.
  template <class T>
  std::vector<T> to_vector() const;

  /// The same values in another dtype; gradients are converted back. Itself if the dtype is the
  /// same.
  Tensor to(DType dtype) const;
  /// The same values, sharing memory, without history. One-element results of operations are
  /// copied: see copy_.
  Tensor detach() const;
  /// A copy of the values; differentiable: the gradient passes through.
  Tensor clone() const;
  /// A view of the same values in another shape; one length may be -1. Gradient: reshaped back.
  Tensor reshape(const Shape& shape) const;
  /// The `index`-th slice along the first axis (negative counts from the end), a copy: see copy_.
  Tensor operator[](Index index) const;

  /// Overwrites the values with those of `source` (broadcast, converted); see mutable_data.
  /// Refused, as every change in place, on a tensor that only holds a copy of values of another
  /// (x[i], slice, permute, expand, a one-element result that is detached or reshaped), which it
  /// would not reach: clone() it, or make it a leaf by requires_grad_(), if the copy is meant.
  Tensor& copy_(const Tensor& source);
  /// Overwrites every value; see mutable_data.
  Tensor& fill_(double value);
  /// Replaces the values and the dtype of a leaf by a copy of `values` of the same shape, for every
  /// handle to it; views made before keep the old values. The gradient is converted too.
  Tensor& set_data(const Tensor& values);

  bool requires_grad() const;
  /// Marks a leaf as wanting a gradient; throws for integers, masks and recorded results.
  Tensor& requires_grad_(bool value = true);
  /// True unless the tensor is the result of a recorded operation.
  bool is_leaf() const;
  /// The gradient that backward() has summed so far, or an undefined tensor.
  Tensor grad() const;
  /// Replaces the gradient by a copy of `grad`; an undefined tensor clears it.
  void set_grad(const Tensor& grad);
  /// Asks backward() to keep the gradient of this intermediate result in grad().
  Tensor& retain_grad();

  /// Adds d(this)/d(leaf) to the grad of every leaf that requires one. `seed` (ones for a single
  /// element) is the gradient of some final value with respect to this tensor. Either completes or
  /// leaves every grad as it was. Frees the graph unless `retain_graph`.
  void backward(const Tensor& seed = {}, BackwardOptions options = {}) const;
  void backward(BackwardOptions options) const { backward(Tensor(), options); }

  /// Calls `hook` with the gradient of this tensor whenever one is computed; a defined result
  /// replaces it. Returns a number for remove_hook.
  int register_hook(std::function<Tensor(const Tensor& grad)> hook);
  void remove_hook(int id);

  /// The name of the operation that made this tensor, or "" for a leaf.
  const char* operation() const;
  /// How often the values were changed in place.
  std::uint32_t version() const;

 private:
  friend struct detail::Node;
  explicit Tensor(detail::NodeRefs* node) : node_(node) {}
  const void* raw(DType dtype) const;
  void* mutable_raw(DType dtype);
  double item_as_double(const char* operation) const;

  detail::NodeRefs* node_;
};

template <>
std::int64_t Tensor::item<std::int64_t>() const;

/// A number or nested braces of numbers, as in `tensor({{1, 2}, {3, 4}})`; lives for one full
/// expression.
class Values {
 public:
  template <class T>
  requires std::is_arithmetic_v<T> Values(T number) : number_(static_cast<double>(number)) {}
  Values(std::initializer_list<Values> list)
      : items_(std::data(list)), count_(static_cast<Index>(list.size())) {}

  bool is_number() const { return count_ < 0; }
  double number() const { return number_; }
  const Values* begin() const { return items_; }
  const Values* end() const { return items_ + count_; }
  Index count() const { return count_; }

 private:
  double number_ = 0;
  const Values* items_ = nullptr;
  Index count_ = -1;
};

/// A scalar, vector, matrix, … from a number or nested braces; throws if the lengths within an axis
/// differ.
Tensor tensor(const Values& values, DType dtype = float32);
/// The values of a vector, in `shape` (default: one axis); T is bool, int64, float or double.
template <class T>
Tensor from_vector(const std::vector<T>& values, const Shape& shape);
template <class T>
Tensor from_vector(const std::vector<T>& values) {
  return from_vector(values, Shape{static_cast<Index>(values.size())});
}
/// A copy of `numel(shape)` values at `data`.
Tensor from_data(const void* data, const Shape& shape, DType dtype);

Tensor zeros(const Shape& shape, DType dtype = float32);
Tensor ones(const Shape& shape, DType dtype = float32);
Tensor full(const Shape& shape, double value, DType dtype = float32);
Tensor zeros_like(const Tensor& x);
Tensor ones_like(const Tensor& x);
Tensor full_like(const Tensor& x, double value);
/// start, start + step, … below `end` (above it for a negative step): ceil((end - start) / step)
/// values.
Tensor arange(double start, double end, double step = 1, DType dtype = float32);
Tensor arange(double end);
/// `steps` evenly spaced values from `start` to `end`, both included.
Tensor linspace(double start, double end, Index steps, DType dtype = float32);
/// The n x m matrix (square if m is omitted) with ones on the diagonal.
Tensor eye(Index n, Index m = -1, DType dtype = float32);

/// The values in the layout of NumPy's str(): at most 8 digits after the point, scientific if the
/// range needs it, beyond 1000 elements only three at each end of an axis. An empty tensor of
/// several axes tells its shape.
std::string to_string(const Tensor& x);
/// Stream output for anything with ostream's `<<` of strings, so that this header needs no
/// <iostream>.
template <class Stream>
requires requires(Stream& s, const std::string& text) { s.put('c'), s.write(text.data(), 1); }
Stream& operator<<(Stream& stream, const Tensor& x) {
  const std::string text = to_string(x);
  stream.write(text.data(), static_cast<std::ptrdiff_t>(text.size()));
  return stream;
}

}  // namespace gradus
