// What the tests of kernels share.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

namespace gradus::test {

inline constexpr std::int64_t lengths[] = {0, 1, 7, 15, 16, 17, 33, 1000};

inline std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

inline std::vector<float> random_values(std::int64_t n, unsigned seed, float low = -3,
                                        float high = 3) {
  std::mt19937 source(seed);
  std::uniform_real_distribution<float> pick(low, high);
  std::vector<float> v(at(n));
  for (float& x : v) x = pick(source);
  return v;
}

inline std::vector<double> widen(const std::vector<float>& v) { return {v.begin(), v.end()}; }

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

/// The largest |got - want| / max(1, |want|); NaN agrees with NaN only.
template <class T, class U>
double largest_error(const std::vector<T>& got, const std::vector<U>& want) {
  double largest = got.size() == want.size() ? 0 : INFINITY;
  for (std::size_t i = 0; i < std::min(got.size(), want.size()); ++i) {
    const auto g = static_cast<double>(got[i]), w = static_cast<double>(want[i]);
    if ((std::isnan(g) && std::isnan(w)) || g == w) continue;
    const double error = std::abs(g - w) / std::max(1.0, std::abs(w));
    largest = error <= largest ? largest : error;
    if (std::isnan(error)) return INFINITY;
  }
  return largest;
}

}  // namespace gradus::test
