// Copies, selections and products of kernels in layouts that take their own path.
#include <numeric>

#include "gradus/ops.hpp"
#include "kernels/kernel_support.hpp"
#include "kernels/move/copy.hpp"
#include "kernels/reduce/reduce.hpp"
#include "support/catch.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

std::vector<float> counted(Index n) {
  std::vector<float> values(at(n));
  std::iota(values.begin(), values.end(), 1.f);
  return values;
}

/// The element at each position, one index after another.
std::vector<float> copied(const std::vector<float>& src, const std::vector<Index>& strides,
                          const std::vector<Index>& dims) {
  std::vector<float> out;
  std::vector<Index> index(dims.size(), 0);
  const Index n = std::accumulate(dims.begin(), dims.end(), Index{1}, std::multiplies<>());
  for (Index i = 0; i < n; ++i) {
    Index from = 0;
    for (std::size_t d = 0; d < dims.size(); ++d) from += index[d] * strides[d];
    out.push_back(src[at(from)]);
    for (std::size_t d = dims.size(); d-- > 0 && ++index[d] == dims[d];) index[d] = 0;
  }
  return out;
}

}  // namespace

TEST_CASE("copies agree with plain loops for every order of the strides") {
  struct Layout {
    std::vector<Index> strides, dims;
  };
  for (const Layout& s :
       {Layout{{0, 2}, {5, 7}}, Layout{{0, 1}, {5, 7}}, Layout{{42, 210, 1, 7}, {5, 3, 7, 6}},
        Layout{{1000, 3, 200, 1, 20}, {4, 5, 5, 8, 6}},
        Layout{{8, 1000, 100, 1, 20}, {2, 4, 5, 8, 5}}, Layout{{1, 700}, {700, 900}},
        Layout{{1, 1100}, {1030, 1100}}}) {
    const auto rank = s.dims.size();
    Index last = 0, n = 1;
    for (std::size_t d = 0; d < rank; ++d) last += (s.dims[d] - 1) * s.strides[d], n *= s.dims[d];
    const std::vector<float> src = counted(last + 1);
    std::vector<float> dst(at(n));
    kernels::run_strided<kernels::CopyStrided>(
        float32, src.data(), dst.data(), static_cast<int>(rank), s.dims.data(), s.strides.data());
    CHECK(same_bits(dst, copied(src, s.strides, s.dims)));
  }
}

TEST_CASE("many rows are selected, in pieces") {
  const Index rows = 9000, inner = 40;
  const std::vector<float> src = counted(100 * inner);
  std::vector<std::int64_t> index;
  for (Index i = 0; i < rows; ++i) index.push_back(i * 37 % 100);
  std::vector<float> dst(at(rows * inner)), expected;
  for (const std::int64_t i : index)
    expected.insert(expected.end(), src.begin() + i * inner, src.begin() + (i + 1) * inner);
  kernels::run(
      kernels::IndexSelect{float32, src.data(), index.data(), rows, dst.data(), {1, 100, inner}});
  CHECK(same_bits(dst, expected));
}

TEST_CASE("a scan reads nothing before its first row") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const bool reverse : {false, true}) {
    // Two rows of three places, two numbers each, with NaN around them.
    std::vector<float> a(12, 2.f), b = counted(12), h(36, nan);
    kernels::run(
        kernels::LinearScan{float32, a.data(), b.data(), h.data() + 12, {2, 3, 2}, reverse});
    std::vector<float> expected(12);
    for (std::size_t o = 0; o < 2; ++o)
      for (std::size_t i = 0; i < 2; ++i) {
        float sum = 0;
        for (std::size_t t = 0; t < 3; ++t) {
          const std::size_t place = o * 6 + (reverse ? 2 - t : t) * 2 + i;
          expected[place] = sum = 2 * sum + b[place];
        }
      }
    CHECK(same_bits(std::vector<float>(h.begin() + 12, h.begin() + 24), expected));
  }
}

TEST_CASE("powers of two vanish or overflow far outside their range") {
  const Tensor x = tensor({-1000, -300, -200, -151, 0, 3, 127, 128.5, 300, 1000});
  const std::vector<double> y = exp2(x).to_vector<double>();
  const double inf = std::numeric_limits<double>::infinity();
  CHECK(y == std::vector<double>{0, 0, 0, 0, 1, 8, std::ldexp(1.0, 127), inf, inf, inf});
}

TEST_CASE("inner products of any length count every element once") {
  for (const Index n : {0, 1, 7, 8, 9, 15, 16, 17, 40, 41}) {
    const auto last = static_cast<double>(n);
    for (const DType t : {float32, float64})
      CHECK(dot(arange(1, last + 1, 1, t), ones({n}, t)).item<double>() == last * (last + 1) / 2);
  }
}
