#include <cmath>

#include "kernels/elementwise/functions.hpp"
#include "kernels/loops.hpp"

namespace gradus::kernels {
namespace {

#define GRADUS_ENTRY(name, ...) &map2<BinaryFunction<Binary::name>, T>,
template <class T>
constexpr void (*binary_table[])(RowsOf<T>, RowsOf<T>, T*, Index, Index, T,
                                 T) noexcept = {GRADUS_BINARY(GRADUS_ENTRY)};

/// One of the `known` operations on single numbers, which graphs of scalars spend their time in;
/// false, and nothing is done, for the others.
template <class T, Binary... known>
bool run_scalar(Binary op, T x, T y, T& out) noexcept {
  return ((op == known && (out = apply<known>(x, y), true)) || ...);
}

template <class T>
void run(const Zip& call) {
  const T *a = call.a, *b = call.b, p = static_cast<T>(call.p), q = static_cast<T>(call.q);
  T* const out = call.out;
  if (call.shape.n == 1 &&
      run_scalar<T, Binary::add, Binary::sub, Binary::mul, Binary::div>(call.op, *a, *b, *out))
    return;
  const auto map = binary_table<T>[static_cast<std::size_t>(call.op)];
  for_rows(a, b, out, call.shape, [=](RowsOf<T> x, RowsOf<T> y, T* o, Index rows, Index n) {
    map(x, y, o, rows, n, p, q);
  });
}

using I = std::int64_t;

I wrap(std::uint64_t v) noexcept { return static_cast<I>(v); }
std::uint64_t raw(I v) noexcept { return static_cast<std::uint64_t>(v); }

I power(I base, I exponent) noexcept {
  if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 != 0 ? -1 : 1) : 0;
  std::uint64_t result = 1, factor = raw(base);
  for (; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result *= factor;
    factor *= factor;
  }
  return wrap(result);
}

// Division by 0 gives 0 here: the caller reports it. -1 is apart since INT64_MIN / -1 overflows.
I truncated_quotient(I a, I b) noexcept { return b == 0 ? 0 : b == -1 ? wrap(0 - raw(a)) : a / b; }
I truncated_remainder(I a, I b) noexcept { return b == 0 || b == -1 ? 0 : a % b; }
I floored_remainder(I a, I b) noexcept {
  const I m = truncated_remainder(a, b);
  return m != 0 && (m < 0) != (b < 0) ? m + b : m;
}
I floored_quotient(I a, I b) noexcept {
  const bool inexact = truncated_remainder(a, b) != 0;
  return truncated_quotient(a, b) - I{inexact && (a < 0) != (b < 0)};
}

template <class F>
void map_int(const I* a, const I* b, I* out, const Broadcast& s, F f) {
  for_each_row(a, b, out, s, [=](const I* x, Index sx, const I* y, Index sy, I* o, Index n) {
    for (Index i = 0; i < n; ++i) o[i] = f(x[i * sx], y[i * sy]);
  });
}

// What int64 knows of the table.
#define GRADUS_BINARY_INT(X)            \
  X(add, wrap(raw(x) + raw(y)))         \
  X(sub, wrap(raw(x) - raw(y)))         \
  X(mul, wrap(raw(x) * raw(y)))         \
  X(pow, power(x, y))                   \
  X(maximum, x > y ? x : y)             \
  X(minimum, x < y ? x : y)             \
  X(div, truncated_quotient(x, y))      \
  X(fmod, truncated_remainder(x, y))    \
  X(remainder, floored_remainder(x, y)) \
  X(floor_divide, floored_quotient(x, y))

void run_int(const Zip& call) {
  switch (call.op) {
#define GRADUS_CASE(name, ...) \
  case Binary::name:           \
    return map_int(call.a, call.b, call.out, call.shape, [](I x, I y) { return __VA_ARGS__; });
    GRADUS_BINARY_INT(GRADUS_CASE)
    default:
      return;
  }
}

}  // namespace

void execute(const Zip& call) {
  if (call.type == DType::int64) return run_int(call);
  with_floating(call.type, [&]<class T>(T) { run<T>(call); });
}

}  // namespace gradus::kernels
