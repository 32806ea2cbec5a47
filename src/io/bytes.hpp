#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "gradus/shape.hpp"
#include "gradus/tensor.hpp"
#include "ops/host.hpp"

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

/// The bytes of a tensor's values.
inline std::string_view values_of(const Tensor& x) {
  return {static_cast<const char*>(gradus::detail::host_values(x)),
          static_cast<std::size_t>(x.numel()) * size_of(x.dtype())};
}

}  // namespace gradus::io::detail
