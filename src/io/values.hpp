#pragma once

#include <cstdint>
#include <span>

#include "gradus/tensor.hpp"

namespace gradus::io::detail {

/// How numbers stand in a file. `name`: of safetensors; `kind`: b, i, u and f as NumPy names them,
/// and B for bfloat16.
struct ValueType {
  const char* name;
  char kind;
  std::size_t item;  // bytes of one
  Tensor (*make)(const char* from, bool swap, const Shape& shape, std::uint64_t count);
};

std::span<const ValueType> value_types();
/// The type, or null if there is none such.
const ValueType* find_type(char kind, std::size_t item);
/// That of a tensor's values.
const ValueType& type_of(DType dtype);
/// The first of `count` values of which a tensor has none, a boolean above 1 or a uint64 beyond
/// int64; `count` if there is none.
std::uint64_t find_misfit(const ValueType& type, const char* from, bool swap, std::uint64_t count);

}  // namespace gradus::io::detail
