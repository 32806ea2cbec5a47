#include "optim/sweep.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

namespace gradus::optim::detail {
namespace {

template <class T>
Part<T> part_of(const Part<T>& all, std::size_t moments, Index begin, Index end) {
  Part<T> part{end - begin, all.p + begin, all.g + begin, {}};
  for (std::size_t k = 0; k < moments; ++k) part.m[k] = all.m[k] + begin;
  return part;
}

/// f(begin, end) for all values, or for every row of `row` values with a gradient other than 0 (or
/// NaN).
template <class T, class F>
void for_parts(const Part<T>& all, Index row, const F& f) {
  if (row == 0) return for_tiles(all.n, f);
  for_tiles(all.n / row, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i)
      if (std::any_of(all.g + i * row, all.g + (i + 1) * row, [](T x) { return x != 0; }))
        f(i * row, (i + 1) * row);
  });
}

/// How many of n values are finite in `before` and not in `after`. A sum, so that it vectorizes.
template <class T>
Index lost(Index n, const T* before, const T* after) {
  constexpr T most = std::numeric_limits<T>::max();
  std::int32_t count = 0;
  for (Index i = 0; i < n; ++i) {
    const std::int32_t was = std::abs(before[i]) <= most ? 1 : 0;
    count += std::abs(after[i]) <= most ? 0 : was;
  }
  return count;
}

}  // namespace

template <class T>
void run_sweep(const Part<T>& all, Index row, const Step<T>& step) {
  for_parts(all, row, [&](Index begin, Index end) {
    step.run(step.f, part_of(all, step.moments, begin, end));
  });
}

template <class T>
bool try_sweep(const Part<T>& all, Index row, const Step<T>& step) {
  constexpr Index piece = 512;
  std::atomic<bool> good = true;
  for_parts(all, row, [&](Index begin, Index end) {
    T copies[4][piece], zeros[piece] = {};
    Index bad = 0;
    for (Index at = begin; at < end; at += piece) {
      const Part<T> from = part_of(all, step.moments, at, std::min(at + piece, end));
      const auto copied = [n = from.n](const T* values, T* to) {
        std::copy_n(values, n, to);
        return to;
      };
      Part<T> copy{from.n, copied(from.p, copies[3]), from.g, {}};
      for (std::size_t k = 0; k < step.moments; ++k) copy.m[k] = copied(from.m[k], copies[k]);
      step.run(step.f, copy);
      bad += lost(from.n, zeros, from.g) + lost(from.n, from.p, copy.p);
      for (std::size_t k = 0; k < step.moments; ++k) bad += lost(from.n, from.m[k], copy.m[k]);
    }
    if (bad > 0) good = false;
  });
  return good;
}

template void run_sweep(const Part<float>&, Index, const Step<float>&);
template void run_sweep(const Part<double>&, Index, const Step<double>&);
template bool try_sweep(const Part<float>&, Index, const Step<float>&);
template bool try_sweep(const Part<double>&, Index, const Step<double>&);

}  // namespace gradus::optim::detail
