// Orders along the middle axis of a collapsed (outer, axis, inner) shape, as positions. Ties keep
// their order; NaN counts as the largest value.
#pragma once
#include "kernels/call.hpp"

namespace gradus::kernels {

/// index (outer, count, inner) = positions of the `count` <= axis smallest (or largest) entries of
/// x in order.
struct SortPositions {
  static constexpr const char* name = "sort_positions";
  DType type;
  In x;
  Index* index;
  Lengths of;
  Index count;
  bool descending;

  void describe(Description& d) const {
    d.lengths(of).number("count", count).number("descending", descending).reads("x", x, of.all());
    d.writes("index", index, of.lines() * count);
  }
};

/// index (outer, inner) = position of the entry that has `rank` smaller ones before it, 0 <= rank <
/// axis; the first NaN, if there is one, with `nan_wins`.
struct SelectPosition {
  static constexpr const char* name = "select_position";
  DType type;
  In x;
  Index* index;
  Lengths of;
  Index rank;
  bool nan_wins;

  void describe(Description& d) const {
    d.lengths(of).number("rank", rank).number("nan_wins", nan_wins).reads("x", x, of.all());
    d.writes("index", index, of.lines());
  }
};

void execute(const SortPositions& call);
void execute(const SelectPosition& call);

}  // namespace gradus::kernels
