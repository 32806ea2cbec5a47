#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "gradus/runtime.hpp"
#include "kernels/elementwise/pointwise_loss.hpp"
#include "kernels/kernel_support.hpp"
#include "support/catch.hpp"

using namespace gradus;
using namespace gradus::kernels;
using gradus::test::at;
using gradus::test::random_values;
using gradus::test::same_bits;

namespace {

constexpr LossOp losses[] = {LossOp::squared, LossOp::bce_logits};

double value(LossOp f, double x, double y) {
  if (f == LossOp::squared) return (x - y) * (x - y);
  return std::max(x, 0.0) - x * y + std::log1p(std::exp(-std::abs(x)));
}
double slope(LossOp f, double x, double y) {
  if (f == LossOp::squared) return 2 * (x - y);
  return (1 - y) / (1 + std::exp(-x)) - y / (1 + std::exp(x));
}

/// Logits of up to +-300 and their labels.
template <class T>
struct Data {
  std::vector<T> x, y;
  explicit Data(Index n) {
    for (const float v : random_values(n, 1)) x.push_back(static_cast<T>(v) * 100);
    for (const float v : random_values(n, 2)) y.push_back(v > 0);
  }
};

template <class T>
void check_against_loops(DType type, double unit) {
  // Below, a denormal that a tile flushes to 0 would count.
  const double tiny = static_cast<double>(std::numeric_limits<T>::min()) / unit;
  for (const Index n : {1, 15, 16, 17, 31, 33, 1023, 1024, 1025, 1041, 65535, 65536, 65537}) {
    const Data<T> data(n);
    const double scale = 1 / static_cast<double>(n);
    for (const LossOp f : losses) {
      INFO("loss " << static_cast<int>(f) << " of " << n);
      T total = 0;
      run(PointwiseLoss{f, type, data.x.data(), data.y.data(), &total, n, scale});
      const T g = T(1.5);
      std::vector<T> dx(at(n));
      run(PointwiseLossBackward{f, type, data.x.data(), data.y.data(), &g, dx.data(), n, scale});
      long double want = 0;
      double worst = 0;
      for (Index i = 0; i < n; ++i) {
        const auto x = static_cast<double>(data.x[at(i)]), y = static_cast<double>(data.y[at(i)]);
        want += static_cast<long double>(value(f, x, y));
        const double exact = 1.5 * scale * slope(f, x, y);
        const double error = std::abs(static_cast<double>(dx[at(i)]) - exact);
        worst = std::max(worst, error / std::max(std::abs(exact), tiny));
      }
      CHECK(static_cast<double>(total) ==
            test::Approx(static_cast<double>(want) * scale).epsilon(64 * unit));
      CHECK(worst < 16 * unit);
    }
  }
}

}  // namespace

TEST_CASE("losses in one pass agree with plain loops, around every border") {
  check_against_loops<float>(float32, 0x1p-24);
  check_against_loops<double>(float64, 0x1p-53);
}

TEST_CASE("losses in one pass are the same bits for any number of threads") {
  const int before = num_threads();
  const Index n = 200001;
  const Data<float> data(n);
  for (const LossOp f : losses) {
    std::vector<float> totals, slopes[2];
    for (const int threads : {1, 3}) {
      set_num_threads(threads);
      float total = 0;
      const float g = 0.3f;
      run(PointwiseLoss{f, float32, data.x.data(), data.y.data(), &total, n, 0.1});
      totals.push_back(total);
      auto& dx = slopes[threads / 3];
      dx.resize(at(n));
      run(PointwiseLossBackward{f, float32, data.x.data(), data.y.data(), &g, dx.data(), n, 0.1});
    }
    CHECK(totals[0] == totals[1]);
    CHECK(same_bits(slopes[0], slopes[1]));
  }
  set_num_threads(before);
}

TEST_CASE("losses in one pass keep NaN wherever it is, and no gradient of 0 becomes one") {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = INFINITY, zero = 0;
  for (const LossOp f : losses)
    for (const Index n : {1, 16, 17, 1030})
      for (const Index where : {Index{0}, n / 2, n - 1}) {
        std::vector<float> x(at(n), 0.5f), dx(at(n), 7.f);
        const std::vector<float> y(at(n), 1.f);
        float total = 0;
        x[at(where)] = nan;
        run(PointwiseLoss{f, float32, x.data(), y.data(), &total, n, 1});
        CHECK(std::isnan(total));
        x[at(where)] = inf;
        run(PointwiseLossBackward{f, float32, x.data(), y.data(), &zero, dx.data(), n, 1});
        CHECK(dx == std::vector<float>(at(n), 0.f));
      }
}
