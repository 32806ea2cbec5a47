#pragma once

// What references of losses have in common.

#include <string>

#include "gradus/ops/loss.hpp"
#include "support/table/op_table.hpp"

namespace gradus::test {

using Real = long double;

inline std::string text(Reduction reduction) {
  const char* const names[] = {" unreduced", " mean", " sum", " batchmean"};
  return names[static_cast<int>(reduction)];
}

/// Losses of elements, reduced.
inline Array reduced(const Array& losses, Reduction reduction) {
  if (reduction == Reduction::none) return losses;
  Real total = 0;
  for (const Real value : losses.values) total += value;
  if (reduction == Reduction::mean) total /= static_cast<Real>(losses.numel());
  if (reduction == Reduction::batchmean) total /= static_cast<Real>(losses.shape[0]);
  return Array({}, {total});
}

}  // namespace gradus::test
