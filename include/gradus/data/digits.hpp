#pragma once

#include "gradus/data/dataset.hpp"

namespace gradus::data {

/// 1,797 handwritten digits, compiled into the library: x (1797, 64) float32, the pixels of 8 x 8
/// images row by row, 0 to 16; y (1797,) int64, 0 to 9. Source: UCI, doi.org/10.24432/C50P49.
TensorDataset load_digits();

}  // namespace gradus::data
