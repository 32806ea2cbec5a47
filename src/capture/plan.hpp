#pragma once

#include <vector>

#include "base/pool.hpp"
#include "base/tape.hpp"

namespace gradus::detail {

/// What a captured step leaves out of its tape, or does together.
struct Plan {
  std::size_t dropped = 0;  // calls whose result nobody reads
  std::size_t fused = 0;    // calls that became part of another one
};

/// Drops elementwise calls whose result nobody reads, and makes runs of the others over the same
/// large number of elements one call, which does them all for a tile before it goes to the next.
/// `freed` has the blocks of values that the tape may do with as it likes: those that were freed
/// after their last use, in order.
Plan plan(Tape& recorded, const std::vector<Arena::Freed>& freed);

}  // namespace gradus::detail
