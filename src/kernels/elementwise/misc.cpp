#include <cmath>
#include <cstring>

#include "kernels/loops.hpp"

namespace gradus::kernels {
namespace {

using namespace math;

#define GRADUS_COMPARE_FUNCTOR(name, ...)             \
  struct name##_op {                                  \
    template <class T>                                \
    static bool eval(const T a, const T b) noexcept { \
      return __VA_ARGS__;                             \
    }                                                 \
  };
GRADUS_COMPARE(GRADUS_COMPARE_FUNCTOR)

template <class Op, class T>
void compare_row(const T* a, Index stride_a, const T* b, Index stride_b, bool* out,
                 Index n) noexcept {
  if (stride_a != 0 && stride_b != 0) {
    for (Index i = 0; i < n; ++i) out[i] = Op::eval(a[i], b[i]);
  } else if (stride_a != 0) {
    for (Index i = 0; i < n; ++i) out[i] = Op::eval(a[i], *b);
  } else {
    for (Index i = 0; i < n; ++i) out[i] = Op::eval(*a, b[i]);
  }
}

#define GRADUS_COMPARE_ENTRY(name, ...) &compare_row<name##_op, T>,
template <class T>
constexpr void (*compare_table[])(const T*, Index, const T*, Index, bool*,
                                  Index) noexcept = {GRADUS_COMPARE(GRADUS_COMPARE_ENTRY)};

template <class T>
void run(const Compare& call) {
  const T *a = call.a, *b = call.b;
  bool* out = call.out;
  for_each_row(a, b, out, call.shape, compare_table<T>[static_cast<std::size_t>(call.op)]);
}

#define GRADUS_TERNARY_FUNCTOR(name, ...)                                                 \
  struct name##_op {                                                                      \
    template <class V>                                                                    \
    static V eval(const V a, const V b, const V c, [[maybe_unused]] const V p) noexcept { \
      return __VA_ARGS__;                                                                 \
    }                                                                                     \
  };
GRADUS_TERNARY(GRADUS_TERNARY_FUNCTOR)

#define GRADUS_TERNARY_ENTRY(name, ...) &map3<name##_op, T>,
template <class T>
constexpr void (*ternary_table[])(const T*, const T*, const T*, T*, Index,
                                  T) noexcept = {GRADUS_TERNARY(GRADUS_TERNARY_ENTRY)};

template <class T>
void run(const Zip3& call) {
  const auto map = ternary_table<T>[static_cast<std::size_t>(call.op)];
  const T *x = call.a, *y = call.b, *z = call.c, p = static_cast<T>(call.p);
  T* result = call.out;
  tiled(call.n, [=](Index first, Index count) {
    map(x + first, y + first, z + first, result + first, count, p);
  });
}

// Bits only: where() and fill() need no arithmetic.
template <class T>
void run(const Where& call) {
  const auto& s = call.shape;
  const bool* c = call.c;
  const T *a = call.a, *b = call.b;
  T* result = call.out;
  constexpr Index most = block_elements;
  const Index block = s.rank == 0 ? 1 : BlockReader<T, most>::block_size(s.dims[s.rank - 1]);
  for_blocks(s.n, block, [&](Index first, Index last) {
    BlockReader<bool, most> rc(c, s, 0);
    BlockReader<T, most> ra(a, s, 1), rb(b, s, 2);
    for (Index i = first; i < last; i += block) {
      const Index m = std::min(block, last - i);
      const bool* pc = rc.block(i, m);
      const T *pa = ra.block(i, m), *pb = rb.block(i, m);
      for (Index j = 0; j < m; ++j) {
        const T u = pa[j], v = pb[j];
        result[i + j] = pc[j] ? u : v;
      }
    }
  });
}

template <class T>
void fill(T* out, T value, Index n) {
  tiled(n, [=](Index first, Index count) {
    for (Index i = first; i < first + count; ++i) out[i] = value;
  });
}

template <class T>
void run(const Fill& call) {
  if constexpr (std::is_same_v<T, bool>)
    fill<T>(call.out, call.value != 0, call.n);
  else
    fill<T>(call.out, static_cast<T>(call.value), call.n);
}

template <class From, class To, class F>
void map_each(const From* x, To* out, Index n, F f) {
  tiled(n, [=](Index first, Index count) {
    for (Index i = first; i < first + count; ++i) out[i] = f(x[i]);
  });
}

template <class T>
void run(const Test& call) {
  const T* x = call.x;
  bool* out = call.out;
  using Limits = std::numeric_limits<T>;
  constexpr bool floating = std::is_floating_point_v<T>;
  switch (call.op) {
    case TestOp::isnan:
      return map_each(x, out, call.n, [](T v) { return v != v; });
    case TestOp::isinf:
      if constexpr (floating)
        return map_each(x, out, call.n, [](T v) { return (v < 0 ? -v : v) == Limits::infinity(); });
      else
        return fill(out, false, call.n);
    case TestOp::isfinite:
      if constexpr (floating)
        return map_each(x, out, call.n, [](T v) { return (v < 0 ? -v : v) <= Limits::max(); });
      else
        return fill(out, true, call.n);
    case TestOp::logical_not:
      return map_each(x, out, call.n, [](T v) { return v == T(0); });
  }
}

/// As PyTorch converts.
template <class To, class From>
To converted(From x) noexcept {
  if constexpr (std::is_same_v<To, bool>)
    return x != From(0);
  else
    return static_cast<To>(x);
}

template <class T>
void run(const Arange& call) {
  T* out = call.out;
  for (Index i = 0; i < call.n; ++i)
    out[i] = static_cast<T>(call.start + static_cast<double>(i) * call.step);
}

template <class T>
void run(const Linspace& call) {
  const auto& [type, to, start, end, n] = call;
  T* out = to;
  const double step = n > 1 ? (end - start) / static_cast<double>(n - 1) : 0;
  for (Index i = 0; i < n; ++i)
    out[i] = converted<T>(i < n / 2 || n == 1 ? start + static_cast<double>(i) * step
                                              : end - static_cast<double>(n - 1 - i) * step);
}

template <class Call>
void run_as_typed(const Call& call) {
  with_type(call.type, [&]<class T>(T) { run<T>(call); });
}

}  // namespace

void execute(const Compare& call) { run_as_typed(call); }
void execute(const Test& call) { run_as_typed(call); }
void execute(const Fill& call) { run_as_typed(call); }
void execute(const Linspace& call) { run_as_typed(call); }

void execute(const Zip3& call) {
  with_floating(call.type, [&]<class T>(T) { run<T>(call); });
}

void execute(const Where& call) {
  with_width(call.type, [&]<class T>(T) { run<T>(call); });
}

void execute(const Arange& call) {
  with_number(call.type, [&]<class T>(T) { run<T>(call); });
}

void execute(const Cast& call) {
  if (call.n == 0) return;
  if (call.from == call.to) {
    std::memmove(call.out, call.x, static_cast<std::size_t>(call.n) * size_of(call.from));
    return;
  }
  with_type(call.from, [&]<class From>(From) {
    with_type(call.to, [&]<class To>(To) {
      map_each<From, To>(call.x, call.out, call.n, [](From x) { return converted<To>(x); });
    });
  });
}

}  // namespace gradus::kernels
