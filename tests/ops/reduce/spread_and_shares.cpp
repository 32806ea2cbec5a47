// Means and deviations of close and of equal values, and the shares of logsumexp, at any magnitude.
#include <cmath>
#include <limits>
#include <numbers>

#include "gradus/gradus.hpp"
#include "support/catch.hpp"
#include "support/numbers.hpp"

using namespace gradus;
using gradus::test::infinity;

namespace {

std::vector<double> numbers(const Tensor& t) { return t.to(float64).to_vector<double>(); }

bool all_are(const Tensor& t, double value) {
  for (const double v : numbers(t))
    if (v != value) return false;
  return true;
}

}  // namespace

TEST_CASE("the mean of equal values is that value, and their deviation and its gradient are 0") {
  for (const DType type : {float32, float64}) {
    for (const double value : {1000.1, 0.1, -1e-30, 1 / 3., 3e37, -7.7e-7, 0.}) {
      for (const Index n : {1, 2, 3, 5, 7, 100, 1000, 4099, 70001}) {
        INFO(value << ", " << n << " of them, " << name_of(type));
        const Tensor c = full({}, value, type);
        const double exact = c.to(float64).item();
        const Tensor row = full({n}, value, type).requires_grad_();
        CHECK(mean(row).to(float64).item() == exact);
        CHECK(all_are(mean(full({3, n}, value, type), {1}), exact));
        CHECK(all_are(mean(full({n, 3}, value, type), {0}), exact));
        CHECK(all_are(mean(full({2, n, 2}, value, type), {0, 1}), exact));
        CHECK(var(row, {}, 0).item() == 0);
        CHECK(stddev(row, {}, 0).item() == 0);
        CHECK(all_are(grad(stddev(row, {}, 0), {row})[0], 0));
        CHECK(all_are(grad(var(row, {}, 0), {row})[0], 0));
        CHECK(all_are(stddev(full({n, 3}, value, type), {0}, 0), 0));
        CHECK(all_are(layer_norm(row, {n}), 0));
        if (n > 1)
          CHECK(all_are(batch_norm(full({n, 2}, value, type), {}, {}, {}, {}, {.training = true}),
                        0));
        CHECK(all_are(group_norm(full({2, 2, n}, value, type), 2), 0));
      }
    }
  }
}

TEST_CASE("running statistics that are those of the batch stay what they are") {
  for (const DType type : {float32, float64}) {
    const Tensor x = full({7, 1}, 1000.1, type);
    Tensor average = full({1}, 1000.1, type).clone(), variance = zeros({1}, type);
    const double exact = average.to(float64).item();
    for (int i = 0; i < 20; ++i) batch_norm(x, average, variance, {}, {}, {.training = true});
    CHECK(average.to(float64).item() == exact);
    CHECK(variance.item() == 0);
    CHECK(all_are(batch_norm(x, average, variance), 0));
  }
}

TEST_CASE("rows of close values around a large mean are normalized as exactly as others") {
  for (const DType type : {float32, float64}) {
    const double ulp = type == float32 ? 0x1p-23 : 0x1p-52;
    for (const double center : {1., 1024., 1e6, -3e12}) {
      for (const Index n : {2, 3, 64, 1000, 3001}) {
        // The values are neighbours in the dtype: their mean lies between them.
        const double base = full({}, center, type).to(float64).item();
        const double step = ulp * std::exp2(std::floor(std::log2(std::abs(base))));
        std::vector<double> values, units;
        for (Index i = 0; i < n; ++i) units.push_back(static_cast<double>(i % 5 % 3 + (i == 1)));
        for (const double u : units) values.push_back(base + u * step);
        Tensor x = from_vector(values).to(type), u = from_vector(units);
        const Tensor y = layer_norm(x, {n}, {}, {}, 0), want = layer_norm(u, {n}, {}, {}, 0);
        INFO(n << " values around " << center << ", " << name_of(type));
        const double tolerance = type == float32 ? 1e-6 : 1e-14;
        CHECK(max(abs(y.to(float64) - want)).item() < 3 * tolerance);
        const Tensor column = batch_norm(reshape(x, {n, 1}), {}, {}, {}, {},
                                         {.training = true, .momentum = 0.1, .eps = 0});
        CHECK(max(abs(reshape(column, {n}).to(float64) - want)).item() < 3 * tolerance);
        CHECK(std::abs(stddev(x).to(float64).item() / step / stddev(u).item() - 1) < tolerance);
        x.requires_grad_();
        u.requires_grad_();
        const Tensor g = grad(stddev(x), {x})[0], slope = grad(stddev(u), {u})[0];
        CHECK(max(abs(g.to(float64) - slope)).item() < tolerance);
      }
    }
  }
}

// PyTorch takes the gradient from the rounded result, which differs by up to half its spacing: 1
// for each of three values of 1e8 in float32.
TEST_CASE("the gradient of logsumexp is a softmax, at any magnitude and with infinities") {
  struct Shares {
    std::vector<double> x, share;
  };
  const double e = std::numbers::e, third = 1 / 3.;
  const std::vector<Shares> table = {
      {{1e8, 1e8, 1e8}, {third, third, third}},
      {{-1e30, -1e30, -1e30}, {third, third, third}},
      {{1e30, 1e30, -1e30}, {0.5, 0.5, 0}},
      {{1e-30, 0, -1e-30}, {third, third, third}},
      {{1024, 1025, -infinity}, {1 / (1 + e), e / (1 + e), 0}},
      {{-infinity, 1e8, 1e8}, {0, 0.5, 0.5}},
      {{infinity, 3, infinity}, {0.5, 0, 0.5}},
      {{-infinity, infinity, 1e30}, {0, 1, 0}},
      {{-infinity, -infinity, -infinity}, {0, 0, 0}},
  };
  for (const DType type : {float32, float64}) {
    const double tolerance = type == float32 ? 1e-6 : 1e-15;
    for (const Shares& s : table) {
      INFO(s.x[0] << ", " << s.x[1] << ", " << s.x[2] << ", " << name_of(type));
      const Tensor x = from_vector(s.x).to(type).requires_grad_(), want = from_vector(s.share);
      const auto agree = [&](const Tensor& y, const Tensor& in, const Shape& shape) {
        for (const bool recorded : {false, true}) {
          const Tensor g = grad(y, {in}, {.create_graph = recorded, .retain_graph = true})[0];
          CHECK(max(abs(g.to(float64) - reshape(want, shape))).item() <= tolerance);
        }
      };
      agree(logsumexp(x), x, {3});
      const Tensor apart = reshape(x.detach(), {1, 3, 1}).requires_grad_();
      agree(sum(logsumexp(apart, {1})), apart, {1, 3, 1});
      agree(slice(logcumsumexp(x, 0), 0, 2, 3), x, {3});
    }
  }
}

TEST_CASE("gradients of logsumexp and logcumsumexp sum to the cotangent") {
  for (const DType type : {float32, float64}) {
    for (const double magnitude : {1e-30, 1., 30., 1e4, 1e8, 1e16, 1e30}) {
      std::vector<double> values;
      for (int i = 0; i < 2 * 3 * 50; ++i)
        values.push_back(magnitude + std::sin(3. * i) * 2 + (i % 7 == 0 ? magnitude : 0));
      const Tensor x = reshape(from_vector(values), {2, 3, 50}).to(type).requires_grad_();
      INFO(magnitude << ", " << name_of(type));
      const double tolerance = type == float32 ? 2e-5 : 1e-13;
      const auto total = [&](const Tensor& y) {
        return sum(grad(sum(y), {x})[0].to(float64)).item();
      };
      CHECK(std::abs(total(logsumexp(x)) - 1) < tolerance);
      CHECK(std::abs(total(logsumexp(x, {0, 2})) - 3) < tolerance);
      CHECK(std::abs(total(logsumexp(x, {1})) - 100) < 100 * tolerance);
      CHECK(std::abs(total(logcumsumexp(x, 2)) - 300) < 300 * tolerance);
      CHECK(std::abs(total(logcumsumexp(x, 0)) - 300) < 300 * tolerance);
      CHECK(std::abs(total(log_softmax(x, 2))) < 300 * tolerance);
      CHECK(std::abs(sum(softmax(x.detach(), 2).to(float64)).item() - 6) < 6 * tolerance);
      // The second derivative along a shift of all values is 0.
      const Tensor g = grad(sum(logcumsumexp(x, 2) * 0.5), {x}, {.create_graph = true})[0];
      CHECK(std::abs(sum(grad(sum(g * square(g)), {x})[0]).item()) < 1000 * tolerance);
    }
  }
}

TEST_CASE("a variance beyond the range is infinite or 0, as its exact value rounds") {
  const auto of = [](std::vector<double> values, DType type) {
    return var(from_vector(values).to(type)).to(float64).item();
  };
  CHECK(of({1e30, -1e30}, float32) == infinity);
  CHECK(of({1e-30, -1e-30}, float32) == 0);
  CHECK(of({1e200, -1e200}, float64) == infinity);
  CHECK(of({1e-200, -1e-200}, float64) == 0);
  CHECK(of({1.5e19, -1.5e19, 0, 0, 0, 0}, float32) == Approx(9e37).epsilon(1e-6));
  CHECK(of({3e-23, -3e-23}, float32) == static_cast<double>(static_cast<float>(1.8e-45)));
  CHECK(of({1e154, -1e154, 0, 0, 0}, float64) == Approx(5e307).epsilon(1e-15));
  CHECK(std::isnan(stddev(tensor({infinity, 1.})).item()));
}

TEST_CASE("means, deviations and norms have the same bits for any number of threads") {
  const int before = num_threads();
  Generator generator(3);
  const Tensor x = randn({3, 70001}, float32, &generator) + 100;
  const auto results = [&](int threads) {
    set_num_threads(threads);
    Tensor in = x.detach().clone().requires_grad_();
    const Tensor y = layer_norm(in, {70001}), w = stddev(in, {1});
    const Tensor total = stddev(in) + norm(in) + mean(in) + logsumexp(in) + sum(y * y) + sum(w) +
                         sum(norm(in, 2, {0})) + sum(stddev(in, {0}));
    std::vector<float> bits = grad(total, {in})[0].to_vector<float>();
    for (const Tensor& t : {y, w, reshape(total, {1})})
      for (const float v : t.to_vector<float>()) bits.push_back(v);
    return bits;
  };
  const std::vector<float> one = results(1), three = results(3);
  set_num_threads(before);
  CHECK(one == three);
}

TEST_CASE(
    "norms and deviations of columns have the derivatives of rows, whatever the others hold") {
  Generator generator(11);
  for (const DType type : {float32, float64}) {
    const double tolerance = type == float32 ? 1e-6 : 1e-14;
    const double tiny = type == float32 ? 1e-42 : 1e-318;
    for (const Index inner : {2, 3, 4, 64, 255, 256, 257, 600}) {
      for (const Index axis : {1, 2, 5, 300}) {
        for (const bool strange : {false, true}) {
          INFO(inner << " columns of " << axis << ", " << name_of(type) << ", " << strange);
          const Tensor place = arange(0, static_cast<double>(inner)).to(float64);
          // Column 1 is zero, and the last one NaN with a cotangent of 0.
          const Tensor last = eq(place, static_cast<double>(inner - 1));
          Tensor values = randn({2, axis, inner}, float64, &generator);
          values = where(eq(place, 1), 0, values);
          if (strange) values = where(eq(place, 0), values * tiny, values);
          values = where(last, NAN, values).to(type);
          const Tensor g = where(last, 0, randn({2, inner}, float64, &generator)).to(type);
          const auto agree = [&](auto f) {
            const Tensor x = values.detach().requires_grad_();
            const Tensor rows = movedim(values, {1}, {2}).clone().requires_grad_();
            const Tensor found = grad(f(x, 1), {x}, {.grad_outputs = {g}})[0];
            const Tensor want =
                movedim(grad(f(rows, 2), {rows}, {.grad_outputs = {g}})[0], {2}, {1});
            CHECK(all(isfinite(want)).template item<bool>());
            CHECK(max(abs(found - want)).item() <= tolerance * (1 + max(abs(want)).item()));
          };
          agree([](const Tensor& x, Index a) { return norm(x, 2, {a}); });
          if (axis > 1 && !strange)
            agree([](const Tensor& x, Index a) { return stddev(x, {a}, 0); });
        }
      }
    }
  }
}
