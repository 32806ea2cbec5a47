// The element types of a tensor.
#pragma once
#include <cstddef>
#include <cstdint>

namespace gradus {

/// Element type of a tensor; `boolean` is stored as one byte, 0 or 1.
enum class DType : std::uint8_t { boolean, int64, float32, float64 };

inline constexpr DType boolean = DType::boolean;
inline constexpr DType int64 = DType::int64;
inline constexpr DType float32 = DType::float32;
inline constexpr DType float64 = DType::float64;

/// Bytes per element.
constexpr std::size_t size_of(DType t) noexcept {
  return t == DType::boolean ? 1 : t == DType::float32 ? 4 : 8;
}

/// Name as it stands in messages and files: "bool", "int64", "float32", "float64".
constexpr const char* name_of(DType t) noexcept {
  switch (t) {
    case DType::boolean:
      return "bool";
    case DType::int64:
      return "int64";
    case DType::float32:
      return "float32";
    case DType::float64:
      return "float64";
  }
  return "?";
}

}  // namespace gradus
