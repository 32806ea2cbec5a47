// What rules of the library's own operations do to save a tensor: nothing that other rules need.
#pragma once

#include <initializer_list>

#include "base/messages.hpp"
#include "gradus/autograd.hpp"

namespace gradus::detail {

/// The sum of the i-th input's gradient so far if the rule may add to it in place (and then return
/// an undefined tensor for it), else undefined.
Tensor accumulator(const Vjp& k, int i);

/// The cotangent if nobody else will see it, so that the rule's last gradient may be written over
/// it, else undefined.
Tensor spare(const Vjp& k);

/// A factor of give_scaled: a number, or the value of an input.
struct Factor {
  constexpr Factor(double value) : number(value) {}
  static constexpr Factor input(int i) {
    if (i < 0) fail("give_scaled", "input ", i, " was given; count from 0");
    Factor factor(0);
    factor.place = i;
    return factor;
  }
  double number;
  int place = -1;  // of the input, or -1 for a number
};

/// For a number of rank 0 whose inputs are of its type: adds the cotangent times factors[i] (0 for
/// a cotangent of 0) to the i-th input's gradient, without a tensor in between. That uses the
/// cotangent up: it is the rule's last act, and `grad` may be undefined afterwards. False, and
/// nothing is done, for other shapes and where the rule has to compute with tensors.
bool give_scaled(const Vjp& k, std::initializer_list<Factor> factors);

}  // namespace gradus::detail
