#pragma once

// How the table of operations makes the values of its inputs.

#include <random>
#include <vector>

#include "support/table/op_table.hpp"

namespace gradus::test {

/// Uniform in [low, high).
double draw(std::mt19937_64& random, double low, double high);

/// The values of input `place` of `count`; distinct inputs take different places of a common grid
/// of `largest` cells.
std::vector<double> values_of(const Input& input, std::size_t place, std::size_t count,
                              Index largest, std::mt19937_64& random);

}  // namespace gradus::test
