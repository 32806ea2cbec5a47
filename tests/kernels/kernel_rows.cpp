#include <cmath>
#include <limits>
#include <vector>

#include "gradus/runtime.hpp"
#include "kernels/kernel_support.hpp"
#include "kernels/rows/rows.hpp"
#include "support/catch.hpp"

using namespace gradus;
using namespace gradus::kernels;
using gradus::test::at;
using gradus::test::largest_error;
using gradus::test::random_values;
using gradus::test::same_bits;
using gradus::test::widen;

namespace {

struct Shape2 {
  Index rows, cols;
};

const Shape2 row_shapes[] = {{1, 1}, {3, 2}, {5, 10}, {4, 16}, {7, 33}, {3, 300}, {400, 256}};

using Doubles = std::vector<double>;

// d sum(g f(x)) / d x[i] by central differences.
template <class F>
double slope(F f, const Doubles& g, Doubles x, std::size_t i) {
  const double h = 1e-5, value = x[i];
  const auto weighted = [&](double at_value) {
    x[i] = at_value;
    const Doubles y = f(x);
    double sum = 0;
    for (std::size_t j = 0; j < y.size(); ++j) sum += g[j] * y[j];
    return sum;
  };
  return (weighted(value + h) - weighted(value - h)) / (2 * h);
}

template <class F>
Doubles slopes(F f, const Doubles& g, const Doubles& x) {
  Doubles d;
  for (std::size_t i = 0; i < x.size(); ++i) d.push_back(slope(f, g, x, i));
  return d;
}

}  // namespace

TEST_CASE("softmax and log_softmax agree with plain loops") {
  for (const Shape2& s : row_shapes) {
    const std::vector<float> x = random_values(s.rows * s.cols, 1, -30, 30);
    const Doubles x64 = widen(x);
    Doubles want, want_log;
    for (Index r = 0; r < s.rows; ++r) {
      double sum = 0;
      for (Index c = 0; c < s.cols; ++c) sum += std::exp(x64[at(r * s.cols + c)]);
      for (Index c = 0; c < s.cols; ++c) {
        want.push_back(std::exp(x64[at(r * s.cols + c)]) / sum);
        want_log.push_back(x64[at(r * s.cols + c)] - std::log(sum));
      }
    }
    std::vector<float> y(x.size());
    Doubles y64(x.size());
    run(Softmax{float32, false, x.data(), y.data(), s.rows, s.cols});
    run(Softmax{float64, false, x64.data(), y64.data(), s.rows, s.cols});
    CHECK(largest_error(y, want) < 1e-6);
    CHECK(largest_error(y64, want) < 1e-13);
    run(Softmax{float32, true, x.data(), y.data(), s.rows, s.cols});
    run(Softmax{float64, true, x64.data(), y64.data(), s.rows, s.cols});
    CHECK(largest_error(y, want_log) < 1e-6);
    CHECK(largest_error(y64, want_log) < 1e-13);
  }
  const float huge[] = {1000, 1000, -std::numeric_limits<float>::infinity()};
  float y[3];
  run(Softmax{float32, false, huge, y, 1, 3});
  CHECK(std::vector<float>(y, y + 3) == std::vector<float>{0.5, 0.5, 0});
}

TEST_CASE("backward kernels of rows are the derivatives") {
  const Index rows = 3, cols = 19;
  const Doubles x = widen(random_values(rows * cols, 1)), g = widen(random_values(rows * cols, 2)),
                gamma = widen(random_values(cols, 3)), beta = widen(random_values(cols, 4));
  const auto soft = [=](const Doubles& v) {
    Doubles y(v.size());
    run(Softmax{float64, false, v.data(), y.data(), rows, cols});
    return y;
  };
  const auto log_soft = [=](const Doubles& v) {
    Doubles y(v.size());
    run(Softmax{float64, true, v.data(), y.data(), rows, cols});
    return y;
  };
  Doubles dx(x.size());
  run(SoftmaxBackward{float64, false, g.data(), soft(x).data(), dx.data(), rows, cols});
  CHECK(largest_error(dx, slopes(soft, g, x)) < 1e-8);
  run(SoftmaxBackward{float64, true, g.data(), log_soft(x).data(), dx.data(), rows, cols});
  CHECK(largest_error(dx, slopes(log_soft, g, x)) < 1e-8);

  Doubles mean(at(2 * cols)), var(at(cols)), rstd(at(cols)), dgamma(at(cols)), dbeta(at(cols));
  enum class Norm { layer, rms, batch };
  for (const Norm kind : {Norm::layer, Norm::rms, Norm::batch}) {
    const auto apply = [&](const Doubles& v, const Doubles& ga, const Doubles& be) {
      Doubles y(v.size());
      if (kind == Norm::layer) {
        run(RowNorm{float64, v.data(), ga.data(), be.data(), 1e-5, y.data(), mean.data(),
                    rstd.data(), rows, cols});
      } else if (kind == Norm::rms) {
        run(RowNorm{float64, v.data(), ga.data(), nullptr, 1e-5, y.data(), nullptr, rstd.data(),
                    rows, cols});
      } else {
        run(BatchNorm{float64, v.data(), ga.data(), be.data(), 1e-5, y.data(), mean.data(),
                      var.data(), rstd.data(), rows, cols});
      }
      return y;
    };
    const Doubles want_x = slopes([&](const Doubles& v) { return apply(v, gamma, beta); }, g, x);
    const Doubles want_gamma =
        slopes([&](const Doubles& v) { return apply(x, v, beta); }, g, gamma);
    const Doubles want_beta = slopes([&](const Doubles& v) { return apply(x, gamma, v); }, g, beta);
    apply(x, gamma, beta);
    if (kind == Norm::layer) {
      run(RowNormBackward{float64, g.data(), x.data(), gamma.data(), mean.data(), rstd.data(),
                          dx.data(), dgamma.data(), dbeta.data(), rows, cols});
    } else if (kind == Norm::rms) {
      run(RowNormBackward{float64, g.data(), x.data(), gamma.data(), nullptr, rstd.data(),
                          dx.data(), dgamma.data(), nullptr, rows, cols});
    } else {
      run(BatchNormBackward{float64, g.data(), x.data(), gamma.data(), mean.data(), rstd.data(),
                            dx.data(), dgamma.data(), dbeta.data(), rows, cols});
    }
    INFO("norm " << static_cast<int>(kind));
    CHECK(largest_error(dx, want_x) < 1e-7);
    CHECK(largest_error(dgamma, want_gamma) < 1e-7);
    if (kind != Norm::rms) CHECK(largest_error(dbeta, want_beta) < 1e-7);
  }
}

TEST_CASE("norms have their known values, and float32 agrees with float64") {
  const float x[] = {1, 2, 3, 4};
  const Doubles golden = {-1.3416354200, -0.4472118067, 0.4472118067, 1.3416354200};
  std::vector<float> y(4);
  float mean[2] = {}, var = 0, rstd = 0;
  run(RowNorm{float32, x, nullptr, nullptr, 1e-5, y.data(), mean, &rstd, 1, 4});
  CHECK(largest_error(y, golden) < 1e-6);
  CHECK(mean[0] == 2.5f);
  CHECK(mean[1] == 0);
  run(BatchNorm{float32, x, nullptr, nullptr, 1e-5, y.data(), mean, &var, &rstd, 4, 1});
  CHECK(largest_error(y, golden) < 1e-6);
  CHECK(var == 1.25f);
  for (const Shape2& s : row_shapes) {
    const std::vector<float> v = random_values(s.rows * s.cols, 1),
                             g = random_values(s.rows * s.cols, 2),
                             gamma = random_values(s.cols, 3);
    const Doubles v64 = widen(v), g64 = widen(g), gamma64 = widen(gamma);
    std::vector<float> m(at(2 * s.rows)), r(at(s.rows)), dx(v.size()), dg(at(s.cols)),
        db(at(s.cols));
    Doubles m64(at(2 * s.rows)), r64(at(s.rows)), dx64(v.size()), dg64(at(s.cols)),
        db64(at(s.cols));
    run(RowNorm{float32, v.data(), gamma.data(), nullptr, 1e-2, dx.data(), m.data(), r.data(),
                s.rows, s.cols});
    run(RowNorm{float64, v64.data(), gamma64.data(), nullptr, 1e-2, dx64.data(), m64.data(),
                r64.data(), s.rows, s.cols});
    CHECK(largest_error(dx, dx64) < 1e-5);
    run(RowNormBackward{float32, g.data(), v.data(), gamma.data(), m.data(), r.data(), dx.data(),
                        dg.data(), db.data(), s.rows, s.cols});
    run(RowNormBackward{float64, g64.data(), v64.data(), gamma64.data(), m64.data(), r64.data(),
                        dx64.data(), dg64.data(), db64.data(), s.rows, s.cols});
    CHECK(largest_error(dx, dx64) < 2e-5);
    CHECK(largest_error(dg, dg64) < 2e-5);
    CHECK(largest_error(db, db64) < 2e-5);
  }
}

TEST_CASE("cross-entropy has its known values and gradients") {
  const double logits[] = {2, 1, .1, 0, 0, 0};
  const std::int64_t target[] = {0, 2};
  double loss[2];
  Doubles grad(6);
  double divisor = 0;
  CrossEntropy call{float64, logits, target, nullptr, loss, grad.data(), &divisor, 2, 3, 0, -100};
  run(call);
  CHECK(divisor == 2);
  CHECK(std::abs((loss[0] + loss[1]) / 2 - 0.757821152473) < 1e-11);
  for (double& v : grad) v /= 2;
  CHECK(largest_error(grad, Doubles{-0.1704994306, 0.1212164854, 0.0492829452, 1. / 6, 1. / 6,
                                    -1. / 3}) < 1e-9);
  call.label_smoothing = 0.1;
  run(call);
  CHECK(std::abs((loss[0] + loss[1]) / 2 - 0.806154485806) < 1e-11);
  for (double& v : grad) v /= 2;
  CHECK(largest_error(grad, Doubles{-0.1371660972, 0.1045498187, 0.0326162785, .15, .15, -.3}) <
        1e-9);

  const Index rows = 4, cols = 21;
  const Doubles x = widen(random_values(rows * cols, 1)),
                weight = widen(random_values(cols, 2, 0.1f, 2));
  const std::int64_t classes[] = {3, 20, -100, 0};
  const auto losses = [&](const Doubles& v) {
    Doubles l(at(rows));
    run(CrossEntropy{float64, v.data(), classes, weight.data(), l.data(), nullptr, nullptr, rows,
                     cols, 0.2, -100});
    return l;
  };
  Doubles d(x.size()), l(at(rows));
  run(CrossEntropy{float64, x.data(), classes, weight.data(), l.data(), d.data(), &divisor, rows,
                   cols, 0.2, -100});
  CHECK(std::abs(divisor - (weight[3] + weight[20] + weight[0])) < 1e-12);
  CHECK(l[2] == 0);
  CHECK(largest_error(l, losses(x)) == 0);
  CHECK(largest_error(d, slopes(losses, Doubles(at(rows), 1.), x)) < 1e-8);
}

TEST_CASE("row kernels are the same bits for any number of threads") {
  const Index rows = 700, cols = 130;
  const std::vector<float> x = random_values(rows * cols, 1), g = random_values(rows * cols, 2);
  const auto with = [&](int threads) {
    set_num_threads(threads);
    std::vector<float> y(x.size()), m(at(2 * rows)), r(at(rows)), dg(at(cols)), db(at(cols));
    run(RowNorm{float32, x.data(), nullptr, nullptr, 1e-5, y.data(), m.data(), r.data(), rows,
                cols});
    run(RowNormBackward{float32, g.data(), x.data(), nullptr, m.data(), r.data(), y.data(),
                        dg.data(), db.data(), rows, cols});
    y.insert(y.end(), dg.begin(), dg.end());
    std::vector<float> p(x.size());
    run(Softmax{float32, false, x.data(), p.data(), rows, cols});
    y.insert(y.end(), p.begin(), p.end());
    return y;
  };
  const int before = num_threads();
  const std::vector<float> one = with(1), three = with(3);
  set_num_threads(before);
  CHECK(same_bits(one, three));
}

TEST_CASE("sums over columns and scaled rows") {
  const float x[] = {1, 2, 3, 4, 5, 6};
  float y[] = {10, 20, 30};
  run(SumRows{float32, x, y, 2, 3, 1});
  CHECK(std::vector<float>(y, y + 3) == std::vector<float>{15, 27, 39});
  run(SumRows{float32, x, y, 2, 3, 0});
  CHECK(std::vector<float>(y, y + 3) == std::vector<float>{5, 7, 9});
  const float scale[] = {2, -1};
  float z[6];
  run(ScaleRows{float32, x, scale, z, 2, 3});
  CHECK(std::vector<float>(z, z + 6) == std::vector<float>{2, 4, 6, -4, -5, -6});
}
