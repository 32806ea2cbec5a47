#pragma once

// What the tests "a zero cotangent gives zero" and "NaN operands give NaN" share: an operation at a
// point, some of whose elements take other values, and which results depend on which elements.

#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "support/table/op_table.hpp"

namespace gradus::test {

/// An element of an input.
struct Element {
  std::size_t input;
  std::size_t place;
};

/// Results one behind the other, in their elements' order.
using Values = std::vector<double>;

struct Probe {
  std::function<std::vector<Tensor>(const std::vector<Tensor>&)> f;
  std::vector<Tensor> at;
  std::vector<std::size_t> movable;  // the floating-point inputs

  std::vector<Element> elements() const;
  /// The results for `inputs`; nothing if the operation refuses them.
  std::optional<Values> values(const std::vector<Tensor>& inputs) const;
};

/// A row's operation at the values that the table's checker would draw.
Probe probe_of(const Row& row, const std::vector<Input>& inputs, DType dtype, std::uint64_t seed);

/// (inputs, cotangents) -> gradients of the inputs that have one; differentiable.
Probe gradient_of(const Probe& p, const std::vector<Tensor>& cotangents);

/// `x` with `value` at some elements; the others share its memory.
std::vector<Tensor> with_value(const std::vector<Tensor>& x, const std::vector<Element>& elements,
                               double value);

/// Random numbers from 1/4 to 1, of either sign, in the shapes and dtypes of `like`.
std::vector<Tensor> random_like(const std::vector<Tensor>& like, std::mt19937_64& random);

/// The gradients of <cotangents, p.f(x)> for p.movable, with `twice` of the sum of two calls.
std::vector<Tensor> gradients(const Probe& p, const std::vector<Tensor>& x,
                              const std::vector<Tensor>& cotangents, bool twice);

Values flat(const std::vector<Tensor>& tensors);

/// The two tests. Each fault is a text; empty if there is none.
std::vector<std::string> zero_cotangent_faults(const Row& row);
std::vector<std::string> nan_operand_faults(const Row& row);

/// The row's operation under checkpoint(), which repeats it to the last bit, or has faults.
std::vector<std::string> checkpoint_faults(const Row& row);
std::vector<std::string> capture_faults(const Row& row);

}  // namespace gradus::test
