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
void run_compare(CompareOp op, const void* a, const void* b, bool* out, const Broadcast& s) {
  for_each_row(static_cast<const T*>(a), static_cast<const T*>(b), out, s,
               compare_table<T>[static_cast<std::size_t>(op)]);
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
void run_ternary(Ternary op, const void* a, const void* b, const void* c, void* out, Index n,
                 double p0) {
  const auto map = ternary_table<T>[static_cast<std::size_t>(op)];
  const T *x = static_cast<const T*>(a), *y = static_cast<const T*>(b),
          *z = static_cast<const T*>(c);
  T* result = static_cast<T*>(out);
  tiled(n, [=](Index first, Index count) {
    map(x + first, y + first, z + first, result + first, count, static_cast<T>(p0));
  });
}

// Bits only: where() and fill() need no arithmetic.
template <class T>
void run_where(const bool* c, const void* a, const void* b, void* out, const Broadcast3& s) {
  T* result = static_cast<T*>(out);
  constexpr Index block = block_elements;
  const auto range = [&](Index first, Index count, Index step) {
    BlockReader<bool, block> rc(c, s.rank, s.dims, s.c);
    BlockReader<T, block> ra(static_cast<const T*>(a), s.rank, s.dims, s.a);
    BlockReader<T, block> rb(static_cast<const T*>(b), s.rank, s.dims, s.b);
    for (Index i = first; i < first + count; i += step) {
      const Index m = first + count - i < step ? first + count - i : step;
      const bool* pc = rc.block(i, m);
      const T *pa = ra.block(i, m), *pb = rb.block(i, m);
      for (Index j = 0; j < m; ++j) {
        const T u = pa[j], v = pb[j];
        result[i + j] = pc[j] ? u : v;
      }
    }
  };
  if (s.n == 0) return;
  const Index step = s.rank == 0 ? 1 : BlockReader<T, block>::block_size(s.dims[s.rank - 1]);
  if (s.n < parallel_from) return range(0, s.n, step);
  const Index tile = tile_size / step * step;
  parallel_for((s.n + tile - 1) / tile, [&](Index t) {
    range(t * tile, s.n - t * tile < tile ? s.n - t * tile : tile, step);
  });
}

template <class T>
void run_fill(void* x, T value, Index n) {
  T* out = static_cast<T*>(x);
  tiled(n, [=](Index first, Index count) {
    for (Index i = first; i < first + count; ++i) out[i] = value;
  });
}

template <class T, class F>
void run_test(const void* x, bool* out, Index n, F f) {
  const T* in = static_cast<const T*>(x);
  tiled(n, [=](Index first, Index count) {
    for (Index i = first; i < first + count; ++i) out[i] = f(in[i]);
  });
}

template <class T>
void run_test(TestOp op, const void* x, bool* out, Index n) {
  switch (op) {
    case TestOp::isnan:
      return run_test<T>(x, out, n, [](T v) { return v != v; });
    case TestOp::isinf:
      if constexpr (!std::is_floating_point_v<T>)
        return run_fill<bool>(out, false, n);
      else
        return run_test<T>(
            x, out, n, [](T v) { return (v < 0 ? -v : v) == std::numeric_limits<T>::infinity(); });
    case TestOp::isfinite:
      if constexpr (!std::is_floating_point_v<T>)
        return run_fill<bool>(out, true, n);
      else
        return run_test<T>(x, out, n,
                           [](T v) { return (v < 0 ? -v : v) <= std::numeric_limits<T>::max(); });
    case TestOp::logical_not:
      return run_test<T>(x, out, n, [](T v) { return v == T(0); });
  }
}

template <class From, class To>
void run_cast(const From* x, To* out, Index n) {
  tiled(n, [=](Index first, Index count) {
    for (Index i = first; i < first + count; ++i) {
      if constexpr (std::is_same_v<To, bool>) {
        out[i] = x[i] != From(0);
      } else {
        out[i] = static_cast<To>(x[i]);
      }
    }
  });
}

template <class From>
void run_cast(const void* x, DType to, void* out, Index n) {
  const From* in = static_cast<const From*>(x);
  switch (to) {
    case DType::boolean:
      return run_cast(in, static_cast<bool*>(out), n);
    case DType::int64:
      return run_cast(in, static_cast<std::int64_t*>(out), n);
    case DType::float32:
      return run_cast(in, static_cast<float*>(out), n);
    case DType::float64:
      return run_cast(in, static_cast<double*>(out), n);
  }
}

template <class T>
void run_arange(void* x, double start, double step, Index n) {
  T* out = static_cast<T*>(x);
  for (Index i = 0; i < n; ++i) out[i] = static_cast<T>(start + static_cast<double>(i) * step);
}

template <class T>
void run_linspace(void* x, double start, double end, Index n) {
  T* out = static_cast<T*>(x);
  const double step = n > 1 ? (end - start) / static_cast<double>(n - 1) : 0;
  for (Index i = 0; i < n; ++i) {
    const double at = i < n / 2 || n == 1 ? start + static_cast<double>(i) * step
                                          : end - static_cast<double>(n - 1 - i) * step;
    if constexpr (std::is_same_v<T, bool>)
      out[i] = at != 0;
    else
      out[i] = static_cast<T>(at);
  }
}

}  // namespace

void execute(const Compare& call) {
  const auto& [op, t, a, b, to, s] = call;
  bool* out = static_cast<bool*>(to);
  switch (t) {
    case DType::boolean:
      return run_compare<bool>(op, a, b, out, s);
    case DType::int64:
      return run_compare<std::int64_t>(op, a, b, out, s);
    case DType::float32:
      return run_compare<float>(op, a, b, out, s);
    case DType::float64:
      return run_compare<double>(op, a, b, out, s);
  }
}

void execute(const Test& call) {
  const auto& [op, t, x, to, n] = call;
  bool* out = static_cast<bool*>(to);
  switch (t) {
    case DType::boolean:
      return run_test<bool>(op, x, out, n);
    case DType::int64:
      return run_test<std::int64_t>(op, x, out, n);
    case DType::float32:
      return run_test<float>(op, x, out, n);
    case DType::float64:
      return run_test<double>(op, x, out, n);
  }
}

void execute(const Zip3& call) {
  const auto& [op, t, a, b, c, out, n, p] = call;
  if (t == DType::float32) return run_ternary<float>(op, a, b, c, out, n, p);
  if (t == DType::float64) return run_ternary<double>(op, a, b, c, out, n, p);
}

void execute(const Where& call) {
  const auto& [t, c, a, b, out, s] = call;
  switch (size_of(t)) {
    case 1:
      return run_where<std::uint8_t>(static_cast<const bool*>(c), a, b, out, s);
    case 4:
      return run_where<std::uint32_t>(static_cast<const bool*>(c), a, b, out, s);
    default:
      return run_where<std::uint64_t>(static_cast<const bool*>(c), a, b, out, s);
  }
}

void execute(const Fill& call) {
  const auto& [t, x, value, n] = call;
  switch (t) {
    case DType::boolean:
      return run_fill<bool>(x, value != 0, n);
    case DType::int64:
      return run_fill<std::int64_t>(x, static_cast<std::int64_t>(value), n);
    case DType::float32:
      return run_fill<float>(x, static_cast<float>(value), n);
    case DType::float64:
      return run_fill<double>(x, value, n);
  }
}

void execute(const Arange& call) {
  const auto& [t, x, start, step, n] = call;
  if (t == DType::int64) return run_arange<std::int64_t>(x, start, step, n);
  if (t == DType::float32) return run_arange<float>(x, start, step, n);
  if (t == DType::float64) return run_arange<double>(x, start, step, n);
}

void execute(const Linspace& call) {
  const auto& [t, x, start, end, n] = call;
  if (t == DType::boolean) return run_linspace<bool>(x, start, end, n);
  if (t == DType::int64) return run_linspace<std::int64_t>(x, start, end, n);
  if (t == DType::float32) return run_linspace<float>(x, start, end, n);
  if (t == DType::float64) return run_linspace<double>(x, start, end, n);
}

void execute(const Cast& call) {
  const auto& [from, x, to, out, n] = call;
  if (n == 0) return;
  if (from == to) {
    std::memmove(out, x, static_cast<std::size_t>(n) * size_of(from));
    return;
  }
  switch (from) {
    case DType::boolean:
      return run_cast<bool>(x, to, out, n);
    case DType::int64:
      return run_cast<std::int64_t>(x, to, out, n);
    case DType::float32:
      return run_cast<float>(x, to, out, n);
    case DType::float64:
      return run_cast<double>(x, to, out, n);
  }
}

}  // namespace gradus::kernels
