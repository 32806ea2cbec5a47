#include "io/safetensors/sums.hpp"

#include <zlib.h>

namespace gradus::io::detail {

namespace {

std::uint32_t add_to_sum(std::uint32_t sum, std::string_view bytes) {
  return static_cast<std::uint32_t>(
      ::crc32_z(sum, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

}  // namespace

std::uint32_t sum_of(const char* type, const Shape& shape, std::string_view values) {
  std::string head = std::string(type) + " ";
  for (const Index n : shape) head += text_of(n) + " ";
  return add_to_sum(add_to_sum(0, head), values);
}

std::uint32_t sum_of(const Metadata& metadata) {
  std::uint32_t sum = 0;
  for (const auto& [key, text] : metadata)
    for (const std::string& part : {key, text}) sum = add_to_sum(sum, part + '\0');
  return sum;
}

std::string text_of_sum(std::uint32_t sum) {
  std::string text(8, '0');
  for (std::size_t i = 0; i < 8; ++i) text[i] = "0123456789abcdef"[sum >> (28 - 4 * i) & 15];
  return text;
}

}  // namespace gradus::io::detail
