// Orders along the middle axis of a collapsed (outer, axis, inner) shape, as positions. Ties keep
// their order; NaN counts as the largest value.
#pragma once
#include <cstdint>

#include "gradus/dtype.hpp"

namespace gradus::kernels {

using Index = std::int64_t;

/// index (outer, count, inner) = positions of the `count` <= axis smallest (or largest) entries of
/// x in order.
void sort_positions(DType t, const void* x, std::int64_t* index, Index outer, Index axis,
                    Index inner, Index count, bool descending);

/// index (outer, inner) = position of the entry that has `rank` smaller ones before it, 0 <= rank <
/// axis; the first NaN, if there is one, with `nan_wins`.
void select_position(DType t, const void* x, std::int64_t* index, Index outer, Index axis,
                     Index inner, Index rank, bool nan_wins);

}  // namespace gradus::kernels
