#include "kernels/reduce/reduce.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <type_traits>
#include <vector>

#include "kernels/loops.hpp"
#include "kernels/reduce/reduce_ops.hpp"
#include "kernels/rows/rows.hpp"

namespace gradus::kernels {
namespace {

constexpr Index row_block = 1024;

template <class Op, class T>
inline T combine_block(const T* x, Index n) noexcept {
  if constexpr (std::is_floating_point_v<T>) {
    constexpr Index w = lanes<T>;
    Lanes<Op, T> s0, s1, s2, s3;
    Index i = 0;
    for (; i + 8 * w <= n; i += 8 * w) {
      s0.add(load(x + i), load(x + i + w));
      s1.add(load(x + i + 2 * w), load(x + i + 3 * w));
      s2.add(load(x + i + 4 * w), load(x + i + 5 * w));
      s3.add(load(x + i + 6 * w), load(x + i + 7 * w));
    }
    for (; i + w <= n; i += w) s0.add(load(x + i));
    if (i < n) s1.add(load_part(x + i, n - i, Op::pad));
    s0.add(s1);
    s2.add(s3);
    s0.add(s2);
    return s0.total();
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
    total =
        Op::combine(total, static_cast<A>(combine_block<Op>(x + i, std::min(row_block, n - i))));
  }
  return total;
}

// One long row: a partial result for each tile, combined in order.
template <class Op, class T>
Accumulator<Op, T> combine_all(const T* x, Index n) {
  using A = Accumulator<Op, T>;
  return fold_tiles(
      n, static_cast<A>(Op::neutral),
      [=](Index first, Index last) { return combine_row<Op>(x + first, last - first); },
      [](A a, A b) { return Op::combine(a, b); });
}

constexpr Index panel = 256;      // columns at once
constexpr Index panel_rows = 32;  // rows combined in T before they go into A

// out[j] = combination of x[r * stride + j] over at most panel_rows rows r, for `width` batches of
// columns, or for the first `cols` columns of one: rows in groups of 8, and these. One row after
// another, not several side by side: the processor foresees what is read in the order of memory.
template <class Op, int width, bool part, class T>
[[gnu::always_inline]] inline void combine_rows(const T* x, Index rows, Index stride, Index cols,
                                                T* out) noexcept {
  constexpr Index w = lanes<T>;
  const auto at = [=](const T* p) { return part ? load_part(p, cols, Op::pad) : load(p); };
  Lanes<Op, T> sums[width];
  for (Index r = 0; r < rows; r += 8) {
    Lanes<Op, T> few[width];
    for (Index i = r; i < std::min(rows, r + 8); ++i)
      for (int k = 0; k < width; ++k) few[k].add(at(x + i * stride + k * w));
    for (int k = 0; k < width; ++k) sums[k].add(few[k]);
  }
  if constexpr (part) {
    store_part(out, sums[0].result(), cols);
  } else {
    for (int k = 0; k < width; ++k) store(out + k * w, sums[k].result());
  }
}

// The same for any number of columns.
template <class Op, class T>
[[gnu::noinline]] void combine_rows(const T* x, Index rows, Index stride, Index cols,
                                    T* out) noexcept {
  constexpr Index w = lanes<T>;
  Index j = 0;
  for (; j + 16 * w <= cols; j += 16 * w)
    combine_rows<Op, 16, false>(x + j, rows, stride, 16 * w, out + j);
  for (; j + 4 * w <= cols; j += 4 * w)
    combine_rows<Op, 4, false>(x + j, rows, stride, 4 * w, out + j);
  for (; j + w <= cols; j += w) combine_rows<Op, 1, false>(x + j, rows, stride, w, out + j);
  if (j < cols) combine_rows<Op, 1, true>(x + j, rows, stride, cols - j, out + j);
}

// acc[j] = combination of acc[j] and x[r * stride + j] over rows r, for `cols` <= panel columns.
template <class Op, class T>
[[gnu::noinline]] void add_columns(const T* x, Index rows, Index stride, Index cols,
                                   Accumulator<Op, T>* acc) noexcept {
  using A = Accumulator<Op, T>;
  if constexpr (std::is_floating_point_v<T>) {
    alignas(64) T some[panel];
    for (Index r = 0; r < rows; r += panel_rows) {
      combine_rows<Op>(x + r * stride, std::min(panel_rows, rows - r), stride, cols, some);
      for (Index j = 0; j < cols; ++j) acc[j] = Op::combine(acc[j], static_cast<A>(some[j]));
    }
  } else {
    for (Index r = 0; r < rows; ++r)
      for (Index j = 0; j < cols; ++j) acc[j] = Op::combine(acc[j], Op::map(x[r * stride + j]));
  }
}

// acc[j] = combination of x[r * stride + j] over rows r, for `cols` <= panel columns.
template <class Op, class T>
void combine_columns(const T* x, Index rows, Index stride, Index cols,
                     Accumulator<Op, T>* acc) noexcept {
  using A = Accumulator<Op, T>;
  constexpr Index room = 16 * lanes<T>;  // what one row after another fills
  static_assert(room <= panel);
  if (cols * 2 > room || cols != stride || rows < 16) {
    for (Index j = 0; j < cols; ++j) acc[j] = static_cast<A>(Op::neutral);
    return add_columns<Op>(x, rows, stride, cols, acc);
  }
  // Short rows side by side: (rows, cols) -> (rows / abreast, abreast * cols)
  const Index abreast = std::min(room / cols, rows / 8), wide = abreast * cols;
  alignas(64) A side[room];
  for (Index j = 0; j < wide; ++j) side[j] = static_cast<A>(Op::neutral);
  add_columns<Op>(x, rows / abreast, wide, wide, side);
  add_columns<Op>(x + rows / abreast * wide, rows % abreast, cols, cols, side);
  for (Index j = 0; j < cols; ++j) acc[j] = side[j];
  for (Index i = 1; i < abreast; ++i)
    for (Index j = 0; j < cols; ++j) acc[j] = Op::combine(acc[j], side[i * cols + j]);
}

// Few columns of many rows: tiles along the axis, combined in order.
template <class Op, class T, class F>
void over_long_columns(const T* x, T* out, Index axis, Index inner, F f) {
  using A = Accumulator<Op, T>;
  const Index rows = tile_size / std::min(inner, panel), tiles = (axis + rows - 1) / rows;
  const auto memory = std::make_unique_for_overwrite<A[]>(static_cast<std::size_t>(tiles * inner));
  A* const part = memory.get();
  in_groups(axis, rows, [&](Index first, Index last) {
    for (Index j = 0; j < inner; j += panel)
      combine_columns<Op>(x + first * inner + j, last - first, inner, std::min(panel, inner - j),
                          part + first / rows * inner + j);
  });
  for (Index t = 1; t < tiles; ++t)
    for (Index j = 0; j < inner; ++j) part[j] = Op::combine(part[j], part[t * inner + j]);
  for (Index j = 0; j < inner; ++j) out[j] = f(part[j], static_cast<const T*>(nullptr));
}

// f(value, row) turns the accumulated value into the result; no row where it is one column of many.
template <class Op, class T, class F>
void over_middle(const T* x, T* out, const Lengths& of, F f) {
  const Index outer = of.outer, axis = of.axis, inner = of.inner;
  const Index panels = (inner + panel - 1) / panel;
  if (outer * panels < 4 && outer * axis * inner >= parallel_from) {
    for (Index o = 0; o < outer; ++o)
      over_long_columns<Op>(x + o * axis * inner, out + o * inner, axis, inner, f);
    return;
  }
  const auto piece = [&](Index p) {
    using A = Accumulator<Op, T>;
    const Index o = p / panels, j = p % panels * panel, cols = std::min(panel, inner - j);
    const T* from = x + o * axis * inner + j;
    T* to = out + o * inner + j;
    if constexpr (std::is_floating_point_v<T>) {
      if (axis <= panel_rows) {
        alignas(64) T few[panel];
        combine_rows<Op>(from, axis, inner, cols, few);
        for (Index i = 0; i < cols; ++i)
          to[i] = f(static_cast<A>(few[i]), static_cast<const T*>(nullptr));
        return;
      }
    }
    alignas(64) A acc[panel];
    combine_columns<Op>(from, axis, inner, cols, acc);
    for (Index i = 0; i < cols; ++i) to[i] = f(acc[i], static_cast<const T*>(nullptr));
  };
  const auto pieces = [&](Index first, Index last) {
    for (Index p = first; p < last; ++p) piece(p);
  };
  if (of.all() < parallel_from) return pieces(0, outer * panels);
  in_groups(outer * panels, pieces_per_tile(axis * std::min(inner, panel)), pieces);
}

template <class Op, class T, class F>
void run(const T* x, T* out, const Lengths& of, F f) {
  if (of.lines() == 0) return;
  if (of.inner != 1) return over_middle<Op>(x, out, of, f);
  const Index axis = of.axis;
  if (of.outer == 1) {
    *out = f(combine_all<Op>(x, axis), x);
    return;
  }
  for_pieces(of.outer, axis, [&](Index first, Index last) {
    for (Index o = first; o < last; ++o)
      out[o] = f(combine_row<Op>(x + o * axis, axis), x + o * axis);
  });
}

// The sum of e^(x - largest).
template <class T>
double sum_exp(const T* x, Index n, Index stride, T largest) noexcept {
  if constexpr (std::is_same_v<T, float>) {
    if (stride == 1) {
      constexpr T none = -std::numeric_limits<T>::infinity();
      Batch<T> s(0.f);
      each_batch<T>(n, [&](Index i, auto whole, Index count) {
        s = s + math::exp(read(x + i, whole, count, none) - Batch<T>(largest));
      });
      return static_cast<double>(sum_lanes(s));
    }
  }
  double sum = 0;
  for (Index i = 0; i < n; ++i) sum += std::exp(static_cast<double>(x[i * stride] - largest));
  return sum;
}

template <class T>
T log_sum_exp(const T* x, Index n, Index stride, T& share) noexcept {
  constexpr T infinity = std::numeric_limits<T>::infinity();
  T largest = MaxOp<T>::neutral;
  if (stride == 1) largest = combine_row<MaxOp<T>>(x, n);
  for (Index i = 0; stride != 1 && i < n; ++i) largest = MaxOp<T>::combine(largest, x[i * stride]);
  share = 1;
  if (largest == infinity) {
    Index count = 0;
    for (Index i = 0; i < n; ++i) count += x[i * stride] == infinity;
    share = T(1) / static_cast<T>(count);
  }
  if (!(std::abs(largest) <= std::numeric_limits<T>::max())) return largest;
  const double sum = sum_exp(x, n, stride, largest);
  const double log_sum = std::log(sum);
  const T out = static_cast<T>(static_cast<double>(largest) + log_sum);
  const double rounded = (static_cast<double>(out) - static_cast<double>(largest)) - log_sum;
  share = static_cast<T>(std::abs(rounded) < 1e-5 ? 1 + rounded * (1 + rounded * 0.5)
                                                  : std::exp(rounded));
  return out;
}

template <class T>
void run(const LogSumExp& call) {
  const T* x = call.x;
  T *out = call.out, *share = call.share;
  const Index axis = call.of.axis, inner = call.of.inner;
  if (axis == 0) {
    std::fill_n(share, call.of.lines(), T(1));
    std::fill_n(out, call.of.lines(), -std::numeric_limits<T>::infinity());
    return;
  }
  for_pieces(call.of.lines(), axis, [=](Index first, Index last) {
    for (Index i = first; i < last; ++i)
      out[i] = log_sum_exp(x + i / inner * axis * inner + i % inner, axis, inner, share[i]);
  });
}

template <class T>
void run_mean(const T* x, T* out, const Lengths& of) {
  const Index axis = of.axis;
  if constexpr (std::is_integral_v<T>) {
    run<SumOp<T>>(x, out, of, [axis](T sum, const T*) { return axis == 0 ? T{0} : sum / axis; });
  } else {
    constexpr DType type = sizeof(T) == 4 ? DType::float32 : DType::float64;
    run<SumOp<T>>(x, out, of, [axis](double sum, const T* row) {
      T mean = static_cast<T>(sum / static_cast<double>(axis));
      if (row != nullptr && axis > 1 &&
          (row[0] == row[1] || !(std::abs(mean) <= std::numeric_limits<T>::max())))
        mend_means(type, row, &mean, {1, axis, 1});
      return mean;
    });
    if (of.inner != 1) mend_means(type, x, out, of);
  }
}

template <class T>
void run(const Reduce& call) {
  const T* x = call.x;
  T* out = call.out;
  const auto with = [&]<class Op>(Op) {
    run<Op>(x, out, call.of, [](auto v, const T*) { return static_cast<T>(v); });
  };
  switch (call.op) {
    case ReduceOp::sum:
      return with(SumOp<T>());
    case ReduceOp::mean:
      return run_mean(x, out, call.of);
    case ReduceOp::prod:
      return with(ProdOp<T>());
    case ReduceOp::max:
      return with(MaxOp<T>());
    case ReduceOp::min:
      return with(MinOp<T>());
    case ReduceOp::sum_squares:
      return with(SquareOp<T>());
    case ReduceOp::sum_abs:
      return with(AbsOp<T>());
    case ReduceOp::any:
    case ReduceOp::all:
      return;
  }
}

// any: one true decides; all: one false does.
void run_bool(const Reduce& call) {
  const bool decisive = call.op == ReduceOp::any;
  const unsigned char* row = call.x;
  bool* out = call.out;
  const auto& [outer, axis, inner] = call.of;
  std::fill_n(out, outer * inner, !decisive);
  for (Index o = 0; axis > 0 && o < outer; ++o, row += axis * inner, out += inner) {
    if (inner == 1) {
      if (std::memchr(row, decisive, static_cast<std::size_t>(axis)) != nullptr) *out = decisive;
      continue;
    }
    for (Index a = 0; a < axis; ++a)
      for (Index i = 0; i < inner; ++i)
        if (row[a * inner + i] == static_cast<unsigned char>(decisive)) out[i] = decisive;
  }
}

}  // namespace

void execute(const Reduce& call) {
  if (call.type == DType::boolean) return run_bool(call);
  with_number(call.type, [&]<class T>(T) { run<T>(call); });
}

void execute(const LogSumExp& call) {
  with_floating(call.type, [&]<class T>(T) { run<T>(call); });
}

}  // namespace gradus::kernels
