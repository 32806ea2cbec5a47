#pragma once

#include <cstdint>

#include "gradus/train/callback.hpp"

namespace gradus::train::detail {

/// Says where the non-finite loss or gradient of the present step came from: from a parameter, from
/// the inputs, or from an operation, for which the step is done again in anomaly mode with the
/// random numbers that began at (seed, offset). Leaves everything as it was.
Finding blame_non_finite(Context& run, std::uint64_t seed, std::uint64_t offset);

}  // namespace gradus::train::detail
