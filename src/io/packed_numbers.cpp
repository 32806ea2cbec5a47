#include "io/packed_numbers.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

namespace gradus::io::detail {
namespace {

/// The largest |v scale| if each of the numbers is a whole number of less than 2^31 over `scale`
/// (or missing), to the bit; else -1.
double largest_whole(const std::vector<double>& values, double scale) {
  constexpr double to_whole = 0x1.8p52;  // added and taken away, it rounds
  constexpr std::size_t strip = 64;
  double largest = 0;
  for (std::size_t from = 0; from < values.size(); from += strip) {
    bool exact = true;
    for (std::size_t i = from; i < std::min(from + strip, values.size()); ++i) {
      const double v = values[i], whole = (v * scale + to_whole) - to_whole + 0.0;
      exact &=
          std::bit_cast<std::uint64_t>(whole / scale) == std::bit_cast<std::uint64_t>(v) || v != v;
      largest = std::abs(whole) > largest ? std::abs(whole) : largest;
    }
    if (!exact || largest > std::numeric_limits<std::int32_t>::max()) return -1;
  }
  return largest;
}

// The least number of a type stands for NaN.
template <class T>
std::string pack(const std::vector<double>& values, double scale) {
  std::string data(values.size() * sizeof(T), '\0');
  char* to = data.data();
  for (const double v : values) {
    const T whole = v != v ? std::numeric_limits<T>::min()
                           : static_cast<T>(static_cast<std::int32_t>(std::nearbyint(v * scale)));
    std::memcpy(to, &whole, sizeof(T));
    to += sizeof(T);
  }
  return data;
}

template <class T>
void unpack(const std::string& data, double scale, double* out) {
  for (std::size_t i = 0; i < data.size() / sizeof(T); ++i) {
    T whole;
    std::memcpy(&whole, data.data() + i * sizeof(T), sizeof(T));
    out[i] = whole == std::numeric_limits<T>::min() ? std::numeric_limits<double>::quiet_NaN()
                                                    : static_cast<double>(whole) / scale;
  }
}

}  // namespace

void PackedNumbers::close() {
  Block next;
  next.bytes = 8;
  for (const double scale : {1.0, 10.0, 100.0, 1e3, 1e4, 1e6})
    if (const double largest = largest_whole(open_, scale); largest >= 0) {
      next.scale = scale;
      next.bytes = largest <= 127 ? 1 : largest <= 32767 ? 2 : 4;
      break;
    }
  if (next.bytes == 1)
    next.data = pack<std::int8_t>(open_, next.scale);
  else if (next.bytes == 2)
    next.data = pack<std::int16_t>(open_, next.scale);
  else if (next.bytes == 4)
    next.data = pack<std::int32_t>(open_, next.scale);
  else
    next.data.assign(reinterpret_cast<const char*>(open_.data()), block * sizeof(double));
  blocks_.push_back(std::move(next));
  count_ = 0;
}

std::vector<double> PackedNumbers::take() {
  std::vector<double> all(blocks_.size() * block + count_);
  double* out = all.data();
  for (Block& b : blocks_) {
    if (b.bytes == 1)
      unpack<std::int8_t>(b.data, b.scale, out);
    else if (b.bytes == 2)
      unpack<std::int16_t>(b.data, b.scale, out);
    else if (b.bytes == 4)
      unpack<std::int32_t>(b.data, b.scale, out);
    else
      std::memcpy(out, b.data.data(), b.data.size());
    out += block;
    b.data = std::string();
  }
  std::copy_n(open_.begin(), count_, out);
  blocks_.clear();
  count_ = 0;
  return all;
}

}  // namespace gradus::io::detail
