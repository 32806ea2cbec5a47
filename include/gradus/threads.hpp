// How many threads the kernels use.
#pragma once

namespace gradus {

/// Number of threads that large kernels are spread over; starts as GRADUS_NUM_THREADS or the number
/// of hardware threads.
int num_threads() noexcept;

/// Sets the number of threads of large kernels, 1 to 256; results are the same bits for any number.
/// Throws when out of range.
void set_num_threads(int n);

}  // namespace gradus
