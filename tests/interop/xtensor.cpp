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
template <class T>
concept Writable = requires(T&& x) {
  as_mutable_xarray<float>(std::forward<T>(x));
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
  STATIC_REQUIRE(Writable<Tensor&>);
  STATIC_REQUIRE_FALSE(Writable<const Tensor&>);
  STATIC_REQUIRE_FALSE(Writable<Tensor>);
}

TEST_CASE("what is assigned to a writable view are the tensor's values", "[interop]") {
  Tensor t = tensor({{1, 2, 3}, {4, 5, 6}});
  const float* const memory = t.data<float>();
  auto view = as_mutable_xarray<float>(t);
  CHECK(view.data() == memory);
  const auto values = [&] { return t.to_vector<float>(); };
  view(1, 0) = 40;
  CHECK(values() == std::vector<float>{1, 2, 3, 40, 5, 6});
  view *= 2.0F;
  CHECK(values() == std::vector<float>{2, 4, 6, 80, 10, 12});
  xt::noalias(view) = as_xarray<float>(t) - 1.0F;
  CHECK(values() == std::vector<float>{1, 3, 5, 79, 9, 11});
  view = xt::clip(view, 4.0F, 10.0F);  // through a temporary
  CHECK(values() == std::vector<float>{4, 4, 5, 10, 9, 10});
  view.fill(7);
  CHECK(values() == std::vector<float>(6, 7));
  CHECK(t.data<float>() == memory);
  CHECK_THROWS(view = xt::zeros<float>({3, 3}));
  CHECK(values() == std::vector<float>(6, 7));

  Tensor scalar = tensor(1.5), none = zeros({0, 2});
  as_mutable_xarray<float>(scalar)() = 2.5F;
  CHECK(scalar.item() == 2.5);
  CHECK(as_mutable_xarray<float>(none).size() == 0);
  CHECK_THROWS_WITH(as_mutable_xarray<double>(t), test::contains("float32"));
}

TEST_CASE("a writable view counts as a change in place", "[interop]") {
  Tensor t = tensor({1, 2});
  const std::uint32_t before = t.version();
  as_xarray<float>(t);
  CHECK(t.version() == before);
  as_mutable_xarray<float>(t);
  CHECK(t.version() == before + 1);

  const Tensor x = tensor({1, 2}).requires_grad_();
  const Tensor y = sum(x * t);
  as_mutable_xarray<float>(t).fill(3);
  CHECK_THROWS_WITH(y.backward(), test::contains("changed in place"));
  Tensor leaf = x;
  CHECK_THROWS_AS(as_mutable_xarray<float>(leaf), Error);
}
