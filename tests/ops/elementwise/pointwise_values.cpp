// Promotion, NaN, and golden values of elementwise operations.
#include <cmath>
#include <functional>
#include <limits>

#include "gradus/gradus.hpp"
#include "support/catch.hpp"
#include "support/table/op_table.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {
void check_close(const Tensor& got, const std::vector<double>& expected) {
  const std::vector<double> values = got.to_vector<double>();
  REQUIRE(values.size() == expected.size());
  for (std::size_t i = 0; i < values.size(); ++i) CHECK(std::abs(values[i] - expected[i]) < 1e-10);
}
}  // namespace

TEST_CASE("activations have their golden values and derivatives", "[ops]") {
  struct Golden {
    std::string name;
    Tensor1 f;
    std::vector<double> values, slopes;
  };
  const Golden table[] = {
      {"gelu",
       [](const Tensor& x) { return gelu(x); },
       {-0.0455002639, -0.1586552539, 0, 0.8413447461, 1.9544997361},
       {-0.0852318011, -0.0833154706, 0.5, 1.0833154706, 1.0852318011}},
      {"gelu by tanh",
       [](const Tensor& x) { return gelu(x, GeluApproximate::tanh); },
       {-0.0454023059, -0.1588080094, 0, 0.8411919906, 1.9545976941},
       {-0.0860992566, -0.0829640838, 0.5, 1.0829640838, 1.0860992566}},
      {"silu",
       silu,
       {-0.2384058440, -0.2689414214, 0, 0.7310585786, 1.7615941560},
       {-0.0907842488, 0.0723294881, 0.5, 0.9276705119, 1.0907842488}},
      {"elu",
       [](const Tensor& x) { return elu(x); },
       {-0.8646647168, -0.6321205588, 0, 1, 2},
       {0.1353352832, 0.3678794412, 1, 1, 1}},
      {"softplus",
       [](const Tensor& x) { return softplus(x); },
       {0.1269280110, 0.3132616875, 0.6931471806, 1.3132616875, 2.1269280110},
       {}},
      {"mish", mish, {-0.2525014827, -0.3034014614, 0, 0.8650983883, 1.9439589595}, {}},
      {"selu", selu, {-1.5201664686, -1.1113307378, 0, 1.0507009874, 2.1014019747}, {}},
      {"hardswish", hardswish, {-1.0 / 3, -1.0 / 3, 0, 2.0 / 3, 5.0 / 3}, {}},
  };
  for (const Golden& golden : table) {
    INFO(golden.name);
    Tensor x = tensor({-2, -1, 0, 1, 2}, float64).requires_grad_();
    const Tensor y = golden.f(x);
    check_close(y, golden.values);
    if (!golden.slopes.empty()) check_close(grad(sum(y), {x})[0], golden.slopes);
  }
}

TEST_CASE("sigmoid and its kin stay accurate far from zero", "[ops]") {
  const Tensor x = tensor({-1000, -100, 100, 1000}, float64);
  const double tail = std::exp(-100.0);
  const auto check = [](const Tensor& got, const std::vector<double>& expected) {
    for (std::size_t i = 0; i < expected.size(); ++i)
      CHECK(got.to_vector<double>()[i] == Approx(expected[i]).epsilon(1e-14));
  };
  check(sigmoid(x), {0, tail, 1, 1});
  check(logsigmoid(x), {-1000, -100, -tail, 0});
  check(softplus(x), {0, tail, 100, 1000});
}

TEST_CASE("float functions turn integers into float32, the others keep them", "[ops]") {
  const Tensor x = tensor({1, 2, 3}, int64), mask = tensor({1, 0, 1}, boolean);
  for (const Tensor& y : {exp(x), sqrt(x), tanh(x), sigmoid(x), gelu(x), reciprocal(x), log(mask),
                          atan2(x, x), hypot(x, x), lerp(x, x, 0.5), pow(x, 0.5), pow(2, x),
                          leaky_relu(x), clamp(x, 0.5, 2), addcmul(x, x, x), where(mask, x, 0.5),
                          maximum(x, tensor(0.5)), fmod(x, 0.5), where(mask, 1, 0)})
    CHECK(y.dtype() == float32);
  for (const Tensor& y : {abs(x),
                          sign(x),
                          square(x),
                          floor(x),
                          ceil(x),
                          round(x),
                          trunc(x),
                          pow(x, 2),
                          pow(x, 5),
                          pow(x, x),
                          relu(x),
                          clamp(x, 1, 2),
                          clamp(x, 2),
                          clamp_min(x, 2),
                          clamp_max(x, 2),
                          maximum(x, x),
                          minimum(x, mask),
                          fmod(x, 2),
                          remainder(x, x),
                          floor_divide(x, 2),
                          where(mask, x, 0),
                          where(mask, 0, mask + 1),
                          masked_fill(x, mask, 7),
                          abs(mask)})
    CHECK(y.dtype() == int64);
  CHECK(where(mask, mask, mask).dtype() == boolean);
  CHECK(masked_fill(mask, mask, 0).dtype() == boolean);
  CHECK(lerp(x, x, tensor(0.5, float64)).dtype() == float64);
  CHECK(addcmul(x, tensor({1, 2, 3}, float64), x).dtype() == float64);
}

TEST_CASE("integers are computed exactly", "[ops]") {
  const Tensor x = tensor({-7, -1, 0, 7}, int64);
  const auto list = [](const Tensor& t) { return t.to_vector<std::int64_t>(); };
  using List = std::vector<std::int64_t>;
  CHECK(list(abs(x)) == List{7, 1, 0, 7});
  CHECK(list(sign(x)) == List{-1, -1, 0, 1});
  CHECK(list(relu(x)) == List{0, 0, 0, 7});
  CHECK(list(clamp(x, -2, 3)) == List{-2, -1, 0, 3});
  CHECK(list(fmod(x, 3)) == List{-1, -1, 0, 1});
  CHECK(list(remainder(x, 3)) == List{2, 2, 0, 1});
  CHECK(list(floor_divide(x, 3)) == List{-3, -1, 0, 2});
  CHECK(list(pow(x, 3)) == List{-343, -1, 0, 343});
  CHECK(list(maximum(x, tensor(0, int64))) == List{0, 0, 0, 7});
  CHECK(list(masked_fill(x, x < 0, 9)) == List{9, 9, 0, 7});
  const Tensor large = tensor(9007199254740991, int64) + 1;  // 2^53
  CHECK((large + 1 > large).item<bool>());
}

TEST_CASE("NaN passes through extremes, bounds and rectifiers", "[ops]") {
  const double nan_value = std::numeric_limits<double>::quiet_NaN();
  for (const DType dtype : {float32, float64})
    for (const Index n : {1, 3, 40}) {
      const Tensor x = full({n}, nan_value, dtype), one = ones({n}, dtype);
      for (const Tensor& y : {maximum(x, one), maximum(one, x), minimum(x, one),
                              minimum(one, x), clamp(x, -1, 1), clamp_min(x, 0),
                              clamp_max(x, 0), relu(x),         relu6(x),
                              leaky_relu(x),   elu(x),          celu(x),
                              selu(x),         gelu(x),         gelu(x, GeluApproximate::tanh),
                              silu(x),         mish(x),         hardswish(x),
                              hardsigmoid(x),  hardtanh(x),     softsign(x),
                              softplus(x),     sigmoid(x),      logsigmoid(x)})
        for (const double v : y.to_vector<double>()) CHECK(std::isnan(v));
    }
}

TEST_CASE("a bound that is NaN makes NaN without gradient", "[ops]") {
  const double nan_value = std::numeric_limits<double>::quiet_NaN();
  const Tensor nan = tensor(nan_value);
  for (const auto& f : std::vector<std::function<Tensor(const Tensor&)>>{
           [&](const Tensor& x) { return clamp(x, nan_value, 1); },
           [&](const Tensor& x) { return clamp(x, 0, nan_value); },
           [&](const Tensor& x) { return clamp_min(x, nan_value); },
           [&](const Tensor& x) { return clamp_max(x, nan_value); },
           [&](const Tensor& x) { return clamp(x, nan, tensor(1)); },
           [&](const Tensor& x) { return clamp(x, tensor(0), nan); },
           [&](const Tensor& x) { return clamp(x, nan); },
           [&](const Tensor& x) { return maximum(x, nan_value); }}) {
    for (const double v : f(tensor({-1, 0.5, 3})).to_vector<double>()) CHECK(std::isnan(v));
    CHECK(f(tensor({1, 2}, int64)).dtype() == float32);
  }
  const Tensor x = tensor({-1, 0.5, 3}).requires_grad_();
  sum(clamp(x, nan_value, 1)).backward();
  CHECK(x.grad().to_vector<float>() == std::vector<float>{0, 0, 0});
}

TEST_CASE("a bound that is a tensor takes the gradient where it acts", "[ops]") {
  const Tensor x = tensor({-2, 0, 1, 3, 5}).requires_grad_();
  const Tensor low = tensor({0, 0, 0, 0, 4}).requires_grad_();
  const Tensor high = tensor({1, 2, 1, 2, 3}).requires_grad_();
  const Tensor y = clamp(x, low, high);
  CHECK(y.to_vector<float>() == std::vector<float>{0, 0, 1, 2, 3});
  sum(y).backward();
  CHECK(x.grad().to_vector<float>() == std::vector<float>{0, 1, 1, 0, 0});
  CHECK(low.grad().to_vector<float>() == std::vector<float>{1, 0, 0, 0, 0});
  CHECK(high.grad().to_vector<float>() == std::vector<float>{0, 0, 0, 1, 1});
}

TEST_CASE("lerp meets both of its ends exactly", "[ops]") {
  const Tensor a = tensor({0.1, 1e8, -3}), b = tensor({0.3, 1, 7});
  CHECK(lerp(a, b, 0).to_vector<float>() == a.to_vector<float>());
  CHECK(lerp(a, b, 1).to_vector<float>() == b.to_vector<float>());
  CHECK(lerp(a, b, ones({3})).to_vector<float>() == b.to_vector<float>());
}

TEST_CASE("third derivatives come out of the rules", "[ops]") {
  const auto nth = [](const Tensor1& f, double at, int n) {
    Tensor x = tensor(at, float64).requires_grad_();
    Tensor y = f(x);
    for (int i = 0; i < n; ++i) y = grad(y, {x}, {.create_graph = true})[0];
    return y.item();
  };
  const double t = std::tanh(0.3), s = 1 / (1 + std::exp(-0.3));
  CHECK(nth(tanh, 0.3, 3) == Approx((1 - t * t) * (6 * t * t - 2)));
  CHECK(nth(sigmoid, 0.3, 3) == Approx(s * (1 - s) * (1 - 6 * s + 6 * s * s)));
  CHECK(nth([](const Tensor& x) { return gelu(x); }, 0.3, 3) ==
        Approx(std::exp(-0.045) * 0.3989422804014327 * (0.027 - 4 * 0.3)));
  CHECK(nth([](const Tensor& x) { return pow(x, 5); }, 0.3, 4) == Approx(120 * 0.3));
  CHECK(nth(log, 0.5, 4) == Approx(-6 / 0.0625));
  CHECK(nth(relu, 0.5, 2) == 0);
  CHECK(nth([](const Tensor& x) { return elu(x, 2); }, -0.3, 4) == Approx(2 * std::exp(-0.3)));
}
