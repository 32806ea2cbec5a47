#include <cmath>
#include <limits>

#include "gradus/gradus.hpp"
#include "support/catch.hpp"

using namespace gradus;
using namespace gradus::optim;
using gradus::test::Approx;
using gradus::test::contains;

namespace {
const double inf = std::numeric_limits<double>::infinity();

std::vector<Tensor> with_gradients(DType dtype) {
  Tensor a = ones({2}, dtype).requires_grad_(), b = ones({1}, dtype).requires_grad_(),
         without = ones({4}, dtype).requires_grad_();
  a.set_grad(tensor({2, -3}, dtype));
  b.set_grad(tensor({6}, dtype));
  return {a, b, without};
}
}  // namespace

TEST_CASE("the norm of gradients is that of one long vector") {
  for (const DType dtype : {float32, float64}) {
    const auto params = with_gradients(dtype);
    CHECK(grad_norm(params) == 7);
    CHECK(grad_norm(params, 1) == 11);
    CHECK(grad_norm(params, inf) == 6);
    CHECK(grad_norm(params, 3) == Approx(std::cbrt(8 + 27 + 216)));
  }
  CHECK(grad_norm({}) == 0);
}

TEST_CASE("the norm of gradients is right where their squares leave the range") {
  for (const DType dtype : {float32, float64}) {
    for (const double m : dtype == float32 ? std::vector<double>{1e-38, 1e-25, 1e25, 1e37}
                                           : std::vector<double>{1e-300, 1e-170, 1e170, 1e300}) {
      const auto params = with_gradients(dtype);
      for (const Tensor& p : params)
        if (p.grad().defined()) Tensor(p).set_grad((p.grad().to(float64) * m).to(dtype));
      INFO("gradients of " << m << ", " << name_of(dtype));
      CHECK(grad_norm(params) / m == Approx(7).epsilon(1e-6));
      CHECK(grad_norm(params, 1) / m == Approx(11).epsilon(1e-6));
      CHECK(grad_norm(params, 3) / m == Approx(std::cbrt(8 + 27 + 216)).epsilon(1e-6));
      CHECK(clip_grad_norm(params, m) / m == Approx(7).epsilon(1e-6));
      if (m > 1) CHECK(params[1].grad().item() / m == Approx(6 / 7.).epsilon(1e-6));
    }
  }
}

TEST_CASE("the norm of many tiles is exact, for any number of threads") {
  Tensor p = zeros({100003}).requires_grad_();
  p.set_grad(arange(0, 100003));
  double sum = 0, squares = 0;
  for (int i = 0; i < 100003; ++i) sum += i, squares += static_cast<double>(i) * i;
  const int threads = num_threads();
  for (const int n : {1, 2}) {
    set_num_threads(n);
    CHECK(grad_norm({p}) == Approx(std::sqrt(squares)).epsilon(1e-14));
    CHECK(grad_norm({p}, 1) == sum);
    CHECK(grad_norm({p}, inf) == 100002);
  }
  set_num_threads(threads);
}

TEST_CASE("clipping scales gradients to the norm and returns the norm from before") {
  auto params = with_gradients(float64);
  CHECK(clip_grad_norm(params, 3.5) == 7);
  CHECK(grad_norm(params) == Approx(3.5).epsilon(1e-6));
  CHECK(params[0].grad().to_vector<double>()[1] == Approx(-1.5).epsilon(1e-6));
  params = with_gradients(float32);
  CHECK(clip_grad_norm(params, 100) == 7);
  CHECK(params[1].grad().item() == 6);
}

TEST_CASE("norms of gradients are right at any magnitude, and so is what clipping leaves") {
  for (const double unit : {1e-300, 1e-200, 1e-30, 1.0, 1e30, 1e200, 1e300})
    for (const double type : {1.0, 2.0, 3.0, inf}) {
      CAPTURE(unit, type);
      Tensor a = ones({2}, float64).requires_grad_(), b = ones({1}, float64).requires_grad_();
      a.set_grad(tensor({2 * unit, -3 * unit}, float64));
      b.set_grad(tensor({6 * unit}, float64));
      const double expected = type == 1 ? 11 : type == 2 ? 7 : type == 3 ? std::cbrt(251.0) : 6;
      CHECK(grad_norm({a, b}, type) / unit == Approx(expected).epsilon(1e-12));
      if (unit < 1) continue;
      clip_grad_norm({a, b}, 1, {.norm_type = type});
      CHECK(grad_norm({a, b}, type) == Approx(1).epsilon(1e-5));
    }
  Tensor p = ones({4}).requires_grad_();
  p.set_grad(full({4}, 3e38));
  CHECK(clip_grad_norm({p}, 0.5) == Approx(6e38));
  CHECK(grad_norm({p}) == Approx(0.5).epsilon(1e-6));
}

TEST_CASE("a parameter that is given twice is counted and scaled once") {
  auto params = with_gradients(float64);
  for (std::size_t i = 0; i < 3; ++i) params.push_back(Tensor(params[i]));
  CHECK(grad_norm(params) == 7);
  CHECK(clip_grad_norm(params, 3.5) == 7);
  CHECK(params[0].grad().to_vector<double>()[1] == Approx(-1.5).epsilon(1e-6));
  CHECK(PercentileClip().clip(params) == Approx(3.5).epsilon(1e-6));
}

TEST_CASE("the factor of clipping is finite also for gradients of 0, as PyTorch's 1e-6 makes it") {
  CHECK(clip_coefficient(0, 0) == 0);
  CHECK(clip_coefficient(0, 1) == 1);
  CHECK(clip_coefficient(1e-6, 1e-6) == Approx(0.5).epsilon(1e-12));
  CHECK(clip_coefficient(4, 2) == Approx(2 / 4.000001).epsilon(1e-15));
}

TEST_CASE("the scale of a step does what clipping before it does") {
  Tensor a = ones({3}, float64).requires_grad_(), b = ones({3}, float64).requires_grad_();
  SGD plain({a}, {.lr = 0.1}), folded({b}, {.lr = 0.1});
  a.set_grad(tensor({3, 4, 12}, float64));
  b.set_grad(a.grad().clone());
  clip_grad_norm({a}, 1);
  plain.step();
  folded.step({.grad_scale = clip_coefficient(grad_norm({b}), 1)});
  const auto x = a.to_vector<double>(), y = b.to_vector<double>();
  for (std::size_t i = 0; i < 3; ++i) CHECK(std::abs(x[i] - y[i]) < 1e-15);
}

TEST_CASE("norms that are not finite are returned or refused") {
  for (const double bad : {inf, std::nan("")}) {
    auto params = with_gradients(float32);
    params[1].set_grad(full({1}, bad));
    CHECK_THROWS_WITH(clip_grad_norm(params, 1, {.error_if_nonfinite = true}),
                      contains("[clip_grad_norm] the norm"));
    CHECK(params[0].grad().to_vector<float>() == std::vector<float>{2, -3});
    for (const double type : {1.0, 2.0, 2.5, inf})
      CHECK_FALSE(std::isfinite(grad_norm(params, type)));
    CHECK_FALSE(std::isfinite(clip_grad_norm(params, 1)));
  }
  const auto params = with_gradients(float32);
  CHECK_THROWS_WITH(grad_norm(params, 0), contains("[grad_norm] norm_type = 0"));
  CHECK_THROWS_WITH(clip_grad_norm(params, -1), contains("[clip_grad_norm] max_norm = -1"));
  CHECK_THROWS_WITH(clip_grad_value(params, -1), contains("[clip_grad_value] clip_value = -1"));
}

TEST_CASE("clipping by value limits every entry and keeps NaN") {
  auto params = with_gradients(float32);
  params[1].set_grad(full({1}, std::nan("")));
  clip_grad_value(params, 2.5);
  CHECK(params[0].grad().to_vector<float>() == std::vector<float>{2, -2.5});
  CHECK(std::isnan(params[1].grad().item()));
}

TEST_CASE("clipping at a percentile takes its threshold from the norms seen") {
  PercentileClip clip({.percentile = 50, .window = 4});
  CHECK(clip.threshold() == inf);
  CHECK(clip.coefficient(2) == 1);
  CHECK(clip.coefficient(4) == Approx(0.75));  // threshold 3
  CHECK(clip.coefficient(1) == 1);
  CHECK(clip.threshold() == 2);
  clip.coefficient(inf);
  clip.coefficient(std::nan(""));
  CHECK(clip.threshold() == 2);
  clip.coefficient(10);
  CHECK(clip.threshold() == 3);
  clip.coefficient(10);  // the 2 is forgotten: 4 1 10 10
  CHECK(clip.threshold() == 7);
  PercentileClip resumed({.percentile = 50, .window = 4});
  resumed.load_state_dict(clip.state_dict());
  CHECK(resumed.threshold() == 7);
  auto params = with_gradients(float64);
  PercentileClip low({.percentile = 0});
  low.coefficient(3.5);
  CHECK(low.clip(params) == 7);
  CHECK(grad_norm(params) == Approx(3.5).epsilon(1e-6));
  CHECK_THROWS_WITH(resumed.load_state_dict({}), contains("missing: history"));
  CHECK_THROWS_WITH(resumed.load_state_dict({{"history", ones({2, 2})}}), contains("history is"));
  CHECK_THROWS_WITH(PercentileClip({.percentile = 101}), contains("percentile = 101"));
  CHECK_THROWS_WITH(PercentileClip({.window = 0}), contains("window = 0"));
}
