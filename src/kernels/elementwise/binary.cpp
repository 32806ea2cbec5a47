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
bool run_scalar(Binary op, const void* a, const void* b, void* out) noexcept {
  const T x = *static_cast<const T*>(a), y = *static_cast<const T*>(b);
  return ((op == known && (*static_cast<T*>(out) = apply<known>(x, y), true)) || ...);
}

template <class T>
void run(Binary op, const void* a, const void* b, void* out, const Broadcast& s, double p0,
         double p1) {
  if (s.n == 1 && run_scalar<T, Binary::add, Binary::sub, Binary::mul, Binary::div>(op, a, b, out))
    return;
  const auto map = binary_table<T>[static_cast<std::size_t>(op)];
  const T p = static_cast<T>(p0), q = static_cast<T>(p1);
  for_rows(
      static_cast<const T*>(a), static_cast<const T*>(b), static_cast<T*>(out), s,
      [=](RowsOf<T> x, RowsOf<T> y, T* o, Index rows, Index n) { map(x, y, o, rows, n, p, q); });
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
void map_int(const void* a, const void* b, void* out, const Broadcast& s, F f) {
  for_each_row(static_cast<const I*>(a), static_cast<const I*>(b), static_cast<I*>(out), s,
               [=](const I* x, Index sx, const I* y, Index sy, I* o, Index n) {
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

void run_int(Binary op, const void* a, const void* b, void* out, const Broadcast& s) {
  switch (op) {
#define GRADUS_CASE(name, ...) \
  case Binary::name:           \
    return map_int(a, b, out, s, [](I x, I y) { return __VA_ARGS__; });
    GRADUS_BINARY_INT(GRADUS_CASE)
    default:
      return;
  }
}

}  // namespace

void execute(const Zip& call) {
  const auto& [op, t, a, b, out, s, p, q] = call;
  switch (t) {
    case DType::float32:
      return run<float>(op, a, b, out, s, p, q);
    case DType::float64:
      return run<double>(op, a, b, out, s, p, q);
    case DType::int64:
      return run_int(op, a, b, out, s);
    case DType::boolean:
      return;
  }
}

}  // namespace gradus::kernels
