#include "base/tape.hpp"
#include "kernels/reduce/reduce.hpp"

namespace gradus::kernels {
namespace {

template <class T>
void run(const void* factor, const void* term, void* to, Index outer, Index axis, Index inner,
         bool reverse) {
  const T *a = static_cast<const T*>(factor), *b = static_cast<const T*>(term);
  T* h = static_cast<T*>(to);
  const Index step = reverse ? -inner : inner;
  for (Index o = 0; o < outer; ++o) {
    const Index first = (o * axis + (reverse ? axis - 1 : 0)) * inner;
    for (Index i = 0; axis > 0 && i < inner; ++i) h[first + i] = b[first + i];
    for (Index t = 1; t < axis; ++t) {
      const Index row = first + t * step;
      for (Index i = row; i < row + inner; ++i) {
        const T before = h[i - step], next = a[i] * before;
        h[i] = (before == T(0) ? T(0) : next) + b[i];
      }
    }
  }
}

}  // namespace

void linear_scan(DType t, const void* a, const void* b, void* h, Index outer, Index axis,
                 Index inner, bool reverse) {
  if (detail::tape) [[unlikely]]
    return detail::remember([=] { linear_scan(t, a, b, h, outer, axis, inner, reverse); });
  if (t == DType::float32) return run<float>(a, b, h, outer, axis, inner, reverse);
  if (t == DType::float64) return run<double>(a, b, h, outer, axis, inner, reverse);
}

}  // namespace gradus::kernels
