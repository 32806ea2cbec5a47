#pragma once

#include <array>
#include <cstdint>

#include "base/isa.hpp"
#include "base/threads.hpp"
#include "gradus/shape.hpp"
#include "gradus/tensor.hpp"

// Loops over the values of a parameter.
namespace gradus::optim::detail {

/// Values per tile; what fits into one is done in the caller at once.
inline constexpr Index tile_size = 1 << 14;

inline Index tile_count(Index n) { return (n + tile_size - 1) / tile_size; }

/// f(begin, end) for the tiles of [0, n), on all threads; the tiles depend on n alone.
template <class F>
void for_tiles(Index n, F&& f) {
  if (n <= tile_size) {
    f(Index{0}, n);
    return;
  }
  parallel_for(tile_count(n), [&](Index tile) {
    const Index begin = tile * tile_size;
    f(begin, n < begin + tile_size ? n : begin + tile_size);
  });
}

/// f(T{}) for the C++ type of a floating-point dtype.
template <class F>
void dispatch(DType dtype, F&& f) {
  if (dtype == DType::float32)
    f(float{});
  else
    f(double{});
}

/// A part of a parameter: n values, their gradients and moments.
template <class T>
struct Part {
  Index n;
  T* p;
  const T* g;
  std::array<T*, 3> m;
};

/// What an algorithm does to a part; `moments` of them take part.
template <class T>
struct Step {
  void (*run)(const void* f, const Part<T>& part);
  const void* f;
  std::size_t moments;
};

template <class T, class F, class... Moments>
[[gnu::always_inline]] inline void loop(Index n, T* __restrict p, const T* __restrict g, F f,
                                        Moments* __restrict... m) {
  for (Index i = 0; i < n; ++i) f(p[i], g[i], m[i]...);
}

/// f(p, g, moments…) for the elements of a part, with K of the moments.
template <int K, class T, class F>
[[gnu::always_inline]] inline void run_inline(const void* f_, const Part<T>& part) {
  const F f = *static_cast<const F*>(f_);
  const auto& [n, p, g, m] = part;
  if constexpr (K == 0) loop(n, p, g, f);
  if constexpr (K == 1) loop(n, p, g, f, m[0]);
  if constexpr (K == 2) loop(n, p, g, f, m[0], m[1]);
  if constexpr (K == 3) loop(n, p, g, f, m[0], m[1], m[2]);
}

template <int K, class T, class F>
[[gnu::noinline]] void run_step(const void* f, const Part<T>& part) {
  run_inline<K, T, F>(f, part);
}

/// run_step() for the instruction set that the process uses.
#if GRADUS_DISPATCH
template <int K, class T, class F>
[[gnu::noinline, gnu::target("avx2,fma")]] void run_step_v3(const void* f, const Part<T>& part) {
  run_inline<K, T, F>(f, part);
}
template <int K, class T, class F>
[[gnu::noinline, gnu::target("avx512f,avx512bw,avx512dq,avx512vl,fma")]] void run_step_v4(
    const void* f, const Part<T>& part) {
  run_inline<K, T, F>(f, part);
}
template <int K, class T, class F>
auto chosen_step() {
  const Isa level = isa();
  return level == Isa::v4   ? run_step_v4<K, T, F>
         : level == Isa::v3 ? run_step_v3<K, T, F>
                            : run_step<K, T, F>;
}
#else
template <int K, class T, class F>
constexpr auto chosen_step() {
  return run_step<K, T, F>;
}
#endif

/// The step for all parts of `all`, or only for its rows of `row` values with a gradient, if that
/// is not 0.
template <class T>
void run_sweep(const Part<T>& all, Index row, const Step<T>& step);
/// Whether the step, on copies, leaves all that was finite finite, and the gradients are.
template <class T>
bool try_sweep(const Part<T>& all, Index row, const Step<T>& step);

/// f(p, g, moments…) for every element of a parameter: one pass over all of its memory. `f` takes
/// the parameter and K moments by reference and the gradient by value. With slot.row, only rows
/// with a gradient are touched.
template <class T, int K, class Slot, class F>
void sweep(Slot& slot, const F& f) {
  const Step<T> step{chosen_step<K, T, F>(), &f, K};
  Part<T> all{slot.numel, nullptr, static_cast<const T*>(slot.grad), {}};
  for (std::size_t k = 0; k < K; ++k) all.m[k] = static_cast<T*>(slot.data[k]);
  if (slot.trial) [[unlikely]] {
    all.p = const_cast<T*>(slot.param.template data<T>());  // copies are what changes
    slot.fails |= !try_sweep(all, slot.row, step);
  } else {
    all.p = slot.param.template mutable_data<T>();
    if (slot.row == 0 && all.n <= tile_size)
      step.run(&f, all);
    else
      run_sweep(all, slot.row, step);
  }
}

/// The sign and the factor with which a gradient enters an update.
inline double signed_scale(double grad_scale, bool maximize) {
  return maximize ? -grad_scale : grad_scale;
}

}  // namespace gradus::optim::detail
