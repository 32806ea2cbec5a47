#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "gradus/runtime.hpp"
#include "kernels/elementwise/elementwise.hpp"
#include "kernels/kernel_support.hpp"
#include "support/catch.hpp"

using namespace gradus;
using namespace gradus::kernels;
using namespace gradus::test;

namespace {

#define GRADUS_NAME(name, ...) Unary::name,
const Unary all_unary[] = {GRADUS_UNARY(GRADUS_NAME)};
#undef GRADUS_NAME
#define GRADUS_NAME(name, ...) Binary::name,
const Binary all_binary[] = {GRADUS_BINARY(GRADUS_NAME)};
#undef GRADUS_NAME

}  // namespace

TEST_CASE("a value depends neither on its position nor on the length") {
  const std::vector<float> x = random_values(1000, 1, 0.1f, 0.9f), z = random_values(1000, 2);
  for (const Unary op : all_unary) {
    std::vector<float> whole(1000);
    run(Map{op, float32, x.data(), whole.data(), 1000, 0.7, 20});
    for (const Index n : lengths) {
      std::vector<float> part(at(n) + 1, 42.f);
      run(Map{op, float32, x.data() + 1000 - n, part.data(), n, 0.7, 20});
      INFO("operation " << static_cast<int>(op) << ", n " << n);
      CHECK(part[at(n)] == 42.f);
      part.pop_back();
      CHECK(same_bits(part, std::vector<float>(whole.end() - n, whole.end())));
    }
  }
  for (const Binary op : all_binary) {
    std::vector<float> whole(1000);
    run(Zip{op, float32, z.data(), x.data(), whole.data(), same_shape(1000), 0.7, 20});
    for (const Index n : lengths) {
      std::vector<float> part(at(n) + 1, 42.f);
      run(Zip{op, float32, z.data() + 1000 - n, x.data() + 1000 - n, part.data(), same_shape(n),
              0.7, 20});
      INFO("operation " << static_cast<int>(op) << ", n " << n);
      CHECK(part[at(n)] == 42.f);
      part.pop_back();
      CHECK(same_bits(part, std::vector<float>(whole.end() - n, whole.end())));
    }
  }
}

TEST_CASE("float32 and float64 agree in every operation") {
  const std::vector<float> x = random_values(500, 3), z = random_values(500, 4);
  const std::vector<double> x64(x.begin(), x.end()), z64(z.begin(), z.end());
  for (const Unary op : all_unary) {
    std::vector<float> y(500);
    std::vector<double> want(500);
    run(Map{op, float32, x.data(), y.data(), 500, 0.75, 2});
    run(Map{op, float64, x64.data(), want.data(), 500, 0.75, 2});
    INFO("operation " << static_cast<int>(op));
    CHECK(largest_error(y, want) < 2e-5);
  }
  for (const Binary op : all_binary) {
    // These jump, and a rounding may lie on either side.
    if (op == Binary::remainder || op == Binary::fmod || op == Binary::floor_divide) continue;
    std::vector<float> y(500);
    std::vector<double> want(500);
    run(Zip{op, float32, x.data(), z.data(), y.data(), same_shape(500), 0.75, 2});
    run(Zip{op, float64, x64.data(), z64.data(), want.data(), same_shape(500), 0.75, 2});
    INFO("operation " << static_cast<int>(op));
    CHECK(largest_error(y, want) < 2e-5);
  }
}

TEST_CASE("gradient operations are the derivatives of their functions") {
  struct Pair {
    Unary f;
    Binary grad;
    bool of_output;
    double p, q;
  };
  const Pair pairs[] = {{Unary::tanh, Binary::tanh_grad, true, 0, 0},
                        {Unary::sigmoid, Binary::sigmoid_grad, true, 0, 0},
                        {Unary::relu, Binary::relu_grad, true, 0, 0},
                        {Unary::relu6, Binary::relu6_grad, false, 0, 0},
                        {Unary::gelu, Binary::gelu_grad, false, 0, 0},
                        {Unary::gelu_tanh, Binary::gelu_tanh_grad, false, 0, 0},
                        {Unary::silu, Binary::silu_grad, false, 0, 0},
                        {Unary::mish, Binary::mish_grad, false, 0, 0},
                        {Unary::softplus, Binary::softplus_grad, false, 2, 20},
                        {Unary::logsigmoid, Binary::logsigmoid_grad, false, 0, 0},
                        {Unary::leaky_relu, Binary::leaky_relu_grad, false, 0.1, 0},
                        {Unary::elu, Binary::elu_grad, false, 1.3, 0},
                        {Unary::celu, Binary::celu_grad, false, 1.3, 0},
                        {Unary::selu, Binary::selu_grad, false, 0, 0},
                        {Unary::hardswish, Binary::hardswish_grad, false, 0, 0},
                        {Unary::hardsigmoid, Binary::hardsigmoid_grad, false, 0, 0},
                        {Unary::softsign, Binary::softsign_grad, false, 0, 0},
                        {Unary::erf, Binary::erf_grad, false, 0, 0},
                        {Unary::clamp, Binary::clamp_grad, false, -0.5, 0.8}};
  for (const Pair& pair : pairs) {
    for (const double x : {-7.3, -2.9, -1.1, -0.3, 0.2, 0.7, 1.9, 2.95, 5.5, 6.4, 9.1}) {
      const double h = 1e-6, g = 1.7, low = x - h, high = x + h;
      double y = 0, a = 0, b = 0, d = 0;
      run(Map{pair.f, float64, &x, &y, 1, pair.p, pair.q});
      run(Map{pair.f, float64, &low, &a, 1, pair.p, pair.q});
      run(Map{pair.f, float64, &high, &b, 1, pair.p, pair.q});
      run(Zip{pair.grad, float64, &g, pair.of_output ? &y : &x, &d, same_shape(1), pair.p, pair.q});
      INFO("function " << static_cast<int>(pair.f) << " at " << x);
      CHECK(std::abs(d - g * (b - a) / (2 * h)) < 1e-8);
    }
  }
}

TEST_CASE("a zero upstream gives a zero gradient, whatever the input") {
  const float inf = std::numeric_limits<float>::infinity(), zero = 0;
  for (const Binary op : all_binary) {
    if (op < Binary::relu_grad) continue;
    for (const float x : {-inf, inf, -100.f, 100.f, 0.f}) {
      float d = 1;
      run(Zip{op, float32, &zero, &x, &d, same_shape(1), 1, 20});
      INFO("operation " << static_cast<int>(op) << " at " << x);
      CHECK(d == 0);
    }
  }
}

TEST_CASE("maximum, minimum, comparison and remainder follow PyTorch") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto apply = [](Binary op, float a, float b) {
    float y = 0;
    run(Zip{op, float32, &a, &b, &y, same_shape(1)});
    return y;
  };
  for (const Binary op : {Binary::maximum, Binary::minimum}) {
    CHECK(std::isnan(apply(op, nan, 1)));
    CHECK(std::isnan(apply(op, 1, nan)));
  }
  CHECK(apply(Binary::maximum, 1, 2) == 2);
  CHECK(apply(Binary::minimum, 1, 2) == 1);
  CHECK(apply(Binary::fmod, -5, 3) == -2);
  CHECK(apply(Binary::remainder, -5, 3) == 1);
  CHECK(apply(Binary::remainder, 5, -3) == -1);
  CHECK(apply(Binary::floor_divide, -5, 3) == -2);
  using Ints = std::vector<std::int64_t>;
  using Bools = std::vector<bool>;
  const std::int64_t a[] = {-7, 7, -7, 7, 5, INT64_MIN}, b[] = {2, -2, -2, 2, 0, -1};
  std::int64_t y[6];
  run(Zip{Binary::floor_divide, int64, a, b, y, same_shape(6)});
  CHECK(Ints(y, y + 4) == Ints{-4, -4, 3, 3});
  run(Zip{Binary::remainder, int64, a, b, y, same_shape(6)});
  CHECK(Ints(y, y + 4) == Ints{1, -1, -1, 1});
  bool r[6];
  run(Compare{CompareOp::lt, int64, a, b, r, same_shape(6)});
  CHECK(Bools(r, r + 6) == Bools{true, false, true, false, false, true});
  const float u[] = {nan, 1, 2}, v[] = {nan, 1, 3};
  run(Compare{CompareOp::eq, float32, u, v, r, same_shape(3)});
  CHECK(Bools(r, r + 3) == Bools{false, true, false});
  run(Compare{CompareOp::ne, float32, u, v, r, same_shape(3)});
  CHECK(Bools(r, r + 3) == Bools{true, false, true});
}

TEST_CASE("broadcasting agrees with indexing") {
  struct Shapes {
    std::vector<Index> out, a, b;
    bool fits;
  };
  const Shapes cases[] = {{{3, 5}, {3, 5}, {5}, true},
                          {{3, 5}, {3, 1}, {3, 5}, true},
                          {{4, 70}, {4, 70}, {70}, true},
                          {{4, 70}, {4, 1}, {1, 70}, true},
                          {{400, 300}, {300}, {400, 300}, true},
                          {{400, 3}, {400, 3}, {3}, true},
                          {{30000, 3}, {30000, 1}, {3}, true},
                          {{100000, 1}, {100000, 1}, {1}, true},
                          {{2, 40000}, {2, 1}, {40000}, true},
                          {{2, 3, 4}, {2, 1, 4}, {3, 4}, true},
                          {{2, 3, 100}, {2, 1, 100}, {3, 1}, true},
                          {{40, 30, 100}, {40, 1, 100}, {30, 1}, true},
                          {{6}, {}, {6}, true},
                          {{1, 1}, {1, 1}, {}, true},
                          {{0, 4}, {0, 4}, {4}, true},
                          {{2, 3, 2, 3}, {2, 1, 2, 1}, {1, 3, 1, 3}, false}};
  const auto count = [](const std::vector<Index>& d) {
    Index n = 1;
    for (const Index v : d) n *= v;
    return n;
  };
  for (const Shapes& c : cases) {
    Broadcast s;
    REQUIRE(s.fit(c.out, {c.a, c.b}) == c.fits);
    if (!c.fits) continue;
    const Index n = count(c.out);
    REQUIRE(s.n == n);
    const std::vector<float> a = random_values(count(c.a), 5), b = random_values(count(c.b), 6);
    const auto pick = [&](const std::vector<float>& v, const std::vector<Index>& d, Index i) {
      Index offset = 0, stride = 1;
      for (std::size_t k = 0; k < c.out.size(); ++k) {
        const Index size = c.out[c.out.size() - 1 - k], j = i % size;
        i /= size;
        if (k >= d.size()) break;
        const Index own = d[d.size() - 1 - k];
        if (own != 1) offset += j * stride;
        stride *= own;
      }
      return v[at(offset)];
    };
    std::vector<float> y(at(n)), difference(at(n)), least(at(n));
    const auto less = std::make_unique<bool[]>(at(n) + 1);
    bool right = true;
    run(Compare{CompareOp::lt, float32, a.data(), b.data(), less.get(), s});
    for (Index i = 0; i < n; ++i) {
      const float u = pick(a, c.a, i), v = pick(b, c.b, i);
      difference[at(i)] = u - v;
      least[at(i)] = std::min(u, v);
      right = right && less[at(i)] == (u < v);
    }
    INFO("rank " << s.rank << ", n " << n);
    CHECK(right);
    run(Zip{Binary::sub, float32, a.data(), b.data(), y.data(), s});
    CHECK(same_bits(y, difference));
    BroadcastOf<3> s3;
    REQUIRE(s3.fit(c.out, {c.out, c.a, c.b}));
    run(Where{float32, less.get(), a.data(), b.data(), y.data(), s3});
    CHECK(same_bits(y, least));
  }
}

TEST_CASE("elementwise results are the same bits for any number of threads, and in place") {
  const Index n = 100003;
  const std::vector<float> x = random_values(n, 7);
  std::vector<float> first(at(n)), second(at(n)), in_place = x;
  const int before = num_threads();
  set_num_threads(1);
  run(Map{Unary::gelu, float32, x.data(), first.data(), n});
  set_num_threads(3);
  run(Map{Unary::gelu, float32, x.data(), second.data(), n});
  run(Map{Unary::gelu, float32, in_place.data(), in_place.data(), n});
  set_num_threads(before);
  CHECK(same_bits(first, second));
  CHECK(same_bits(first, in_place));
}

TEST_CASE("casts, fills, predicates and three operands") {
  using Ints = std::vector<std::int64_t>;
  using Bools = std::vector<bool>;
  using Floats = std::vector<float>;
  const double x[] = {-1.7, 0, 2.9};
  std::int64_t i[3];
  run(Cast{float64, x, int64, i, 3});
  CHECK(Ints(i, i + 3) == Ints{-1, 0, 2});
  bool b[3];
  run(Cast{float64, x, boolean, b, 3});
  CHECK(Bools(b, b + 3) == Bools{true, false, true});
  float f[3];
  run(Cast{boolean, b, float32, f, 3});
  CHECK(Floats(f, f + 3) == Floats{1, 0, 1});
  run(Fill{float32, f, 2.5, 3});
  float y[] = {1, 2, 3};
  run(Zip{Binary::add, float32, y, f, y, same_shape(3)});
  CHECK(Floats(y, y + 3) == Floats{3.5, 4.5, 5.5});
  const float inf = std::numeric_limits<float>::infinity();
  const float odd[] = {std::numeric_limits<float>::quiet_NaN(), -inf, 1};
  kernels::run(kernels::Test{TestOp::isnan, float32, odd, b, 3});
  CHECK(Bools(b, b + 3) == Bools{true, false, false});
  kernels::run(kernels::Test{TestOp::isinf, float32, odd, b, 3});
  CHECK(Bools(b, b + 3) == Bools{false, true, false});
  kernels::run(kernels::Test{TestOp::isfinite, float32, odd, b, 3});
  CHECK(Bools(b, b + 3) == Bools{false, false, true});
  const float p[] = {1, 2, 3}, q[] = {5, 6, 7}, w[] = {0, 0.5f, 1};
  run(Zip3{Ternary::lerp, float32, p, q, w, y, 3});
  CHECK(Floats(y, y + 3) == Floats{1, 4, 7});
  run(Zip3{Ternary::addcmul, float32, p, q, w, y, 3, 2});
  CHECK(Floats(y, y + 3) == Floats{1, 8, 17});
  double line[3];
  run(Arange{float64, line, 1, 0.5, 3});
  CHECK(std::vector<double>(line, line + 3) == std::vector<double>{1, 1.5, 2});
}
