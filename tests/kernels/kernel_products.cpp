#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "gradus/runtime.hpp"
#include "kernels/kernel_support.hpp"
#include "kernels/products/gemm.hpp"
#include "kernels/products/gemm_bf16.hpp"
#include "kernels/products/zeros.hpp"
#include "support/catch.hpp"

using namespace gradus;
using namespace gradus::kernels;
using gradus::test::at;
using gradus::test::largest_error;
using gradus::test::random_values;
using gradus::test::same_bits;
using gradus::test::widen;

namespace {

struct Sizes {
  Index m, n, k;
};

const Sizes sizes[] = {
    {0, 3, 2},     {3, 0, 2},      {3, 4, 0},      {1, 1, 1},       {4, 8, 2},     {4, 1, 8},
    {8, 8, 8},     {16, 16, 16},   {32, 64, 4},    {32, 3, 32},     {7, 17, 5},    {13, 65, 33},
    {64, 10, 128}, {33, 100, 400}, {70, 130, 900}, {1, 300, 64},    {300, 1, 64},  {100, 200, 30},
    {5, 33, 1100}, {210, 70, 300}, {1040, 70, 60}, {60, 1040, 140}, {20, 550, 390}};

std::vector<double> naive(bool ta, bool tb, const Sizes& s, const std::vector<float>& a,
                          const std::vector<float>& b, double beta, const std::vector<float>& c) {
  std::vector<double> out;
  for (Index i = 0; i < s.m; ++i) {
    for (Index j = 0; j < s.n; ++j) {
      double sum = beta == 0 ? 0 : beta * static_cast<double>(c[at(i * s.n + j)]);
      for (Index p = 0; p < s.k; ++p) {
        sum += static_cast<double>(a[at(ta ? p * s.m + i : i * s.k + p)]) *
               static_cast<double>(b[at(tb ? j * s.k + p : p * s.n + j)]);
      }
      out.push_back(sum);
    }
  }
  return out;
}

std::vector<float> absolute(std::vector<float> x) {
  for (float& v : x) v = std::abs(v);
  return x;
}

/// The largest |got - want| / size.
template <class T>
double largest_ratio(const std::vector<T>& got, const std::vector<double>& want,
                     const std::vector<double>& size) {
  double largest = got.size() == want.size() ? 0 : INFINITY;
  for (std::size_t i = 0; i < std::min(got.size(), want.size()); ++i) {
    if (static_cast<double>(got[i]) == want[i]) continue;
    const double ratio = std::abs(static_cast<double>(got[i]) - want[i]) / size[i];
    if (std::isnan(ratio)) return INFINITY;
    largest = std::max(largest, ratio);
  }
  return largest;
}

}  // namespace

TEST_CASE("products agree with plain loops for every transposition and beta") {
  for (const Sizes& s : sizes) {
    const std::vector<float> a = random_values(s.m * s.k, 1), b = random_values(s.n * s.k, 2),
                             c = random_values(s.m * s.n, 3);
    for (const bool ta : {false, true}) {
      for (const bool tb : {false, true}) {
        for (const double beta : {0., 1., 0.5}) {
          std::vector<float> y = c;
          if (beta == 0) std::fill(y.begin(), y.end(), std::numeric_limits<float>::quiet_NaN());
          std::vector<double> y64 = widen(y);
          const std::vector<double> a64 = widen(a), b64 = widen(b),
                                    want = naive(ta, tb, s, a, b, beta, c);
          const Index lda = ta ? s.m : s.k, ldb = tb ? s.k : s.n;
          run(Gemm{float32, ta, tb, s.m, s.n, s.k, a.data(), lda, b.data(), ldb, beta, y.data(),
                   s.n});
          run(Gemm{float64, ta, tb, s.m, s.n, s.k, a64.data(), lda, b64.data(), ldb, beta,
                   y64.data(), s.n});
          INFO(s.m << " " << s.n << " " << s.k << " " << ta << tb << " beta " << beta);
          // Rounding grows with the sum of absolute values, which entries near 0 do not show.
          const std::vector<double> size =
              naive(ta, tb, s, absolute(a), absolute(b), beta, absolute(c));
          CHECK(largest_ratio(y, want, size) < static_cast<double>(s.k + 2) * 0x1p-24);
          CHECK(largest_ratio(y64, want, size) < 2 * static_cast<double>(s.k + 2) * 0x1p-53);
        }
      }
    }
  }
}

TEST_CASE("products are the same bits for any number of threads") {
  const int before = num_threads();
  for (const Sizes& s : {Sizes{64, 256, 128}, Sizes{784, 128, 64}, Sizes{33, 500, 70},
                         Sizes{512, 129, 300}, Sizes{513, 1025, 17}, Sizes{20, 1100, 90}}) {
    const std::vector<float> a = random_values(s.m * s.k, 1), b = random_values(s.n * s.k, 2),
                             c = random_values(s.m * s.n, 3);
    for (const bool ta : {false, true})
      for (const bool tb : {false, true}) {
        const Index lda = ta ? s.m : s.k, ldb = tb ? s.k : s.n;
        std::vector<float> alone;
        for (const int threads : {1, 2, 3, 8}) {
          set_num_threads(threads);
          std::vector<float> y = c;
          run(Gemm{float32, ta, tb, s.m, s.n, s.k, a.data(), lda, b.data(), ldb, 1, y.data(), s.n});
          if (threads == 1) alone = y;
          CHECK(same_bits(y, alone));
        }
      }
  }
  set_num_threads(before);
}

TEST_CASE("a product reads and writes inside its matrices only, and propagates NaN") {
  const Sizes s{6, 5, 4};
  std::vector<float> c(6 * 9, 42.f);
  const std::vector<float> a(6 * 7, 1.f), b(4 * 8, 1.f);
  run(Gemm{float32, false, false, s.m, s.n, s.k, a.data(), 7, b.data(), 8, 0, c.data(), 9});
  for (Index i = 0; i < 6; ++i) {
    for (Index j = 0; j < 9; ++j) CHECK(c[at(i * 9 + j)] == (j < 5 ? 4.f : 42.f));
  }
  const float nan = std::numeric_limits<float>::quiet_NaN(), zero = 0;
  float y = 0;
  run(Gemm{float32, false, false, 1, 1, 1, &nan, 1, &zero, 1, 0, &y, 1});
  CHECK(std::isnan(y));
}

TEST_CASE("zeros of a factor hide infinities in large products, and ones hide nothing") {
  const Sizes s{20, 21, 22};
  for (const bool first : {true, false}) {
    std::vector<float> a = random_values(s.m * s.k, 1), b = random_values(s.k * s.n, 2);
    for (Index i = 0; i < s.m; ++i) a[at(i * s.k + 5)] = 1, a[at(i * s.k + 3)] = first ? 0.f : 2.f;
    for (Index j = 0; j < s.n; ++j) b[at(5 * s.n + j)] = 1, b[at(3 * s.n + j)] = first ? 2.f : 0.f;
    const std::vector<double> want = naive(false, false, s, a, b, 0, {});
    const std::vector<double> size = naive(false, false, s, absolute(a), absolute(b), 0, {});
    // Beside zeros in all of a column of a, or of a row of b.
    if (first)
      b[at(3 * s.n)] = INFINITY;
    else
      a[at(3)] = INFINITY;
    std::vector<float> c(at(s.m * s.n));
    run(Gemm{float32, false, false, s.m, s.n, s.k, a.data(), s.k, b.data(), s.n, 0, c.data(), s.n,
             first ? Zeros::first : Zeros::second});
    INFO(first);
    CHECK(largest_ratio(c, want, size) < 1e-6);
  }
}

TEST_CASE("batches of products") {
  for (const Sizes& s : {Sizes{3, 4, 5}, Sizes{40, 50, 60}, Sizes{200, 170, 150}}) {
    const Index batch = 6;
    const std::vector<float> a = random_values(batch * s.m * s.k, 1),
                             b = random_values(s.n * s.k, 2);
    std::vector<float> y(at(batch * s.m * s.n));
    run(GemmBatched{float32, false, true, batch, s.m, s.n, s.k, a.data(), s.m * s.k, b.data(), 0,
                    y.data(), s.m * s.n});
    const Sizes whole{batch * s.m, s.n, s.k};  // one b: the same as one tall product
    CHECK(largest_error(y, naive(false, true, whole, a, b, 0, {})) < 1e-4);
  }
}

TEST_CASE("linear with activation agrees with its parts") {
  const auto act = [](Activation f, double z) {
    switch (f) {
      case Activation::none:
        return z;
      case Activation::relu:
        return std::max(z, 0.);
      case Activation::tanh:
        return std::tanh(z);
      case Activation::sigmoid:
        return 1 / (1 + std::exp(-z));
      case Activation::gelu:
        return z / 2 * std::erfc(-z / std::sqrt(2.));
      case Activation::silu:
        return z / (1 + std::exp(-z));
    }
    return z;
  };
  for (const Sizes& s : {Sizes{4, 8, 2}, Sizes{4, 1, 8}, Sizes{33, 10, 20}, Sizes{70, 130, 90}}) {
    const std::vector<float> x = random_values(s.m * s.k, 1, -1, 1),
                             w = random_values(s.n * s.k, 2, -1, 1), bias = random_values(s.n, 3);
    const std::vector<double> x64 = widen(x), w64 = widen(w), bias64 = widen(bias);
    for (const Activation f : {Activation::none, Activation::relu, Activation::tanh,
                               Activation::sigmoid, Activation::gelu, Activation::silu}) {
      std::vector<double> pre = naive(false, true, s, x, w, 0, {}), out;
      for (std::size_t i = 0; i < pre.size(); ++i) {
        pre[i] += bias64[i % bias64.size()];
        out.push_back(act(f, pre[i]));
      }
      std::vector<float> y(pre.size()), z(pre.size());
      std::vector<double> y64(pre.size());
      run(Linear{float32, f, s.m, s.n, s.k, x.data(), w.data(), bias.data(), y.data(), z.data()});
      run(Linear{float64, f, s.m, s.n, s.k, x64.data(), w64.data(), bias64.data(), y64.data(),
                 nullptr});
      INFO("activation " << static_cast<int>(f) << " of " << s.m << " " << s.n << " " << s.k);
      CHECK(largest_error(y, out) < 2e-5);
      CHECK(largest_error(z, pre) < 2e-5);
      CHECK(largest_error(y64, out) < 1e-12);
    }
  }
}

namespace {

/// The nearest number with 8 bits of mantissa, ties to even.
float rounded(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  return std::bit_cast<float>((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000);
}

std::vector<float> rounded(std::vector<float> x) {
  for (float& v : x) v = rounded(v);
  return x;
}

/// Products in bfloat16 while it lives.
struct Rounding {
  Rounding() { set_matmul_precision(Precision::bfloat16); }
  ~Rounding() { set_matmul_precision(Precision::full); }
};

}  // namespace

TEST_CASE("products in bfloat16 are those of the rounded factors, for any number of threads") {
  CHECK(matmul_precision() == Precision::full);
  if (!has_bf16()) {
    CHECK_THROWS_WITH(set_matmul_precision(Precision::bfloat16),
                      test::contains("[set_matmul_precision] bfloat16 was given"));
    WARN("skipped: no AVX512-BF16 here");
    return;
  }
  const Rounding guard;
  CHECK(matmul_precision() == Precision::bfloat16);
  CHECK(!prefers_bf16(16, 16, 16));
  const int before = num_threads();
  for (const Sizes& s : {Sizes{64, 300, 70}, Sizes{210, 75, 601}, Sizes{610, 1040, 33}}) {
    REQUIRE(prefers_bf16(s.m, s.n, s.k));
    const std::vector<float> a = random_values(s.m * s.k, 1), b = random_values(s.n * s.k, 2),
                             c = random_values(s.m * s.n, 3);
    for (const bool ta : {false, true}) {
      for (const bool tb : {false, true}) {
        for (const double beta : {0., 1.}) {
          const Index lda = ta ? s.m : s.k, ldb = tb ? s.k : s.n;
          std::vector<float> results[3];
          for (const int threads : {1, 2, 3}) {
            set_num_threads(threads);
            std::vector<float>& y = results[threads - 1] = c;
            run(Gemm{float32, ta, tb, s.m, s.n, s.k, a.data(), lda, b.data(), ldb, beta, y.data(),
                     s.n});
          }
          CHECK(same_bits(results[0], results[1]));
          CHECK(same_bits(results[0], results[2]));
          const std::vector<double> want = naive(ta, tb, s, rounded(a), rounded(b), beta, c);
          const std::vector<double> size =
              naive(ta, tb, s, absolute(a), absolute(b), beta, absolute(c));
          CHECK(largest_ratio(results[0], want, size) < 1e-5);
        }
      }
    }
  }
  // The fused form adds bias and activation to the same product.
  const Index m = 64, n = 130, k = 200;
  const std::vector<float> x = random_values(m * k, 4), w = random_values(n * k, 5),
                           bias = random_values(n, 6);
  std::vector<float> product(at(m * n)), out(at(m * n)), pre(at(m * n));
  run(Gemm{float32, false, true, m, n, k, x.data(), k, w.data(), k, 0, product.data(), n});
  run(Linear{float32, Activation::relu, m, n, k, x.data(), w.data(), bias.data(), out.data(),
             pre.data()});
  set_num_threads(before);
  bool right = true;
  for (Index i = 0; i < m * n; ++i) {
    const float z = product[at(i)] + bias[at(i % n)];
    right = right && pre[at(i)] == z && out[at(i)] == (z <= 0 ? 0 : z);
  }
  CHECK(right);
}
