#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "kernels/elementwise/functions.hpp"
#include "kernels/loops.hpp"

namespace gradus::kernels {
namespace {

#define GRADUS_ENTRY(name, ...) &map1<UnaryFunction<Unary::name>, T>,
template <class T>
constexpr void (*unary_table[])(const T*, T*, Index, T, T) noexcept = {GRADUS_UNARY(GRADUS_ENTRY)};

template <class T>
void run(Unary op, const Map& call) {
  const auto map = unary_table<T>[static_cast<std::size_t>(op)];
  const T *x = call.x, p = static_cast<T>(call.p), q = static_cast<T>(call.q);
  T* out = call.out;
  tiled(call.n, [=](Index first, Index count) { map(x + first, out + first, count, p, q); });
}

using I = std::int64_t;

template <class F>
void map_int(const I* x, I* out, Index n, F f) {
  tiled(n, [=](Index first, Index count) {
    for (Index i = first; i < first + count; ++i) out[i] = f(x[i]);
  });
}

// Arithmetic wraps around, as unsigned numbers do.
I wrap(std::uint64_t v) noexcept { return static_cast<I>(v); }
std::uint64_t raw(I v) noexcept { return static_cast<std::uint64_t>(v); }

// A bound beyond the range of int64 is no bound.
I bound(double v) noexcept {
  if (v >= 9.2233720368547758e18) return INT64_MAX;
  if (v <= -9.2233720368547758e18) return INT64_MIN;
  return static_cast<I>(v);
}

// What int64 knows of the table; p and q are bounds. floor, ceil, round and trunc leave v as it is.
#define GRADUS_UNARY_INT(X)               \
  X(neg, wrap(0 - raw(v)))                \
  X(abs, v < 0 ? wrap(0 - raw(v)) : v)    \
  X(sign, I{v > 0} - I{v < 0})            \
  X(square, wrap(raw(v) * raw(v)))        \
  X(cube, wrap(raw(v) * raw(v) * raw(v))) \
  X(relu, v < 0 ? 0 : v)                  \
  X(clamp, std::min(std::max(v, p), q))   \
  X(clamp_min, std::max(v, p))            \
  X(clamp_max, std::min(v, p))            \
  X(add_scalar, wrap(raw(v) + raw(p)))    \
  X(mul_scalar, wrap(raw(v) * raw(p)))    \
  X(rsub_scalar, wrap(raw(p) - raw(v)))

void run_int(Unary op, const Map& call) {
  const I p = bound(call.p), q = bound(call.q);
  switch (op) {
#define GRADUS_CASE(name, ...) \
  case Unary::name:            \
    return map_int(call.x, call.out, call.n, [=](I v) -> I { return __VA_ARGS__; });
    GRADUS_UNARY_INT(GRADUS_CASE)
    default:
      return map_int(call.x, call.out, call.n, [](I v) { return v; });
  }
}

// Powers that have a cheaper form which is exact or as PyTorch has it.
Unary simplify(Unary op, double p) noexcept {
  if (op != Unary::pow_scalar) return op;
  if (p == 2) return Unary::square;
  if (p == 3) return Unary::cube;
  if (p == -1) return Unary::reciprocal;
  if (p == 0.5) return Unary::sqrt;
  if (p == -0.5) return Unary::rsqrt;
  return op;
}

}  // namespace

void execute(const Map& call) {
  const Unary op = simplify(call.op, call.p);
  if (call.type == DType::int64) return run_int(op, call);
  with_floating(call.type, [&]<class T>(T) { run<T>(op, call); });
}

}  // namespace gradus::kernels
