#pragma once

#include <cstddef>
#include <cstdint>

namespace gradus {

/// What the library holds at this moment, over all threads.
struct MemoryStats {
  std::int64_t live_tensors;  ///< tensors that some handle or graph refers to
  std::int64_t live_nodes;    ///< recorded operations
  std::int64_t live_buffers;  ///< blocks of values (single values live inside their tensor)
  std::int64_t live_bytes;    ///< bytes in live buffers, as asked for
  std::int64_t peak_bytes;    ///< the largest live_bytes since reset_peak(), to a few small blocks
  std::int64_t cached_bytes;  ///< bytes kept for reuse
  std::int64_t system_allocations;  ///< how often memory was asked from the system, ever
};

/// The counters of this moment; exact when no other thread is allocating.
MemoryStats memory_stats();

/// Starts a new measurement of MemoryStats::peak_bytes.
void reset_peak();

/// Returns all cached large blocks to the system; blocks in use are not touched.
void empty_cache();

/// Bounds the bytes kept for reuse in large blocks (default 1 GiB); more is returned to the system.
void set_cache_limit(std::size_t bytes);

}  // namespace gradus
