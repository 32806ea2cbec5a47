#include "kernels/reduce.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#include "core/tape.hpp"
#include "kernels/loops.hpp"

namespace gradus::kernels {
namespace {

// An operation has the type A that it accumulates in (double for sums), a neutral value, `map` for
// each element and `combine`. Elements are combined in their own type in short blocks, and the
// blocks in A.
template <class T>
struct SumOp {
  using A = double;
  static constexpr T neutral = 0, pad = 0;
  template <class V>
  static V map(V x) noexcept {
    return x;
  }
  template <class V>
  static V combine(V a, V b) noexcept {
    return a + b;
  }
};
template <class T>
struct SquareOp : SumOp<T> {
  template <class V>
  static V map(V x) noexcept {
    return x * x;
  }
};
template <class T>
struct AbsOp : SumOp<T> {
  template <class V>
  static V map(V x) noexcept {
    if constexpr (std::is_arithmetic_v<V>) {
      return x < 0 ? -x : x;
    } else {
      return xsimd::abs(x);
    }
  }
};
template <class T>
struct ProdOp : SumOp<T> {
  static constexpr T neutral = 1, pad = 1;
  template <class V>
  static V combine(V a, V b) noexcept {
    return a * b;
  }
};
template <class V>
inline V pick(bool c, V a, V b) noexcept {
  return c ? a : b;
}
template <class T, class M>
inline Batch<T> pick(const M& c, const Batch<T>& a, const Batch<T>& b) noexcept {
  return xsimd::select(c, a, b);
}
// A NaN is found by !(a == a): xsimd 8 takes `!=` as false for it.
template <class T>
struct MaxOp : SumOp<T> {
  using A = T;
  static constexpr T neutral = std::is_integral_v<T> ? std::numeric_limits<T>::lowest()
                                                     : -std::numeric_limits<T>::infinity();
  static constexpr T pad = neutral;
  template <class V>
  static V combine(V a, V b) noexcept {
    if constexpr (std::is_arithmetic_v<V>) return pick((a > b) | is_nan(a), a, b);
    // With a NaN among them xsimd's answer is its second operand, so that a NaN in `a` stays.
    else
      return pick(is_nan(b), b, xsimd::max(b, a));
  }
};
template <class T>
struct MinOp : SumOp<T> {
  using A = T;
  static constexpr T neutral =
      std::is_integral_v<T> ? std::numeric_limits<T>::max() : std::numeric_limits<T>::infinity();
  static constexpr T pad = neutral;
  template <class V>
  static V combine(V a, V b) noexcept {
    if constexpr (std::is_arithmetic_v<V>) return pick((a < b) | is_nan(a), a, b);
    // With a NaN among them xsimd's answer is its second operand, so that a NaN in `a` stays.
    else
      return pick(is_nan(b), b, xsimd::min(b, a));
  }
};

template <class Op, class T>
inline T combine_lanes(const Batch<T>& v) noexcept {
  if constexpr (std::is_base_of_v<SumOp<T>, Op> && std::is_same_v<typename Op::A, double> &&
                Op::neutral == T(0)) {
    return sum_lanes(v);
  } else {
    return reduce_lanes(v, [](T a, T b) noexcept { return Op::combine(a, b); });
  }
}

constexpr Index row_block = 1024;

template <class Op, class T>
inline T combine_block(const T* x, Index n) noexcept {
  if constexpr (std::is_floating_point_v<T>) {
    constexpr Index w = lanes<T>;
    Batch<T> s0(Op::neutral), s1(Op::neutral), s2(Op::neutral), s3(Op::neutral);
    Index i = 0;
    for (; i + 4 * w <= n; i += 4 * w) {
      s0 = Op::combine(s0, Op::map(load(x + i)));
      s1 = Op::combine(s1, Op::map(load(x + i + w)));
      s2 = Op::combine(s2, Op::map(load(x + i + 2 * w)));
      s3 = Op::combine(s3, Op::map(load(x + i + 3 * w)));
    }
    for (; i + w <= n; i += w) s0 = Op::combine(s0, Op::map(load(x + i)));
    if (i < n) s1 = Op::combine(s1, Op::map(load_part(x + i, n - i, Op::pad)));
    return combine_lanes<Op>(Op::combine(Op::combine(s0, s1), Op::combine(s2, s3)));
  } else {
    T s = Op::neutral;
    for (Index i = 0; i < n; ++i) s = Op::combine(s, Op::map(x[i]));
    return s;
  }
}

// int64 stays int64.
template <class Op, class T>
using Accumulator = std::conditional_t<std::is_integral_v<T>, T, typename Op::A>;

template <class Op, class T>
Accumulator<Op, T> combine_row(const T* x, Index n) noexcept {
  using A = Accumulator<Op, T>;
  A total = static_cast<A>(Op::neutral);
  for (Index i = 0; i < n; i += row_block) {
    total = Op::combine(
        total, static_cast<A>(combine_block<Op>(x + i, n - i < row_block ? n - i : row_block)));
  }
  return total;
}

// One long row: a partial result for each tile, combined in order.
template <class Op, class T>
Accumulator<Op, T> combine_all(const T* x, Index n) {
  using A = Accumulator<Op, T>;
  if (n < parallel_from) return combine_row<Op>(x, n);
  const Index tiles = (n + tile_size - 1) / tile_size;
  std::vector<A> part(static_cast<std::size_t>(tiles));
  parallel_for(tiles, [&](Index t) {
    const Index first = t * tile_size;
    part[static_cast<std::size_t>(t)] =
        combine_row<Op>(x + first, n - first < tile_size ? n - first : tile_size);
  });
  A total = static_cast<A>(Op::neutral);
  for (const A p : part) total = Op::combine(total, p);
  return total;
}

constexpr Index panel = 256;      // columns at once
constexpr Index panel_rows = 16;  // rows combined in T before they go into A

// acc[j] = combination of x[r * stride + j] over rows r, for `cols` <= panel columns.
template <class Op, class T>
void combine_columns(const T* x, Index rows, Index stride, Index cols,
                     Accumulator<Op, T>* acc) noexcept {
  using A = Accumulator<Op, T>;
  alignas(64) T part[panel];
  for (Index j = 0; j < cols; ++j) acc[j] = static_cast<A>(Op::neutral);
  for (Index r = 0; r < rows; r += panel_rows) {
    const Index end = r + panel_rows < rows ? r + panel_rows : rows;
    for (Index j = 0; j < cols; ++j) part[j] = Op::map(x[r * stride + j]);
    Index q = r + 1;
    for (; q + 2 <= end; q += 2) {
      const T *u = x + q * stride, *v = u + stride;
      for (Index j = 0; j < cols; ++j) {
        part[j] = Op::combine(part[j], Op::combine(Op::map(u[j]), Op::map(v[j])));
      }
    }
    for (; q < end; ++q) {
      const T* u = x + q * stride;
      for (Index j = 0; j < cols; ++j) part[j] = Op::combine(part[j], Op::map(u[j]));
    }
    for (Index j = 0; j < cols; ++j) acc[j] = Op::combine(acc[j], static_cast<A>(part[j]));
  }
}

// f(value) turns the accumulated value into the result.
template <class Op, class T, class F>
void over_middle(const T* x, T* out, Index outer, Index axis, Index inner, F f) {
  using A = Accumulator<Op, T>;
  const Index panels = (inner + panel - 1) / panel;
  if (outer * panels < 4 && outer * axis * inner >= parallel_from) {
    // Few columns of many rows: tiles along the axis, combined in order.
    const Index rows = tile_size / (inner < panel ? inner : panel);
    const Index tiles = (axis + rows - 1) / rows;
    std::vector<A> part(static_cast<std::size_t>(tiles * inner));
    for (Index o = 0; o < outer; ++o) {
      parallel_for(tiles, [&](Index t) {
        for (Index j = 0; j < inner; j += panel) {
          combine_columns<Op>(x + (o * axis + t * rows) * inner + j,
                              axis - t * rows < rows ? axis - t * rows : rows, inner,
                              inner - j < panel ? inner - j : panel, part.data() + t * inner + j);
        }
      });
      for (Index j = 0; j < inner; ++j) {
        A total = static_cast<A>(Op::neutral);
        for (Index t = 0; t < tiles; ++t) {
          total = Op::combine(total, part[static_cast<std::size_t>(t * inner + j)]);
        }
        out[o * inner + j] = f(total);
      }
    }
    return;
  }
  const auto piece = [&](Index p) {
    const Index o = p / panels, j = p % panels * panel;
    const Index cols = inner - j < panel ? inner - j : panel;
    alignas(64) A acc[panel];
    combine_columns<Op>(x + o * axis * inner + j, axis, inner, cols, acc);
    for (Index i = 0; i < cols; ++i) out[o * inner + j + i] = f(acc[i]);
  };
  if (outer * axis * inner < parallel_from) {
    for (Index p = 0; p < outer * panels; ++p) piece(p);
    return;
  }
  const Index size = axis * (inner < panel ? inner : panel);
  const Index group = size >= tile_size ? 1 : tile_size / (size < 1 ? 1 : size);
  parallel_for((outer * panels + group - 1) / group, [&](Index t) {
    const Index end = (t + 1) * group < outer * panels ? (t + 1) * group : outer * panels;
    for (Index p = t * group; p < end; ++p) piece(p);
  });
}

template <class Op, class T, class F>
void run(const void* from, void* to, Index outer, Index axis, Index inner, F f) {
  const T* x = static_cast<const T*>(from);
  T* out = static_cast<T*>(to);
  if (outer == 0 || inner == 0) return;
  if (inner != 1) return over_middle<Op>(x, out, outer, axis, inner, f);
  if (outer == 1) {
    *out = f(combine_all<Op>(x, axis));
    return;
  }
  if (outer * axis < parallel_from) {
    for (Index o = 0; o < outer; ++o) out[o] = f(combine_row<Op>(x + o * axis, axis));
    return;
  }
  const Index group = axis >= tile_size ? 1 : tile_size / axis;
  parallel_for((outer + group - 1) / group, [&](Index t) {
    const Index end = (t + 1) * group < outer ? (t + 1) * group : outer;
    for (Index o = t * group; o < end; ++o) out[o] = f(combine_row<Op>(x + o * axis, axis));
  });
}

template <class T>
T log_sum_exp(const T* x, Index n, Index stride) noexcept {
  T largest = MaxOp<T>::neutral;
  if (stride == 1) largest = combine_row<MaxOp<T>>(x, n);
  for (Index i = 0; stride != 1 && i < n; ++i) largest = MaxOp<T>::combine(largest, x[i * stride]);
  if (!(std::abs(largest) <= std::numeric_limits<T>::max())) return largest;
  double sum = 0;
  if constexpr (std::is_same_v<T, float>) {
    if (stride == 1) {
      constexpr Index w = lanes<T>;
      Batch<T> s(0.f);
      Index i = 0;
      for (; i + w <= n; i += w) s = s + math::exp(load(x + i) - Batch<T>(largest));
      if (i < n) {
        s = s + math::exp(load_part(x + i, n - i, -std::numeric_limits<T>::infinity()) -
                          Batch<T>(largest));
      }
      return largest + std::log(combine_lanes<SumOp<T>>(s));
    }
  }
  for (Index i = 0; i < n; ++i) sum += std::exp(static_cast<double>(x[i * stride] - largest));
  return largest + static_cast<T>(std::log(sum));
}

template <class T>
void run_log_sum_exp(const void* from, void* to, Index outer, Index axis, Index inner) {
  const T* x = static_cast<const T*>(from);
  T* out = static_cast<T*>(to);
  if (axis == 0)
    return fill(sizeof(T) == 4 ? DType::float32 : DType::float64, to,
                -std::numeric_limits<double>::infinity(), outer * inner);
  const Index group = axis >= tile_size ? 1 : tile_size / axis;
  const Index count = outer * inner;
  const auto range = [=](Index first, Index last) {
    for (Index i = first; i < last; ++i) {
      out[i] = log_sum_exp(x + i / inner * axis * inner + i % inner, axis, inner);
    }
  };
  if (count * axis < parallel_from) return range(0, count);
  parallel_for((count + group - 1) / group, [&](Index t) {
    range(t * group, (t + 1) * group < count ? (t + 1) * group : count);
  });
}

template <class T>
void run(Reduce op, const void* x, void* out, Index outer, Index axis, Index inner) {
  const auto as_is = [](auto v) { return static_cast<T>(v); };
  switch (op) {
    case Reduce::sum:
      return run<SumOp<T>, T>(x, out, outer, axis, inner, as_is);
    case Reduce::mean:
      return run<SumOp<T>, T>(x, out, outer, axis, inner, [axis](auto v) {
        if constexpr (std::is_integral_v<T>)
          return axis == 0 ? T{0} : static_cast<T>(v / axis);
        else
          return static_cast<T>(v / static_cast<double>(axis));
      });
    case Reduce::prod:
      return run<ProdOp<T>, T>(x, out, outer, axis, inner, as_is);
    case Reduce::max:
      return run<MaxOp<T>, T>(x, out, outer, axis, inner, as_is);
    case Reduce::min:
      return run<MinOp<T>, T>(x, out, outer, axis, inner, as_is);
    case Reduce::sum_squares:
      return run<SquareOp<T>, T>(x, out, outer, axis, inner, as_is);
    case Reduce::sum_abs:
      return run<AbsOp<T>, T>(x, out, outer, axis, inner, as_is);
    case Reduce::logsumexp:
      if constexpr (!std::is_integral_v<T>) run_log_sum_exp<T>(x, out, outer, axis, inner);
      return;
    case Reduce::any:
    case Reduce::all:
      return;
  }
}

// any: one true decides; all: one false does.
void run_bool(const void* from, void* to, Index outer, Index axis, Index inner, bool decisive) {
  const auto* x = static_cast<const unsigned char*>(from);
  bool* out = static_cast<bool*>(to);
  for (Index i = 0; i < outer * inner; ++i) out[i] = !decisive;
  if (axis == 0) return;
  for (Index o = 0; o < outer; ++o) {
    const unsigned char* row = x + o * axis * inner;
    if (inner == 1) {
      if (std::memchr(row, decisive, static_cast<std::size_t>(axis)) != nullptr) out[o] = decisive;
      continue;
    }
    for (Index a = 0; a < axis; ++a) {
      for (Index i = 0; i < inner; ++i) {
        if (row[a * inner + i] == static_cast<unsigned char>(decisive))
          out[o * inner + i] = decisive;
      }
    }
  }
}

}  // namespace

void reduce(Reduce op, DType t, const void* x, void* out, Index outer, Index axis, Index inner) {
  const detail::Launch call([=] { reduce(op, t, x, out, outer, axis, inner); });
  switch (t) {
    case DType::boolean:
      return run_bool(x, out, outer, axis, inner, op == Reduce::any);
    case DType::int64:
      return run<std::int64_t>(op, x, out, outer, axis, inner);
    case DType::float32:
      return run<float>(op, x, out, outer, axis, inner);
    case DType::float64:
      return run<double>(op, x, out, outer, axis, inner);
  }
}

double sum_squares(DType t, const void* x, Index n) {
  if (t == DType::float32) return combine_all<SquareOp<float>>(static_cast<const float*>(x), n);
  return combine_all<SquareOp<double>>(static_cast<const double*>(x), n);
}

}  // namespace gradus::kernels
