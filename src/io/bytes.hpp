#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "gradus/shape.hpp"
#include "gradus/tensor.hpp"

// Numbers in files, read without trusting them.
namespace gradus::io::detail {

static_assert(std::endian::native == std::endian::little, "files are read on little-endian hosts");

/// A T at bytes[at], which the caller has checked to be there.
template <class T>
T load(std::string_view bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

template <class T>
void store(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

/// The same value with its bytes in reverse order.
template <class T>
T swap_bytes(T value) {
  if constexpr (sizeof(T) == 1) {
    return value;
  } else {
    unsigned char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof value);
    for (std::size_t i = 0; i < sizeof(T) / 2; ++i) std::swap(bytes[i], bytes[sizeof(T) - 1 - i]);
    std::memcpy(&value, bytes, sizeof value);
    return value;
  }
}

/// total = a b; false if it does not fit.
inline bool multiply(std::uint64_t a, std::uint64_t b, std::uint64_t& total) {
  return !__builtin_mul_overflow(a, b, &total);
}

/// out[i] = the i-th From at `from` (unaligned, perhaps in the other byte order).
template <class From, class To>
void convert(const char* from, bool swap, std::size_t count, To* out) {
  for (std::size_t i = 0; i < count; ++i) {
    From value;
    std::memcpy(&value, from + i * sizeof(From), sizeof(From));
    out[i] = static_cast<To>(swap ? swap_bytes(value) : value);
  }
}

/// IEEE half precision and bfloat16.
inline float from_bfloat16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}
inline float from_half(std::uint16_t bits) {
  const std::uint32_t sign = (bits & 0x8000u) << 16, rest = bits & 0x7fffu;
  if (rest >= 0x7c00u) return std::bit_cast<float>(sign | 0x7f800000u | (rest & 0x3ffu) << 13);
  if (rest >= 0x400u) return std::bit_cast<float>(sign | ((rest << 13) + (112u << 23)));
  const float tiny = static_cast<float>(rest) * 0x1p-24f;
  return sign ? -tiny : tiny;
}

/// The bytes of a tensor's values.
inline std::string_view values_of(const Tensor& x) {
  const void* data = nullptr;
  switch (x.dtype()) {
    case DType::boolean:
      data = x.data<bool>();
      break;
    case DType::int64:
      data = x.data<std::int64_t>();
      break;
    case DType::float32:
      data = x.data<float>();
      break;
    case DType::float64:
      data = x.data<double>();
      break;
  }
  return {static_cast<const char*>(data), static_cast<std::size_t>(x.numel()) * size_of(x.dtype())};
}

}  // namespace gradus::io::detail
