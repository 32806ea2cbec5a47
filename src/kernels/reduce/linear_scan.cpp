#include "kernels/reduce/reduce.hpp"

namespace gradus::kernels {
namespace {

template <class T>
void run(const LinearScan& call) {
  const auto& [outer, axis, inner] = call.of;
  const T *a = call.a, *b = call.b;
  T* h = call.h;
  const Index step = call.reverse ? -inner : inner;
  for (Index o = 0; o < outer; ++o) {
    const Index first = (o * axis + (call.reverse ? axis - 1 : 0)) * inner;
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
