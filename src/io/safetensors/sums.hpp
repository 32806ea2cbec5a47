#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gradus/io/safetensors.hpp"

// The checksums that a .safetensors file carries. In its metadata: {"tensor": "8 hexadecimal
// digits", …, "__metadata__": "…"}, see docs/checkpoints.md.
namespace gradus::io::detail {

inline constexpr const char* metadata_key = "__metadata__";
inline constexpr const char* sums_key = "gradus.crc32";
inline constexpr const char* sums_begin = "{\"__metadata__\":\"";

/// Of dtype, shape and values, for the same bytes mean other numbers under another shape: the
/// text "F32 2 3 " and then the bytes.
std::uint32_t sum_of(const char* type, const Shape& shape, std::string_view values);

/// Of names and texts in their order, each with a 0 after it.
std::uint32_t sum_of(const Metadata& metadata);

std::string text_of_sum(std::uint32_t sum);

}  // namespace gradus::io::detail
