// What the tests of captured steps share.
#pragma once
#include <cstring>

#include "gradus/gradus.hpp"
#include "support/catch.hpp"

namespace gradus::test {

using Tensors = std::vector<Tensor>;

/// From more elements on a captured step does chains tile by tile.
inline constexpr Index chain_tile = 2048;

/// True if both hold the same bits, NaN and the sign of 0 included; or none.
inline bool same_bits(const Tensor& a, const Tensor& b) {
  if (!a.defined() || !b.defined()) return a.defined() == b.defined();
  if (!(a.shape() == b.shape()) || a.dtype() != b.dtype()) return false;
  const auto equal = [](const auto& x, const auto& y) {
    return x.empty() || std::memcmp(x.data(), y.data(), x.size() * sizeof x[0]) == 0;
  };
  const Tensor x = a.detach(), y = b.detach();
  if (x.dtype() == float32) return equal(x.to_vector<float>(), y.to_vector<float>());
  if (x.dtype() == float64) return equal(x.to_vector<double>(), y.to_vector<double>());
  return equal(x.to(int64).to_vector<std::int64_t>(), y.to(int64).to_vector<std::int64_t>());
}

inline void require_same(const Tensors& a, const Tensors& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    INFO("result " << i);
    REQUIRE(same_bits(a[i], b[i]));
  }
}

/// While it lives, a team of so many threads.
struct Team {
  explicit Team(int n) : before(num_threads()) { set_num_threads(n); }
  ~Team() { set_num_threads(before); }
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;
  int before;
};

}  // namespace gradus::test
