#pragma once

#include <cstddef>
#include <cstdint>

namespace gradus {

/// Element types, known at run time; the order is the order of promotion.
enum class DType : std::uint8_t { boolean, int64, float32, float64 };

inline constexpr DType boolean = DType::boolean;
inline constexpr DType int64 = DType::int64;
inline constexpr DType float32 = DType::float32;
inline constexpr DType float64 = DType::float64;

/// Bytes of one element.
constexpr std::size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::boolean:
      return 1;
    case DType::float32:
      return 4;
    case DType::int64:
    case DType::float64:
      break;
  }
  return 8;
}

/// "bool", "int64", "float32" or "float64".
constexpr const char* name_of(DType dtype) {
  switch (dtype) {
    case DType::boolean:
      return "bool";
    case DType::int64:
      return "int64";
    case DType::float32:
      return "float32";
    case DType::float64:
      break;
  }
  return "float64";
}

/// True for float32 and float64, the only types that carry gradients.
constexpr bool is_floating_point(DType dtype) { return dtype >= DType::float32; }

namespace detail {
template <class T>
struct DTypeOf;
template <>
struct DTypeOf<bool> {
  static constexpr DType value = DType::boolean;
};
template <>
struct DTypeOf<std::int64_t> {
  static constexpr DType value = DType::int64;
};
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::float32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::float64;
};
}  // namespace detail

/// The dtype of a C++ type: bool, std::int64_t, float or double.
template <class T>
inline constexpr DType dtype_of = detail::DTypeOf<T>::value;

}  // namespace gradus
