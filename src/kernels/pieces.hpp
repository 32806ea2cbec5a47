// The split of large loops over threads.
#pragma once
#include <algorithm>
#include <vector>

#include "base/threads.hpp"
#include "gradus/shape.hpp"

namespace gradus::kernels {

/// From this many elements on a loop is split into tiles.
inline constexpr Index parallel_from = 65536;
inline constexpr Index tile_size = 32768;

/// How many pieces of `size` elements make a tile.
constexpr Index pieces_per_tile(Index size) noexcept {
  return size >= tile_size ? 1 : tile_size / std::max<Index>(size, 1);
}

/// f(first, last) over [0, count) in groups, on the team.
template <class F>
inline void in_groups(Index count, Index group, F&& f) {
  parallel_for((count + group - 1) / group,
               [&](Index t) { f(t * group, std::min(count, (t + 1) * group)); });
}

/// f(first, last) over [0, count) pieces of `size` elements, in tiles if these are many.
template <class F>
inline void for_pieces(Index count, Index size, F&& f) {
  if (count * size < parallel_from) return f(Index{0}, count);
  in_groups(count, pieces_per_tile(size), f);
}

/// f(first, last) of all of [0, n), or of its tiles, combined in their order.
template <class A, class F, class C>
A fold_tiles(Index n, A start, F&& f, C&& combine) {
  if (n < parallel_from) return f(Index{0}, n);
  std::vector<A> parts(static_cast<std::size_t>((n + tile_size - 1) / tile_size));
  in_groups(n, tile_size, [&](Index first, Index last) {
    parts[static_cast<std::size_t>(first / tile_size)] = f(first, last);
  });
  for (const A& part : parts) start = combine(start, part);
  return start;
}

}  // namespace gradus::kernels
