#include <cmath>
#include <limits>

#include "gradus/autograd.hpp"
#include "gradus/ops.hpp"
#include "support/catch.hpp"

using namespace gradus;
using gradus::test::contains;

// The corners of max, min and median, as PyTorch has them: docs/subgradients.md.
namespace {

using Numbers = std::vector<double>;
using Places = std::vector<Index>;
constexpr double inf = std::numeric_limits<double>::infinity();

template <class F>
Numbers slope(F f, const Tensor& x) {
  const Tensor leaf = x.detach().requires_grad_();
  return grad(sum(f(leaf)), {leaf})[0].template to_vector<double>();
}

}  // namespace

TEST_CASE(
    "extremes of everything share the gradient among ties, those along an axis pick the first") {
  for (const DType dtype : {float32, float64}) {
    const Tensor x = tensor({{3, 1, 3}, {3, 0, 0}}, dtype);
    const double third = dtype == float32 ? static_cast<double>(1.0F / 3) : 1.0 / 3;
    CHECK(slope([](const Tensor& t) { return max(t); }, x) ==
          Numbers{third, 0, third, third, 0, 0});
    CHECK(slope([](const Tensor& t) { return min(t); }, x) == Numbers{0, 0, 0, 0, 0.5, 0.5});
    CHECK(slope([](const Tensor& t) { return amax(t, {1}); }, x) == Numbers{0.5, 0, 0.5, 1, 0, 0});
    CHECK(slope([](const Tensor& t) { return amax(t, {0}); }, x) == Numbers{0.5, 1, 1, 0.5, 0, 0});
    CHECK(slope([](const Tensor& t) { return max(t, 1).values; }, x) == Numbers{1, 0, 0, 1, 0, 0});
    CHECK(slope([](const Tensor& t) { return max(t, 0).values; }, x) == Numbers{1, 1, 1, 0, 0, 0});
    CHECK(slope([](const Tensor& t) { return min(t, 1).values; }, x) == Numbers{0, 1, 0, 0, 1, 0});
    CHECK(max(x, 1).indices.to_vector<Index>() == Places{0, 0});
    CHECK(min(x, 1).indices.to_vector<Index>() == Places{1, 1});
    CHECK(argmax(x).item<Index>() == 0);
    CHECK(argmin(x, 0).to_vector<Index>() == Places{0, 1, 1});
  }
  // 0 and -0 are ties, and so are equal infinities.
  CHECK(argmax(tensor({-0.0, 0.0})).item<Index>() == 0);
  CHECK(argmin(tensor({0.0, -0.0})).item<Index>() == 0);
  CHECK(slope([](const Tensor& t) { return max(t); }, tensor({-inf, -inf})) == Numbers{0.5, 0.5});
  CHECK(max(tensor({5, 7, 7}, int64), 0).indices.item<Index>() == 1);
  CHECK(max(tensor({0, 1, 1}, boolean), 0).indices.item<Index>() == 1);
}

TEST_CASE("the median is the lower of the two in the middle") {
  CHECK(median(tensor({4, 1, 3, 2})).item() == 2);
  CHECK(median(tensor({3, 1, 2})).item() == 2);
  CHECK(median(tensor({inf, -inf})).item() == -inf);
  CHECK(median(tensor({4, 1, 3, 2}, int64)).item<Index>() == 2);
  const ValuesIndices rows = median(tensor({{4, 1, 3, 2}, {0, 9, 9, 0}}), 1);
  CHECK(rows.values.to_vector<double>() == Numbers{2, 0});
  CHECK(rows.indices.to_vector<Index>() == Places{3, 3});
}

TEST_CASE(
    "the median of everything shares the gradient among ties, the one along an axis picks one") {
  const Tensor x = tensor({{1, 2, 2, 2, 7}}, float64);
  const double third = 1.0 / 3;
  CHECK(slope([](const Tensor& t) { return median(t); }, x) == Numbers{0, third, third, third, 0});
  CHECK(slope([](const Tensor& t) { return median(t, 1).values; }, x) == Numbers{0, 0, 1, 0, 0});
  CHECK(median(x, 1).indices.item<Index>() == 2);
}

TEST_CASE("the median is NaN where one value is, and its gradient goes to the NaN") {
  const double nan = std::nan("");
  for (const DType dtype : {float32, float64}) {
    const Tensor x = tensor({{1, nan, 0, nan}, {1, 2, 3, 4}}, dtype);
    CHECK(std::isnan(median(x).item()));
    CHECK(slope([](const Tensor& t) { return median(t); }, x) ==
          Numbers{0, 0.5, 0, 0.5, 0, 0, 0, 0});
    const ValuesIndices rows = median(x, 1);
    CHECK(std::isnan(rows.values[0].item()));
    CHECK(rows.values[1].item() == 2);
    CHECK(rows.indices.to_vector<Index>() == Places{1, 1});
    CHECK(slope([](const Tensor& t) { return median(t, 1).values; }, x) ==
          Numbers{0, 1, 0, 0, 0, 1, 0, 0});
  }
}

TEST_CASE("nothing has no extreme and no median, but there may be none of them to find") {
  const Tensor none = zeros({0}), rows = zeros({0, 3}), columns = zeros({3, 0});
  for (const auto f :
       {+[](const Tensor& x) { return max(x); }, +[](const Tensor& x) { return min(x); },
        +[](const Tensor& x) { return amax(x); }, +[](const Tensor& x) { return amin(x); },
        +[](const Tensor& x) { return argmax(x); }, +[](const Tensor& x) { return argmin(x); },
        +[](const Tensor& x) { return median(x); }})
    for (const Tensor& x : {none, rows, columns}) CHECK_THROWS_WITH(f(x), contains("is empty"));
  for (const auto f : {+[](const Tensor&x, Index a) { return max(x, a).values; },
                       +[](const Tensor&x, Index a) { return min(x, a).indices; },
                       +[](const Tensor&x, Index a) { return amax(x, {a}); },
                       +[](const Tensor&x, Index a) { return argmax(x, a); },
                       +[](const Tensor&x, Index a) { return median(x, a).values; }}) {
    CHECK(f(rows, 1).shape() == Shape{0});
    CHECK(f(columns, 0).shape() == Shape{0});
    CHECK_THROWS_WITH(f(rows, 0), contains("axis 0 is empty"));
    CHECK_THROWS_WITH(f(columns, -1), contains("axis 1 is empty"));
  }
  CHECK(max(tensor(2.0), 0).indices.shape() == Shape{});
  CHECK_THROWS_WITH(max(tensor(2.0), 1), contains("[max]"));
}
