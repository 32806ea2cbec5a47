#pragma once

#include <cstdint>
#include <string_view>

namespace gradus::train::detail {

/// CRC-32C (Castagnoli), as in iSCSI, of `bytes`, or of them after others whose code was `before`.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0);

}  // namespace gradus::train::detail
