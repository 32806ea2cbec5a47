// Arguments at the edge of what is allowed.
#include <limits>

#include "gradus/gradus.hpp"
#include "support/catch.hpp"

using namespace gradus;
using gradus::test::contains;

namespace {

using Doubles = std::vector<double>;
constexpr Index most = std::numeric_limits<Index>::max();

std::vector<Index> lengths_of(const std::vector<Tensor>& pieces) {
  std::vector<Index> lengths;
  for (const Tensor& piece : pieces) lengths.push_back(piece.size(0));
  return lengths;
}

/// The product of the Hessian of sum(det(a)) and v.
Tensor det_curvature(const Tensor& a, const Tensor& v) {
  const Tensor x = a.detach().clone().requires_grad_();
  const Tensor slope = grad(sum(det(x)), {x}, {.create_graph = true})[0];
  return grad(sum(slope * v), {x})[0];
}

}  // namespace

TEST_CASE("a tensor is cut into one piece, or into pieces of which the last is shorter", "[ops]") {
  const Tensor x = arange(5);
  CHECK(lengths_of(chunk(x, 1)) == std::vector<Index>{5});
  CHECK(lengths_of(chunk(x, 2)) == std::vector<Index>{3, 2});
  CHECK(lengths_of(chunk(x, 3)) == std::vector<Index>{2, 2, 1});
  CHECK(lengths_of(chunk(arange(3), 5)) == std::vector<Index>{1, 1, 1});
  CHECK(lengths_of(chunk(arange(6), 5)) == std::vector<Index>{2, 2, 2});
}

TEST_CASE("pieces that are too long are refused, whatever the others add up to", "[ops]") {
  const Tensor x = arange(4);
  CHECK_THROWS_WITH(split(x, std::vector<Index>{5, 1}), contains("[split]"));
  CHECK_THROWS_WITH(split(x, std::vector<Index>{-1, 1}), contains("[split]"));
  CHECK_THROWS_WITH(split(x, std::vector<Index>{-1, 5}), contains("[split]"));
  CHECK_THROWS_WITH(split(x, std::vector<Index>{most, most, 6}), contains("[split]"));
}

TEST_CASE("an unknown length beside a length of 0, or one that overflows, is refused", "[ops]") {
  CHECK_THROWS_WITH(reshape(zeros({0}), {-1, 0}), contains("[reshape]"));
  CHECK_THROWS_WITH(reshape(zeros({0}), {0, -1}), contains("[reshape]"));
  CHECK_THROWS_AS(reshape(zeros({0}), {-1, Index{1} << 62, 6, 1}), Error);
  CHECK_THROWS_WITH(unflatten(arange(4), 0, {-1, -1}), contains("[unflatten]"));
  CHECK(reshape(zeros({0, 3}), {-1, 3}).shape() == Shape{0, 3});
}

TEST_CASE("no classes are too few for a label", "[ops]") {
  CHECK_THROWS_WITH(one_hot(tensor({0, 1}, int64), 0), contains("[one_hot]"));
  CHECK(one_hot(tensor({0, 0}, int64)).shape() == Shape{2, 1});
}

TEST_CASE("the extremes of truth values are any and all", "[ops]") {
  const Tensor x = tensor({{1, 0}, {0, 0}, {1, 1}}, boolean);
  CHECK(amax(x, {1}).to_vector<double>() == Doubles{1, 0, 1});
  CHECK(amin(x, {1}).to_vector<double>() == Doubles{0, 0, 1});
  CHECK(amax(x, {1}).dtype() == boolean);
}

TEST_CASE("a scalar has one window of one place", "[ops]") {
  const Tensor windows = unfold(tensor(3), 0, 1, 1);
  CHECK(windows.to_vector<double>() == Doubles{3});
  CHECK(windows.shape() == Shape{1});
}

TEST_CASE("both ends of linspace are exact", "[ops]") {
  for (Index n = 2; n < 60; ++n) {
    const Doubles values = linspace(0.1, 0.7, n, float64).to_vector<double>();
    INFO(n);
    CHECK(values.front() == 0.1);
    CHECK(values.back() == 0.7);
  }
}

TEST_CASE("a clamp's derivative of its derivative, by the cotangent alone", "[ops]") {
  const Tensor x = tensor({-2, 0.5, 3}, float64).requires_grad_();
  const Tensor v = ones({3}, float64).requires_grad_();
  const Tensor slope = grad({clamp(x, 0, 1)}, {x}, {.create_graph = true, .grad_outputs = {v}})[0];
  CHECK(grad(sum(slope * 2), {v})[0].to_vector<double>() == Doubles{0, 2, 0});
}

TEST_CASE("the determinant's second derivative is right for matrices near singular ones", "[ops]") {
  const Tensor one = tensor({{1, 0.2, 0.3}, {0.1, 1, 0.4}, {0, 0.3, 0.113366}}, float64);
  const Tensor batch = stack({one, one + 1e-5, one - 1e-5}, 0);
  Generator generator(3);
  for (const Tensor& a : {one, batch}) {
    const Tensor v = randn(a.shape(), float64, &generator);
    const Tensor exact = det_curvature(a, v), rough = det_curvature(a.to(float32), v.to(float32));
    CHECK(amax(abs(rough.to(float64) - exact)).item() < 1e-4 * amax(abs(exact)).item());
  }
}

TEST_CASE("losses at the edge of their options", "[ops]") {
  const Tensor x = tensor({0.3, -0.2}), positive = ones({2});
  CHECK(focal_loss(x, positive, {.alpha = 0}).item() == 0);
  CHECK(focal_loss(x, positive, {.alpha = -1}).item() > 0);
  const Tensor cube = zeros({2, 2, 2});
  CHECK_THROWS_WITH(triplet_margin_loss(cube, cube, cube), contains("[triplet_margin_loss]"));
}
