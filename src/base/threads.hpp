// A small persistent team of threads that runs the tiles of a kernel.
#pragma once
#include <cstdint>
#include <memory>
#include <type_traits>

#include "gradus/runtime.hpp"

namespace gradus {

/// Flushes denormal numbers to zero in this thread while it lives, then restores the mode.
class FlushDenormals {
 public:
  FlushDenormals() noexcept;
  ~FlushDenormals();
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  unsigned long long saved_;
};

namespace detail {
void run_tiles(std::int64_t tiles, void (*call)(void*, std::int64_t), void* context);
}

/// Runs f(tile) for tile in [0, tiles) on the team, the caller included, in any order, and waits;
/// the first exception is thrown again here. A nested call, or one while the team is busy, runs
/// serially in the caller. Tiles must depend on the shape of the problem alone, never on the number
/// of threads.
template <class F>
void parallel_for(std::int64_t tiles, F&& f) {
  using Body = std::remove_reference_t<F>;
  detail::run_tiles(
      tiles, [](void* c, std::int64_t tile) { (*static_cast<Body*>(c))(tile); },
      const_cast<void*>(static_cast<const void*>(std::addressof(f))));
}

}  // namespace gradus
