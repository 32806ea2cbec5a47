// Elementwise kernels: raw contiguous memory in, raw memory out.
#pragma once
#include <cstdint>
#include <span>

#include "gradus/dtype.hpp"
#include "kernels/elementwise/table.hpp"

namespace gradus::kernels {

using Index = std::int64_t;

#define GRADUS_ENUMERATOR(name, ...) name,

/// Operations of one operand, see elementwise_table.hpp. int64 knows those of `supports`.
enum class Unary : std::uint8_t { GRADUS_UNARY(GRADUS_ENUMERATOR) };

/// Operations of two operands. The gradients take the upstream gradient and one saved value: the
/// output for tanh, sigmoid and relu, the input for the others; a zero upstream gives zero.
enum class Binary : std::uint8_t { GRADUS_BINARY(GRADUS_ENUMERATOR) };

/// lerp a + c (b - a); addcmul a + p0 b c; addcdiv a + p0 b / c.
enum class Ternary : std::uint8_t { GRADUS_TERNARY(GRADUS_ENUMERATOR) };

/// The logical ones are for boolean only.
enum class Compare : std::uint8_t {
  GRADUS_COMPARE(GRADUS_ENUMERATOR) logical_and,
  logical_or,
  logical_xor
};

#undef GRADUS_ENUMERATOR

enum class Test : std::uint8_t { isnan, isinf, isfinite, logical_not };

/// Two inputs of one output, collapsed to at most three dimensions; strides in elements, 0 =
/// broadcast.
struct Broadcast {
  int rank = 0;
  Index n = 0;
  Index dims[3] = {1, 1, 1}, a[3] = {0, 0, 0}, b[3] = {0, 0, 0};
};

/// As Broadcast, with the condition of `where`.
struct Broadcast3 {
  int rank = 0;
  Index n = 0;
  Index dims[3] = {1, 1, 1}, c[3] = {0, 0, 0}, a[3] = {0, 0, 0}, b[3] = {0, 0, 0};
};

/// Both inputs contiguous with n elements.
Broadcast same_shape(Index n) noexcept;

/// Collapses the broadcast of contiguous inputs a_dims, b_dims (aligned at the right, as NumPy
/// does) to out_dims; false when more than three dimensions stay: then expand an input first
/// (copy_strided).
bool make_broadcast(std::span<const Index> out_dims, std::span<const Index> a_dims,
                    std::span<const Index> b_dims, Broadcast& out) noexcept;
bool make_broadcast(std::span<const Index> out_dims, std::span<const Index> c_dims,
                    std::span<const Index> a_dims, std::span<const Index> b_dims,
                    Broadcast3& out) noexcept;

/// out[i] = op(x[i]); out may be x.
void unary(Unary op, DType t, const void* x, void* out, Index n, double p0 = 0, double p1 = 0);

/// out = op(a, b) over a broadcast; out may be an input that is not broadcast.
void binary(Binary op, DType t, const void* a, const void* b, void* out, const Broadcast& s,
            double p0 = 0, double p1 = 0);

/// out = a op b as booleans; t is the type of the inputs.
void compare(Compare op, DType t, const void* a, const void* b, bool* out, const Broadcast& s);

/// out[i] = test(x[i]).
void test(Test op, DType t, const void* x, bool* out, Index n);

/// out[i] = op(a[i], b[i], c[i]); out may be an input. float32 and float64.
void ternary(Ternary op, DType t, const void* a, const void* b, const void* c, void* out, Index n,
             double p0 = 0);

/// out = c ? a : b over a broadcast.
void where(DType t, const bool* c, const void* a, const void* b, void* out, const Broadcast3& s);

/// y += alpha x.
void axpy(DType t, double alpha, const void* x, void* y, Index n);

void fill(DType t, void* x, double value, Index n);

/// x[i] = start + i step.
void arange(DType t, void* x, double start, double step, Index n);

/// Conversion as PyTorch does it: to bool `!= 0`, to int64 by truncation.
void cast(DType from, const void* x, DType to, void* out, Index n);

}  // namespace gradus::kernels
