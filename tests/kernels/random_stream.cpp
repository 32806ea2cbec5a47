#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "gradus/runtime.hpp"
#include "kernels/elementwise/random.hpp"
#include "support/catch.hpp"

using namespace gradus;

TEST_CASE("Philox has its published test vector") {
  CHECK(philox(0, 0) ==
        std::array<std::uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
}

namespace {

/// Philox 4x32-10 as its authors write it, a block at a time.
std::array<std::uint32_t, 4> plain_philox(std::uint64_t seed, std::uint64_t counter) {
  std::uint32_t w[4] = {static_cast<std::uint32_t>(counter),
                        static_cast<std::uint32_t>(counter >> 32), 0, 0};
  auto key0 = static_cast<std::uint32_t>(seed), key1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53} * w[0], b = std::uint64_t{0xCD9E8D57} * w[2];
    w[0] = static_cast<std::uint32_t>(b >> 32) ^ w[1] ^ key0;
    w[1] = static_cast<std::uint32_t>(b);
    w[2] = static_cast<std::uint32_t>(a >> 32) ^ w[3] ^ key1;
    w[3] = static_cast<std::uint32_t>(a);
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  return {w[0], w[1], w[2], w[3]};
}

}  // namespace

TEST_CASE("masks take the words of plain Philox, 16 blocks word after word, on every processor") {
  for (const std::uint64_t seed : {0x0ull, 0x9E3779B97F4A7C15ull, ~0ull})
    for (const std::uint64_t offset : {0x0ull, 0xfffffff9ull, 0xfffffffffull, ~0ull - 20})
      for (const std::int64_t n : {1, 15, 16, 63, 64, 65, 130}) {
        const std::vector<double> x(static_cast<std::size_t>(n), 1.0);
        std::vector<double> y(x.size());
        kernels::run(kernels::Dropout{float64, x.data(), y.data(), n, 0.75, {seed, offset}});
        bool right = true;
        for (std::size_t i = 0; i < y.size(); ++i) {
          const auto words = plain_philox(seed, offset + i / 64 * 16 + i % 16);
          right = right && y[i] == (words[i % 64 / 16] < 0x40000000 ? 4 : 0);
        }
        INFO("seed " << seed << ", offset " << offset << ", n " << n);
        CHECK(right);
        CHECK(philox(seed, offset) == plain_philox(seed, offset));
      }
}

TEST_CASE("random element i depends on seed, offset and i alone") {
  const int before = num_threads();
  std::vector<float> whole(100001), three(100001), part(77);
  std::vector<double> normals(100001), few(33);
  set_num_threads(1);
  kernels::run(kernels::Random{
      kernels::Distribution::uniform, float32, whole.data(), 100001, -1, 1, {7, 5}});
  kernels::run(kernels::Random{
      kernels::Distribution::normal, float64, normals.data(), 100001, 0, 1, {7, 5}});
  set_num_threads(3);
  kernels::run(kernels::Random{
      kernels::Distribution::uniform, float32, three.data(), 100001, -1, 1, {7, 5}});
  set_num_threads(before);
  CHECK(whole == three);
  kernels::run(
      kernels::Random{kernels::Distribution::uniform, float32, part.data(), 77, -1, 1, {7, 5}});
  CHECK(std::equal(part.begin(), part.end(), whole.begin()));
  kernels::run(kernels::Random{kernels::Distribution::uniform,
                               float32,
                               part.data(),
                               77,
                               -1,
                               1,
                               {7, 5 + philox_blocks(100)}});
  CHECK(std::equal(part.begin(), part.end(), whole.begin() + 100));
  kernels::run(
      kernels::Random{kernels::Distribution::normal, float64, few.data(), 33, 0, 1, {7, 5}});
  CHECK(std::equal(few.begin(), few.end(), normals.begin()));
  kernels::run(
      kernels::Random{kernels::Distribution::uniform, float32, part.data(), 77, -1, 1, {8, 5}});
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
  kernels::run(kernels::Random{kernels::Distribution::uniform, float64, x.data(), n, 2, 5, {1, 0}});
  auto [mean, variance] = moments(x);
  CHECK(std::abs(mean - 3.5) < 0.01);
  CHECK(std::abs(variance - 0.75) < 0.01);
  CHECK(*std::min_element(x.begin(), x.end()) >= 2);
  CHECK(*std::max_element(x.begin(), x.end()) < 5);
  kernels::run(kernels::Random{kernels::Distribution::normal, float64, x.data(), n, -1, 2, {1, 0}});
  std::tie(mean, variance) = moments(x);
  CHECK(std::abs(mean + 1) < 0.02);
  CHECK(std::abs(variance - 4) < 0.05);
  std::vector<std::int64_t> k(static_cast<std::size_t>(n));
  kernels::run(kernels::RandomIntegers{k.data(), n, -3, 4, {1, 0}});
  std::vector<int> count(7);
  for (const std::int64_t v : k) {
    REQUIRE((v >= -3 && v < 4));
    ++count[static_cast<std::size_t>(v + 3)];
  }
  for (const int c : count) CHECK(std::abs(c - 200000 / 7) < 700);
  std::vector<float> edge(1000);
  kernels::run(kernels::Random{kernels::Distribution::uniform,
                               float32,
                               edge.data(),
                               1000,
                               1,
                               std::nextafter(1.f, 2.f),
                               {1, 0}});
  for (const float v : edge) REQUIRE(v == 1.f);
}

TEST_CASE("dropout keeps the mask of its seed and scales what it keeps") {
  const std::int64_t n = 100000;
  const std::vector<float> x(static_cast<std::size_t>(n), 3.f);
  std::vector<float> y(x.size()), g(x.size(), 1.f);
  kernels::run(kernels::Dropout{float32, x.data(), y.data(), n, 0.25, {9, 100}});
  kernels::run(kernels::Dropout{float32, g.data(), g.data(), n, 0.25, {9, 100}});
  std::int64_t kept = 0;
  bool right = true;
  for (std::size_t i = 0; i < y.size(); ++i) {
    // Blocks go 16 side by side, the first words of all of them before the second ones.
    const bool keeps = philox(9, 100 + i / 64 * 16 + i % 16)[i % 64 / 16] < 3U << 30;
    kept += keeps;
    right = right && y[i] == (keeps ? 4.f : 0.f) && (g[i] != 0) == keeps;
  }
  CHECK(right);
  CHECK(std::abs(static_cast<double>(kept) / static_cast<double>(n) - 0.75) < 0.01);
  kernels::run(kernels::Dropout{float32, x.data(), y.data(), n, 1, {9, 100}});
  CHECK(std::count(y.begin(), y.end(), 0.f) == n);
  kernels::run(kernels::Dropout{float32, x.data(), y.data(), n, 0, {9, 100}});
  CHECK(y == x);
}
