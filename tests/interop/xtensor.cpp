#include "gradus/interop/xtensor.hpp"

#include <concepts>

#include "gradus/ops.hpp"
#include "support/catch.hpp"

using namespace gradus;

namespace {

template <class T>
concept Viewable = requires(T&& x) {
  as_xarray<float>(std::forward<T>(x));
};

}  // namespace

TEST_CASE("xtensor arrays and expressions become tensors", "[interop]") {
  const xt::xarray<double> a = {{1, 2, 3}, {4, 5, 6}};
  const Tensor t = from_xtensor(a);
  CHECK(t.shape() == Shape{2, 3});
  CHECK(t.dtype() == float64);
  CHECK(t.to_vector<double>() == std::vector<double>{1, 2, 3, 4, 5, 6});
  CHECK(from_xtensor(xt::transpose(a) * 2.0).to_vector<double>() ==
        std::vector<double>{2, 8, 4, 10, 6, 12});
  CHECK(from_xtensor(a > 3.0).dtype() == boolean);
  CHECK(from_xtensor(a > 3.0).to_vector<bool>() ==
        std::vector<bool>{false, false, false, true, true, true});
  CHECK(from_xtensor(xt::xarray<int>{7, -8}).dtype() == int64);
  CHECK(from_xtensor(xt::xarray<int>{7, -8}).to_vector<std::int64_t>() ==
        std::vector<std::int64_t>{7, -8});
  CHECK(from_xtensor(xt::xarray<float>(2.5F)).shape() == Shape{});
  const xt::xarray<double, xt::layout_type::column_major> columns = a;
  CHECK(from_xtensor(columns).to_vector<double>() == t.to_vector<double>());
  CHECK(from_xtensor(xt::xarray<float>::from_shape({0, 4})).shape() == Shape{0, 4});
}

TEST_CASE("an array of more axes than a tensor can have is refused", "[interop]") {
  const auto deep = xt::xarray<float>::from_shape({1, 1, 1, 1, 1, 1, 1, 1, 1});
  CHECK_THROWS_AS(from_xtensor(deep), Error);
}

TEST_CASE("as_xarray shares the tensor's memory", "[interop]") {
  Tensor t = tensor({{1, 2, 3}, {4, 5, 6}});
  const auto view = as_xarray<float>(t);
  CHECK(view.data() == t.data<float>());
  REQUIRE(view.dimension() == 2);
  CHECK(view.shape()[1] == 3);
  CHECK(view(1, 0) == 4);
  t.mutable_data<float>()[3] = 40;
  CHECK(view(1, 0) == 40);
  const xt::xarray<float> doubled = view * 2.0F;
  CHECK(from_xtensor(doubled).to_vector<float>() == std::vector<float>{2, 4, 6, 80, 10, 12});
  const Tensor scalar = tensor(1.5), none = zeros({0, 2});
  CHECK(as_xarray<float>(scalar)() == 1.5F);
  CHECK(as_xarray<float>(none).size() == 0);
}

TEST_CASE("as_xarray refuses another dtype, and temporaries", "[interop]") {
  const Tensor t = tensor({1, 2});
  CHECK_THROWS_WITH(as_xarray<double>(t), test::contains("float32"));
  STATIC_REQUIRE(Viewable<const Tensor&>);
  STATIC_REQUIRE(Viewable<Tensor&>);
  STATIC_REQUIRE_FALSE(Viewable<Tensor>);
}
