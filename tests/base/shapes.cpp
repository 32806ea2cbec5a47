#include <type_traits>

#include "gradus/error.hpp"
#include "gradus/ops.hpp"
#include "gradus/shape.hpp"
#include "gradus/tensor.hpp"
#include "support/catch.hpp"

using namespace gradus;
using gradus::test::contains;

namespace {
template <class T>
concept axes_by_name = requires(const T& x) {
  sum(x, {.keepdim = true});
};
}  // namespace

TEST_CASE("an IndexList grows, shrinks and compares") {
  Shape shape{2, 3};
  shape.push_back(4);
  CHECK(shape == Shape{2, 3, 4});
  shape.insert(0, 9);
  CHECK(shape == Shape{9, 2, 3, 4});
  shape.insert(2, 8);
  CHECK(shape == Shape{9, 2, 8, 3, 4});
  shape.erase(1);
  shape.erase(3);
  CHECK(shape == Shape{9, 8, 3});
  CHECK_FALSE(shape == Shape{9, 8});
  CHECK_FALSE(shape == Shape{9, 8, 4});
  CHECK(Shape{}.empty());
  CHECK(shape.back() == 3);
  CHECK(Shape(std::vector<Index>{1, 2}) == Shape{1, 2});
}

TEST_CASE("an IndexList holds at most eight numbers") {
  const std::vector<Index> eight(8, 1), nine(9, 1);
  Shape full(eight);
  CHECK(full.size() == max_rank);
  CHECK_THROWS_WITH(Shape(nine), contains("[shape] 9 axes") && contains("at most 8"));
  CHECK_THROWS_WITH(full.push_back(1), contains("[shape]") && contains("8"));
  CHECK_THROWS_WITH(full.insert(0, 1), contains("[shape]"));
  CHECK_THROWS_AS((Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}), Error);
}

TEST_CASE("shapes read as in Python") {
  CHECK(to_string(Shape{}) == "()");
  CHECK(to_string(Shape{4}) == "(4,)");
  CHECK(to_string(Shape{2, 3}) == "(2, 3)");
}

TEST_CASE("numel multiplies, and refuses what cannot be") {
  CHECK(numel(Shape{}) == 1);
  CHECK(numel(Shape{2, 3, 4}) == 24);
  CHECK(numel(Shape{2, 0, 4}) == 0);
  CHECK(numel(Shape{Index{1} << 40, 0, Index{1} << 40}) == 0);
  CHECK_THROWS_WITH(numel(Shape{2, -1}), contains("[shape]") && contains("(2, -1)"));
  CHECK_THROWS_WITH(numel(Shape{Index{1} << 40, Index{1} << 40}), contains("too many elements"));
  CHECK_THROWS_AS(numel(Shape{Index{1} << 62}), Error);
  CHECK_THROWS_AS(zeros({-1}), Error);
}

TEST_CASE("shapes broadcast by NumPy's rule") {
  CHECK(broadcast_shapes({}, {}, "op") == Shape{});
  CHECK(broadcast_shapes({}, {2, 3}, "op") == Shape{2, 3});
  CHECK(broadcast_shapes({2, 1, 3}, {4, 1}, "op") == Shape{2, 4, 3});
  CHECK(broadcast_shapes({4, 1}, {2, 1, 3}, "op") == Shape{2, 4, 3});
  CHECK(broadcast_shapes({0}, {1}, "op") == Shape{0});
  CHECK(broadcast_shapes({3, 1}, {1, 0}, "op") == Shape{3, 0});
  CHECK_THROWS_WITH(broadcast_shapes({2, 3}, {2}, "op"),
                    contains("[op] shapes (2, 3) and (2,)") && contains("broadcast"));
  CHECK_THROWS_AS(broadcast_shapes({0}, {2}, "op"), Error);
}

TEST_CASE("axes count from the end, too, and are checked") {
  CHECK(normalize_axis(1, 3, "op") == 1);
  CHECK(normalize_axis(-1, 3, "op") == 2);
  CHECK(normalize_axis(-3, 3, "op") == 0);
  CHECK(normalize_axis(0, 0, "op") == 0);
  CHECK(normalize_axis(-1, 0, "op") == 0);
  for (const Index axis : {Index{3}, Index{-4}})
    CHECK_THROWS_WITH(normalize_axis(axis, 3, "op"), contains("[op] axis") && contains("-3 to 2"));
  CHECK_THROWS_AS(normalize_axis(1, 0, "op"), Error);
  CHECK(normalize_axes({}, 3, "op") == Axes{0, 1, 2});
  CHECK(normalize_axes({-1, 0}, 3, "op") == Axes{0, 2});
  CHECK(normalize_axes({0}, 0, "op") == Axes{});
  CHECK_THROWS_WITH(normalize_axes({1, -2}, 3, "op"), contains("occurs twice"));
  CHECK_THROWS_AS(normalize_axes({5}, 3, "op"), Error);
  CHECK_THROWS_AS(normalize_axes({1}, 0, "op"), Error);
}

TEST_CASE("an axis is an integer, and no option and no truth value") {
  STATIC_REQUIRE(std::is_convertible_v<int, Axes>);
  STATIC_REQUIRE(std::is_convertible_v<std::uint8_t, Axes>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<bool, Axes>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<double, Axes>);
  STATIC_REQUIRE_FALSE(axes_by_name<Tensor>);
}
