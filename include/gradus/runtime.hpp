// Settings and counters of the process: threads, precision, memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "gradus/version.hpp"

namespace gradus {

/// What this process runs on, a line each, for reports of faults: version, the instruction set of
/// the kernels (GRADUS_ISA in the environment names another), BLAS, threads, compiler, sanitizers.
/// Throws if GRADUS_ISA names a set that is not there.
std::string info();

/// Number of threads that large kernels are spread over; starts as GRADUS_NUM_THREADS or the number
/// of hardware threads.
int num_threads() noexcept;

/// Sets the number of threads of large kernels, 1 to 256; results are the same bits for any number.
/// Throws when out of range.
void set_num_threads(int n);

/// What the factors of a float32 product are rounded to. Sums, parameters, gradients and updates
/// stay float32.
enum class Precision {
  full,     ///< not at all
  bfloat16  ///< 8 bits of mantissa, in products that are large enough to gain by it
};

/// How the float32 products of this process are computed now; in full at first.
Precision matmul_precision() noexcept;

/// Sets it, for all threads. Results are the same bits for any number of threads. Throws for
/// bfloat16 unless the library was built for AVX512-BF16 and the processor has it.
void set_matmul_precision(Precision precision);

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
