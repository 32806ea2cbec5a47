#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gradus/io/npy.hpp"

namespace gradus::io {

/// Texts with names that a file of tensors carries.
using Metadata = std::vector<std::pair<std::string, std::string>>;

struct SafeTensors {
  NamedTensors tensors;  ///< in the order of their values in the file
  Metadata metadata;     ///< sorted by name

  /// The tensor called `name`; throws, with the most similar name, if there is none.
  const Tensor& at(const std::string& name) const;
  /// The text called `name`, or "".
  std::string text(const std::string& name) const;
};

/// Reads a .safetensors file. F64 becomes float64; F32, F16 and BF16 float32; I64, I32, I16, I8,
/// U32, U16 and U8 int64 (U64 too, within int64's range); BOOL bool. The header's length, JSON,
/// names, dtypes, shapes and offsets are validated before any value is read: values must fill the
/// file without gap or overlap.
SafeTensors read_safetensors(const std::string& path);
SafeTensors parse_safetensors(std::string_view bytes, const std::string& name = "bytes");

/// Writes tensors as .safetensors (F64, F32, I64, BOOL); see write_file_atomically. Throws for
/// names that are empty, given twice, reserved or not UTF-8.
void write_safetensors(const std::string& path, const NamedTensors& tensors,
                       const Metadata& metadata = {});
std::string format_safetensors(const NamedTensors& tensors, const Metadata& metadata = {});

}  // namespace gradus::io
