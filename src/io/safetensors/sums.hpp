#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gradus/io/safetensors.hpp"
#include "io/gzip.hpp"

// The checksums that a .safetensors file carries. In its metadata: {"tensor": "8 hexadecimal
// digits", …, "__metadata__": "…"}, see docs/checkpoints.md.
namespace gradus::io::detail {

inline constexpr const char* metadata_key = "__metadata__";
inline constexpr const char* sums_key = "gradus.crc32";
inline constexpr const char* sums_begin = "{\"__metadata__\":\"";

/// Of dtype, shape and values, for the same bytes mean other numbers under another shape: the
/// text "F32 2 3 " and then the bytes.
inline std::uint32_t sum_of(const char* type, const Shape& shape, std::string_view values) {
  std::string head = std::string(type) + " ";
  for (const Index n : shape) head += text_of(n) + " ";
  return crc32(values, crc32(head));
}

/// Of names and texts in their order, each with a 0 after it.
inline std::uint32_t sum_of(const Metadata& metadata) {
  std::uint32_t sum = 0;
  for (const auto& [key, text] : metadata)
    for (const std::string& part : {key, text}) sum = crc32(part + '\0', sum);
  return sum;
}

inline std::string text_of_sum(std::uint32_t sum) {
  std::string text(8, '0');
  for (std::size_t i = 0; i < 8; ++i) text[i] = "0123456789abcdef"[sum >> (28 - 4 * i) & 15];
  return text;
}

}  // namespace gradus::io::detail
