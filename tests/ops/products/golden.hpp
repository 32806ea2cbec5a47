#pragma once

#include <vector>

#include "gradus/tensor.hpp"
#include "support/catch.hpp"

namespace gradus::test {

inline void check_values(const Tensor& got, const std::vector<double>& want) {
  const std::vector<double> values = got.to_vector<double>();
  REQUIRE(values.size() == want.size());
  for (std::size_t i = 0; i < want.size(); ++i)
    CHECK(values[i] == Approx(want[i]).epsilon(1e-13).margin(1e-14));
}

}  // namespace gradus::test
