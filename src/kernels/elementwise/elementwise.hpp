// Elementwise kernels: raw contiguous memory in, raw memory out.
#pragma once
#include <cstdint>
#include <span>

#include "kernels/call.hpp"
#include "kernels/elementwise/table.hpp"

namespace gradus::kernels {

#define GRADUS_ENUMERATOR(name, ...) name,

/// Operations of one operand, see elementwise_table.hpp. int64 knows those of `supports`.
enum class Unary : std::uint8_t { GRADUS_UNARY(GRADUS_ENUMERATOR) };

/// Operations of two operands. The gradients take the upstream gradient and one saved value: the
/// output for tanh, sigmoid and relu, the input for the others; a zero upstream gives zero.
enum class Binary : std::uint8_t { GRADUS_BINARY(GRADUS_ENUMERATOR) };

/// What a product applies to its results.
enum class Activation : std::uint8_t { none, GRADUS_FUSED(GRADUS_ENUMERATOR) };

/// lerp a + c (b - a); addcmul a + p0 b c; addcdiv a + p0 b / c.
enum class Ternary : std::uint8_t { GRADUS_TERNARY(GRADUS_ENUMERATOR) };

enum class CompareOp : std::uint8_t { GRADUS_COMPARE(GRADUS_ENUMERATOR) };

#undef GRADUS_ENUMERATOR

#define GRADUS_NAME(name, ...) #name,
constexpr const char* name_of(Unary op) {
  constexpr const char* names[] = {GRADUS_UNARY(GRADUS_NAME)};
  return names[static_cast<std::size_t>(op)];
}
constexpr const char* name_of(CompareOp op) {
  constexpr const char* names[] = {GRADUS_COMPARE(GRADUS_NAME)};
  return names[static_cast<std::size_t>(op)];
}
#undef GRADUS_NAME

enum class TestOp : std::uint8_t { isnan, isinf, isfinite, logical_not };

/// K inputs of one output, collapsed to at most three dimensions; strides in elements, 0 =
/// broadcast.
template <std::size_t K>
struct BroadcastOf {
  int rank = 0;
  Index n = 0;
  Index dims[3] = {1, 1, 1}, strides[K][3] = {};

  /// Collapses the broadcast of contiguous inputs (aligned at the right, as NumPy does) to
  /// out_dims; false when more than three dimensions stay: then expand an input first.
  bool fit(std::span<const Index> out_dims,
           std::initializer_list<std::span<const Index>> inputs) noexcept;
  /// A row of `count` elements, which the operands run through as they do here.
  BroadcastOf row(Index count) const;
  /// Describes the k-th input.
  void describe(Description& d, const char* name, In x, DType t, std::size_t k) const;
};
using Broadcast = BroadcastOf<2>;

/// Both inputs contiguous with n elements.
Broadcast same_shape(Index n) noexcept;

// ------------------------------------------------------------------ calls

/// out[i] = op(x[i]); out may be x.
struct Map {
  static constexpr const char* name = "map";
  Unary op;
  DType type;
  In x;
  Out out;
  Index n;
  double p = 0, q = 0;

  void describe(Description& d) const {
    d.number("op", op).number("p", p).number("q", q).elementwise(n).reads("x", x, n);
    d.writes("out", out, n);
  }
  Map piece(const void* const* in, void* to, Index count) const {
    return {op, type, in[0], to, count, p, q};
  }
};

/// out = op(a, b) over a broadcast; out may be an input that is not broadcast.
struct Zip {
  static constexpr const char* name = "zip";
  Binary op;
  DType type;
  In a, b;
  Out out;
  Broadcast shape;
  double p = 0, q = 0;

  void describe(Description& d) const {
    d.number("op", op).number("p", p).number("q", q);
    shape.describe(d, "a", a, type, 0);
    shape.describe(d, "b", b, type, 1);
    d.writes("out", out, shape.n);
  }
  Zip piece(const void* const* in, void* to, Index count) const {
    return {op, type, in[0], in[1], to, shape.row(count), p, q};
  }
};

/// out[i] = op(a[i], b[i], c[i]); out may be an input. float32 and float64.
struct Zip3 {
  static constexpr const char* name = "zip3";
  Ternary op;
  DType type;
  In a, b, c;
  Out out;
  Index n;
  double p = 0;

  void describe(Description& d) const {
    d.number("op", op).number("p", p).elementwise(n).reads("a", a, n).reads("b", b, n);
    d.reads("c", c, n).writes("out", out, n);
  }
  Zip3 piece(const void* const* in, void* to, Index count) const {
    return {op, type, in[0], in[1], in[2], to, count, p};
  }
};

/// out = a op b as booleans; type is that of the inputs.
struct Compare {
  static constexpr const char* name = "compare";
  CompareOp op;
  DType type;
  In a, b;
  Out out;
  Broadcast shape;

  void describe(Description& d) const {
    d.number("op", op);
    shape.describe(d, "a", a, type, 0);
    shape.describe(d, "b", b, type, 1);
    d.writes("out", out, DType::boolean, shape.n);
  }
  Compare piece(const void* const* in, void* to, Index count) const {
    return {op, type, in[0], in[1], to, shape.row(count)};
  }
};

/// out[i] = op(x[i]) as booleans.
struct Test {
  static constexpr const char* name = "test";
  TestOp op;
  DType type;
  In x;
  Out out;
  Index n;

  void describe(Description& d) const {
    d.number("op", op).elementwise(n).reads("x", x, n).writes("out", out, DType::boolean, n);
  }
  Test piece(const void* const* in, void* to, Index count) const {
    return {op, type, in[0], to, count};
  }
};

/// out = c ? a : b over a broadcast.
struct Where {
  static constexpr const char* name = "where";
  DType type;
  In c, a, b;
  Out out;
  BroadcastOf<3> shape;

  void describe(Description& d) const {
    shape.describe(d, "c", c, DType::boolean, 0);
    shape.describe(d, "a", a, type, 1);
    shape.describe(d, "b", b, type, 2);
    d.writes("out", out, shape.n);
  }
  Where piece(const void* const* in, void* to, Index count) const {
    return {type, in[0], in[1], in[2], to, shape.row(count)};
  }
};

/// out[i] = value.
struct Fill {
  static constexpr const char* name = "fill";
  DType type;
  Out out;
  double value;
  Index n;

  void describe(Description& d) const {
    d.number("value", value).elementwise(n).writes("out", out, n);
  }
  Fill piece(const void* const*, void* to, Index count) const { return {type, to, value, count}; }
};

/// out[i] = start + i step.
struct Arange {
  static constexpr const char* name = "arange";
  DType type;
  Out out;
  double start, step;
  Index n;

  void describe(Description& d) const {
    d.number("start", start).number("step", step).writes("out", out, n);
  }
};

/// out[i] = start + i (end - start) / (n - 1), from the nearer end, so that both are exact.
struct Linspace {
  static constexpr const char* name = "linspace";
  DType type;
  Out out;
  double start, end;
  Index n;

  void describe(Description& d) const {
    d.number("start", start).number("end", end).writes("out", out, n);
  }
};

/// Conversion as PyTorch does it: to bool `!= 0`, to int64 by truncation.
struct Cast {
  static constexpr const char* name = "cast";
  DType from;
  In x;
  DType to;
  Out out;
  Index n;

  void describe(Description& d) const {
    d.elementwise(n).reads("x", x, from, n).writes("out", out, to, n);
  }
  Cast piece(const void* const* in, void* at, Index count) const {
    return {from, in[0], to, at, count};
  }
};

void execute(const Map& call);
void execute(const Zip& call);
void execute(const Zip3& call);
void execute(const Compare& call);
void execute(const Test& call);
void execute(const Where& call);
void execute(const Fill& call);
void execute(const Arange& call);
void execute(const Linspace& call);
void execute(const Cast& call);

}  // namespace gradus::kernels
