#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "core/random.hpp"
#include "gradus/threads.hpp"
#include "support/catch.hpp"

using namespace gradus;

TEST_CASE("Philox has its published test vector") {
  CHECK(philox(0, 0) ==
        std::array<std::uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
}

TEST_CASE("random element i depends on seed, offset and i alone") {
  const int before = num_threads();
  std::vector<float> whole(100001), three(100001), part(77);
  std::vector<double> normals(100001), few(33);
  set_num_threads(1);
  kernels::uniform(float32, whole.data(), 100001, -1, 1, 7, 5);
  kernels::normal(float64, normals.data(), 100001, 0, 1, 7, 5);
  set_num_threads(3);
  kernels::uniform(float32, three.data(), 100001, -1, 1, 7, 5);
  set_num_threads(before);
  CHECK(whole == three);
  kernels::uniform(float32, part.data(), 77, -1, 1, 7, 5);
  CHECK(std::equal(part.begin(), part.end(), whole.begin()));
  kernels::uniform(float32, part.data(), 77, -1, 1, 7, 5 + philox_blocks(100));
  CHECK(std::equal(part.begin(), part.end(), whole.begin() + 100));
  kernels::normal(float64, few.data(), 33, 0, 1, 7, 5);
  CHECK(std::equal(few.begin(), few.end(), normals.begin()));
  kernels::uniform(float32, part.data(), 77, -1, 1, 8, 5);
  CHECK(!std::equal(part.begin(), part.end(), whole.begin()));
}

TEST_CASE("random numbers have the moments and bounds of their distribution") {
  const std::int64_t n = 200000;
  const auto moments = [](const std::vector<double>& x) {
    double mean = 0, square = 0;
    for (const double v : x) mean += v / static_cast<double>(x.size());
    for (const double v : x) square += (v - mean) * (v - mean) / static_cast<double>(x.size());
    return std::pair(mean, square);
  };
  std::vector<double> x(static_cast<std::size_t>(n));
  kernels::uniform(float64, x.data(), n, 2, 5, 1, 0);
  auto [mean, variance] = moments(x);
  CHECK(std::abs(mean - 3.5) < 0.01);
  CHECK(std::abs(variance - 0.75) < 0.01);
  CHECK(*std::min_element(x.begin(), x.end()) >= 2);
  CHECK(*std::max_element(x.begin(), x.end()) < 5);
  kernels::normal(float64, x.data(), n, -1, 2, 1, 0);
  std::tie(mean, variance) = moments(x);
  CHECK(std::abs(mean + 1) < 0.02);
  CHECK(std::abs(variance - 4) < 0.05);
  std::vector<std::int64_t> k(static_cast<std::size_t>(n));
  kernels::randint(k.data(), n, -3, 4, 1, 0);
  std::vector<int> count(7);
  for (const std::int64_t v : k) {
    REQUIRE((v >= -3 && v < 4));
    ++count[static_cast<std::size_t>(v + 3)];
  }
  for (const int c : count) CHECK(std::abs(c - 200000 / 7) < 700);
  std::vector<float> edge(1000);
  kernels::uniform(float32, edge.data(), 1000, 1, std::nextafter(1.f, 2.f), 1, 0);
  for (const float v : edge) REQUIRE(v == 1.f);
}

TEST_CASE("dropout keeps the mask of its seed and scales what it keeps") {
  const std::int64_t n = 100000;
  const std::vector<float> x(static_cast<std::size_t>(n), 3.f);
  std::vector<float> y(x.size()), g(x.size(), 1.f);
  kernels::dropout(float32, x.data(), y.data(), n, 0.25, 9, 100);
  kernels::dropout(float32, g.data(), g.data(), n, 0.25, 9, 100);
  const auto mask = std::make_unique<bool[]>(x.size());
  kernels::bernoulli(mask.get(), n, 0.75, 9, 100);
  std::int64_t kept = 0;
  bool right = true;
  for (std::size_t i = 0; i < y.size(); ++i) {
    kept += mask[i];
    right = right && y[i] == (mask[i] ? 4.f : 0.f) && (g[i] != 0) == mask[i];
  }
  CHECK(right);
  CHECK(std::abs(static_cast<double>(kept) / static_cast<double>(n) - 0.75) < 0.01);
  kernels::dropout(float32, x.data(), y.data(), n, 1, 9, 100);
  CHECK(std::count(y.begin(), y.end(), 0.f) == n);
  kernels::dropout(float32, x.data(), y.data(), n, 0, 9, 100);
  CHECK(y == x);
}
