#include "kernels/elementwise/pointwise_loss.hpp"

#include <cmath>
#include <functional>

#include "kernels/loops.hpp"

namespace gradus::kernels {
namespace {

struct Squared {
  template <class V>
  static V value(V x, V y) noexcept {
    return (x - y) * (x - y);
  }
  static double exact(double x, double y) noexcept { return value(x, y); }
  template <class V>
  static V slope(V x, V y) noexcept {
    return V(2) * (x - y);
  }
};

// Both terms are of one sign, so that nothing cancels for logits of any size.
struct BceLogits {
  template <class V>
  static V value(V x, V y) noexcept {
    return y * math::softplus(-x) + (V(1) - y) * math::softplus(x);
  }
  // The value for any number: a label of 0 or 1 leaves one term out, even an infinite one.
  static double exact(double x, double y) noexcept {
    const double positive = y == 0 ? 0 : y * math::softplus(-x);
    const double negative = y == 1 ? 0 : (1 - y) * math::softplus(x);
    return positive + negative;
  }
  template <class V>
  static V slope(V x, V y) noexcept {
    return (V(1) - y) * math::sigmoid(x) - y * math::sigmoid(-x);
  }
};

constexpr Index block = 1024;  // terms that are added in their own type

/// The sum of up to `block` terms.
template <class F, class T>
T sum_block(const T* x, const T* y, Index n) noexcept {
  if constexpr (std::is_same_v<T, float>) {
    constexpr Index w = lanes<T>;
    Batch<T> sum(0.f);
    Index i = 0;
    for (; i + w <= n; i += w) sum = sum + F::value(load(x + i), load(y + i));
    T last = 0;
    if (i < n) {
      alignas(64) T rest[w];
      store(rest, F::value(load_part(x + i, n - i), load_part(y + i, n - i)));
      for (Index j = 0; j < n - i; ++j) last += rest[j];
    }
    return (n < w ? T(0) : sum_lanes(sum)) + last;
  } else {
    T sum = 0;
    for (Index i = 0; i < n; ++i) sum += F::value(x[i], y[i]);
    return sum;
  }
}

/// The same where it came out infinite or NaN: in double, which terms of float do not overflow.
template <class F, class T>
[[gnu::cold, gnu::noinline]] double sum_block_exactly(const T* x, const T* y, Index n) noexcept {
  double sum = 0;
  for (Index i = 0; i < n; ++i)
    sum += F::exact(static_cast<double>(x[i]), static_cast<double>(y[i]));
  return sum;
}

template <class F, class T>
void run(const PointwiseLoss& call) {
  const T *x = call.x, *y = call.y;
  const auto range = [=](Index first, Index last) {
    double sum = 0;
    for (Index i = first; i < last; i += block) {
      const Index length = std::min(block, last - i);
      const auto part = static_cast<double>(sum_block<F>(x + i, y + i, length));
      sum += std::isfinite(part) ? part : sum_block_exactly<F>(x + i, y + i, length);
    }
    return sum;
  };
  T* const out = call.out;
  *out = static_cast<T>(fold_tiles(call.n, 0., range, std::plus<>()) * call.scale);
}

template <class F>
struct Slope {
  template <class V>
  static V eval(V x, V y, V factor, V) noexcept {
    return factor * F::slope(x, y);
  }
};

template <class F, class T>
void run(const PointwiseLossBackward& call) {
  const T *x = call.x, *y = call.y, *g = call.g;
  T* dx = call.dx;
  const T factor = static_cast<T>(static_cast<double>(*g) * call.scale);
  tiled(call.n, [=](Index first, Index count) {
    if (factor == T(0))
      std::fill_n(dx + first, count, T(0));
    else
      map2_row<Slope<F>, 1, 1>(x + first, y + first, dx + first, count, factor, T(0));
  });
}

template <class Call>
void run_as(const Call& call) {
  with_floating(call.type, [&]<class T>(T) {
    call.op == LossOp::squared ? run<Squared, T>(call) : run<BceLogits, T>(call);
  });
}

}  // namespace

void execute(const PointwiseLoss& call) { run_as(call); }
void execute(const PointwiseLossBackward& call) { run_as(call); }

}  // namespace gradus::kernels
