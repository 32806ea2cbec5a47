#pragma once

#include <vector>

#include "base/pool.hpp"
#include "capture/call_list.hpp"

namespace gradus::detail {

/// What a captured step leaves out of its calls, or does together.
struct Plan {
  std::size_t dropped = 0;  // calls whose results nobody reads
  std::size_t fused = 0;    // calls that became part of another one
};

/// Drops calls whose results nobody reads, and makes runs of elementwise ones over the same large
/// number of elements one call, which does them all for a tile before it goes to the next. `freed`
/// has the blocks of values that the list may do with as it likes: those that were freed after
/// their last use, in order.
Plan plan(CallList& recorded, const std::vector<Arena::Freed>& freed);

}  // namespace gradus::detail
