#pragma once

#include <string>
#include <string_view>

#include "gradus/data/dataset.hpp"

namespace gradus::io {

/// Reads an IDX file, gzip or not: the format of MNIST. Bytes, shorts and ints become int64, floats
/// float32, doubles float64. Throws for unknown type codes and for sizes that differ from what the
/// header declares.
Tensor read_idx(const std::string& path);
/// As read_idx, from the (unpacked) bytes; `name` stands for the file in messages.
Tensor parse_idx(std::string_view bytes, const std::string& name = "bytes");

/// The two parts of a set in MNIST's format: x (n, 1, rows, columns) float32, pixels 0 to 1; y (n,)
/// int64.
struct MnistParts {
  data::TensorDataset train, test;
};

/// Reads the four files of MNIST (or Fashion-MNIST) from `folder`: train-images-idx3-ubyte and so
/// on, with or without .gz. Throws if one is missing or images and labels differ in number.
MnistParts load_mnist(const std::string& folder);

}  // namespace gradus::io
