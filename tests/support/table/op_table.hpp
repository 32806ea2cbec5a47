#pragma once

// Tests of operations are rows of a table: a function, cases of inputs, and an independent naive
// reference of its value in long double. From the reference the checker takes the value, and by
// finite differences the first and second derivatives, and compares the operation with them.
//
//   TEST_CASE("exponentials agree with their references", "[ops]") {
//     unary_row("exp", exp, std::exp, -3, 3);
//     binary_row("maximum", maximum, [](auto a, auto b) { return a > b ? a : b; },
//                {.distinct = true});
//     row({.name = "sum", .f = ..., .cases = {...}, .reference = ...});
//   }
//
// The first word of a row's name is the public function that it covers: the build compares these
// names with the functions of include/gradus/ops. So the name stands first in the call, as a
// literal.

#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "gradus/autograd.hpp"
#include "gradus/tensor.hpp"

namespace gradus::test {

/// A plain array for references.
struct Array {
  Shape shape = {};
  std::vector<long double> values = {0};

  Array() = default;
  /// Zeros: Array(Shape{2, 3}).
  explicit Array(const Shape& s);
  Array(const Shape& s, std::vector<long double> v);

  Index numel() const { return static_cast<Index>(values.size()); }
  /// The position of a multi-index in `values`; fails the test if it is out of range.
  std::size_t offset(const IndexList& index) const;
  long double& at(const IndexList& index) { return values[offset(index)]; }
  long double at(const IndexList& index) const { return values[offset(index)]; }
  /// at() under broadcasting: the index of a larger shape, aligned at the right.
  long double broadcast_at(const IndexList& index) const;
};

/// Calls f(index) for every multi-index of `shape`, in row-major order.
template <class F>
void for_each_index(const Shape& shape, F f) {
  const Index count = numel(shape);
  IndexList index = shape;
  for (Index n = 0; n < count; ++n) {
    Index rest = n;
    for (int i = shape.size() - 1; i >= 0; --i) {
      index[i] = rest % shape[i];
      rest /= shape[i];
    }
    f(static_cast<const IndexList&>(index));
  }
}

using Scalar1 = std::function<long double(long double)>;
using Scalar2 = std::function<long double(long double, long double)>;

/// f of every value.
Array map_array(const Array& x, const Scalar1& f);
/// f of every pair of values, broadcast.
Array zip_array(const Array& a, const Array& b, const Scalar2& f);

/// One input of a case: how its values are made. They are exact in float32.
struct Input {
  Shape shape = {};
  double low = -2, high = 2;   ///< uniform in [low, high); integers below high for int64
  DType dtype = float64;       ///< float64 stands for the dtype of the run, float32 too
  bool differentiable = true;  ///< a gradient is wanted and checked (floating-point inputs only)
  std::vector<double> kinks = {};  ///< values keep `margin` away from these
  double margin = 0.05;
  bool distinct = false;  ///< evenly spread in random order, also distinct from other such inputs
  std::vector<double> values = {};             ///< given explicitly, row-major
  std::function<double(Index)> generate = {};  ///< or by position
};

struct Row {
  std::string name;  ///< the public function, then anything that tells rows apart
  std::function<Tensor(const std::vector<Tensor>&)> f;
  std::vector<std::vector<Input>> cases;
  std::function<Array(const std::vector<Array>&)> reference;
  bool differentiable = true;  ///< the result records the operation
  bool smooth = true;          ///< second derivatives are checked
  double tolerance = 1e-12;    ///< of the value in float64, relative to the largest entry
  double float32_tolerance = 2e-6;
  double gradient_tolerance = 1e-10;
  double float32_gradient_tolerance = 1e-5;
  double second_tolerance = 1e-7;
  double step = 1e-3;                ///< of the seven-point differences
  std::optional<DType> result = {};  ///< of the result; default the floating dtype of the run
  bool float32 = true;               ///< also run in float32
};

/// What is wrong with a row's operation, each fault with the case and the input; empty if nothing.
std::vector<std::string> faults_of(const Row& row);
/// Checks a row; every fault is a failed assertion. GRADUS_ROW=<name> in the environment picks one.
void row(const Row& row);

/// What the builders of rows below may be told; see Input and Row.
struct Options {
  double low = -2, high = 2;
  std::optional<double> low2 = {}, high2 = {};  ///< of the second operand, default as the first
  std::vector<double> kinks = {};
  double margin = 0.05;
  bool distinct = false;  ///< all values of both operands differ
  bool same = true;       ///< binary: also f(x, x)
  bool differentiable = true, smooth = true;
  double tolerance = 1e-12, float32_tolerance = 2e-6;
  double gradient_tolerance = 1e-10, float32_gradient_tolerance = 1e-5, second_tolerance = 1e-7;
  double step = 1e-3;
  std::optional<DType> result = {};
};

/// A function of tensors as an argument: the name of an overloaded one, or any callable.
template <class R, class... A>
struct Callable : std::function<R(A...)> {
  Callable(R (*f)(A...)) : std::function<R(A...)>(f) {}
  template <class F>
  requires std::is_invocable_r_v<R, F, A...> Callable(F f) : std::function<R(A...)>(std::move(f)) {}
};
using Tensor1 = Callable<Tensor, const Tensor&>;
using Tensor2 = Callable<Tensor, const Tensor&, const Tensor&>;
using Real1 = Callable<long double, long double>;
using Real2 = Callable<long double, long double, long double>;

/// An elementwise function of one tensor, on the shapes (), (1,), (5,), (0,), (1, n), …
void unary_row(const std::string& name, Tensor1 f, Real1 reference, const Options& options = {});
inline void unary_row(const std::string& name, Tensor1 f, Real1 reference, double low, double high,
                      Options options = {}) {
  options.low = low;
  options.high = high;
  unary_row(name, std::move(f), std::move(reference), options);
}
/// An elementwise function of two tensors, also broadcast both ways, and with the same tensor
/// twice.
void binary_row(const std::string& name, Tensor2 f, Real2 reference, const Options& options = {});

/// Values of an Input as the checker would make them for `seed`, for tests of other kinds.
Tensor make_tensor(const Input& input, DType floating, std::uint64_t seed);
/// The same for all inputs of a case.
std::vector<Tensor> make_tensors(const std::vector<Input>& inputs, DType floating,
                                 std::uint64_t seed);

}  // namespace gradus::test
