#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gradus/tensor.hpp"

namespace gradus::io {

/// Tensors with names, in their order in the file.
using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

/// Reads a NumPy array (.npy, versions 1 to 3, C or Fortran order, either byte order). Booleans
/// stay bool, integers become int64 (uint64 beyond its range throws), float16 and float32 float32,
/// float64 float64; arrays of objects, texts, records and complex numbers throw.
Tensor read_npy(const std::string& path);
Tensor parse_npy(std::string_view bytes, const std::string& name = "bytes");

/// Writes x as .npy, version 1, C order; see write_file_atomically.
void write_npy(const std::string& path, const Tensor& x);
std::string format_npy(const Tensor& x);

/// Reads a zip file of arrays (.npz), stored or deflated; names come without ".npy".
NamedTensors read_npz(const std::string& path);
NamedTensors parse_npz(std::string_view bytes, const std::string& name = "bytes");

struct NpzOptions {
  bool compress = false;  ///< deflate
};

/// Writes tensors as .npz. Throws for empty names and names given twice.
void write_npz(const std::string& path, const NamedTensors& tensors, NpzOptions options = {});
std::string format_npz(const NamedTensors& tensors, NpzOptions options = {});

}  // namespace gradus::io
