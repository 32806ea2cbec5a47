#include "io/values.hpp"

#include "io/bytes.hpp"

namespace gradus::io::detail {
namespace {

/// IEEE half precision, and bfloat16.
float from_half(std::uint16_t bits) {
  const std::uint32_t sign = (bits & 0x8000u) << 16, rest = bits & 0x7fffu;
  if (rest >= 0x7c00u) return std::bit_cast<float>(sign | 0x7f800000u | (rest & 0x3ffu) << 13);
  if (rest >= 0x400u) return std::bit_cast<float>(sign | ((rest << 13) + (112u << 23)));
  const float tiny = static_cast<float>(rest) * 0x1p-24f;
  return sign ? -tiny : tiny;
}
float from_bfloat16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

template <class From, class To>
To cast(From value) {
  return static_cast<To>(value);
}

/// The values (unaligned, perhaps in the other byte order), each as `decode` gives it.
template <class From, class To, To (*decode)(From) = cast<From, To>>
Tensor make(const char* from, bool swap, const Shape& shape, std::uint64_t count) {
  Tensor out = zeros(shape, dtype_of<To>);
  To* const to = out.mutable_data<To>();
  for (std::uint64_t i = 0; i < count; ++i) {
    const From value = load<From>({from, count * sizeof(From)}, i * sizeof(From));
    to[i] = decode(swap ? swap_bytes(value) : value);
  }
  return out;
}

constexpr ValueType types[] = {{"F64", 'f', 8, make<double, double>},
                               {"F32", 'f', 4, make<float, float>},
                               {"F16", 'f', 2, make<std::uint16_t, float, from_half>},
                               {"BF16", 'B', 2, make<std::uint16_t, float, from_bfloat16>},
                               {"I64", 'i', 8, make<std::int64_t, std::int64_t>},
                               {"I32", 'i', 4, make<std::int32_t, std::int64_t>},
                               {"I16", 'i', 2, make<std::int16_t, std::int64_t>},
                               {"I8", 'i', 1, make<std::int8_t, std::int64_t>},
                               {"U64", 'u', 8, make<std::int64_t, std::int64_t>},
                               {"U32", 'u', 4, make<std::uint32_t, std::int64_t>},
                               {"U16", 'u', 2, make<std::uint16_t, std::int64_t>},
                               {"U8", 'u', 1, make<std::uint8_t, std::int64_t>},
                               {"BOOL", 'b', 1, make<std::uint8_t, bool>}};

}  // namespace

std::span<const ValueType> value_types() { return types; }

const ValueType* find_type(char kind, std::size_t item) {
  for (const ValueType& type : types)
    if (type.kind == kind && type.item == item) return &type;
  return nullptr;
}

const ValueType& type_of(DType dtype) {
  const char kind = dtype == boolean ? 'b' : dtype == int64 ? 'i' : 'f';
  return *find_type(kind, size_of(dtype));
}

std::uint64_t find_misfit(const ValueType& type, const char* from, bool swap, std::uint64_t count) {
  const bool is_bool = type.kind == 'b';
  if (!is_bool && !(type.kind == 'u' && type.item == 8)) return count;
  const std::size_t highest = swap ? 0 : type.item - 1;  // byte
  std::uint64_t i = 0;
  while (i < count &&
         static_cast<unsigned char>(from[i * type.item + highest]) <= (is_bool ? 1 : 0x7f))
    ++i;
  return i;
}

}  // namespace gradus::io::detail
