#pragma once

#include <string>

#include "gradus/nn/module.hpp"

namespace gradus::nn {

/// A table with one line per module: name, kind, shape of its output for zeros of `input_shape`
/// (with the batch axis), and its own parameters; and their total. Runs the model once, in
/// evaluation and unrecorded.
std::string summary(Module& model, const Shape& input_shape, DType dtype = float32);

}  // namespace gradus::nn
