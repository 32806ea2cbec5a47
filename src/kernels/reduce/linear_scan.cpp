#include "kernels/reduce/reduce.hpp"

namespace gradus::kernels {
namespace {

template <class T>
void run(const LinearScan& call) {
  const Index outer = call.outer, axis = call.axis, inner = call.inner;
  const bool reverse = call.reverse;
  const T *a = static_cast<const T*>(call.a), *b = static_cast<const T*>(call.b);
  T* h = static_cast<T*>(call.h);
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

void execute(const LinearScan& call) {
  with_floating(call.type, [&]<class T>(T) { run<T>(call); });
}

}  // namespace gradus::kernels
