#include "io/safetensors/sums.hpp"

#include "io/gzip.hpp"

namespace gradus::io::detail {

std::uint32_t sum_of(const char* type, const Shape& shape, std::string_view values) {
  std::string head = std::string(type) + " ";
  for (const Index n : shape) head += text_of(n) + " ";
  return crc32(values, crc32(head));
}

std::uint32_t sum_of(const Metadata& metadata) {
  std::uint32_t sum = 0;
  for (const auto& [key, text] : metadata)
    for (const std::string& part : {key, text}) sum = crc32(part + '\0', sum);
  return sum;
}

std::string text_of_sum(std::uint32_t sum) {
  std::string text(8, '0');
  for (std::size_t i = 0; i < 8; ++i) text[i] = "0123456789abcdef"[sum >> (28 - 4 * i) & 15];
  return text;
}

}  // namespace gradus::io::detail
