#include <cmath>
#include <map>

#include "gradus/gradus.hpp"
#include "support/catch.hpp"

using namespace gradus;
using gradus::test::Approx;
using gradus::test::contains;

TEST_CASE("xor is the truth table") {
  const auto set = data::make_xor();
  CHECK(set.x().to_vector<double>() == std::vector<double>{0, 0, 0, 1, 1, 0, 1, 1});
  CHECK(set.y().to_vector<Index>() == std::vector<Index>{0, 1, 1, 0});
}

TEST_CASE("synthetic sets lie on their curves without noise") {
  const auto each = [](const data::TensorDataset& set, auto check) {
    CHECK(set.size() == 100);
    CHECK(set.x().dtype() == float32);
    const auto x = set.x().to_vector<double>();
    const auto y = set.y().to_vector<Index>();
    for (std::size_t i = 0; i < y.size(); ++i) check(x[2 * i], x[2 * i + 1], y[i]);
  };
  each(data::make_circles({.n = 100}), [](double u, double v, Index c) {
    CHECK(std::hypot(u, v) == Approx(c ? .5 : 1).epsilon(1e-6));
  });
  each(data::make_moons({.n = 100}), [](double u, double v, Index c) {
    CHECK(std::hypot(c ? u - 1 : u, c ? v - .5 : v) == Approx(1).epsilon(1e-6));
    CHECK((c ? v <= .5 : v >= 0));
  });
  each(data::make_spirals({.n = 100, .classes = 4}), [](double u, double v, Index c) {
    const double radius = std::hypot(u, v);
    const double turns = std::atan2(v, u) / (2 * M_PI) - 1.5 * radius - static_cast<double>(c) / 4;
    CHECK(std::abs(turns - std::round(turns)) < 1e-5);
  });
  const auto sine = data::make_sine({.n = 50});
  for (Index i = 0; i < 50; ++i)
    CHECK(sine.y()[i][0].item() == Approx(std::sin(sine.x()[i][0].item())).margin(1e-6));
}

TEST_CASE("synthetic sets are balanced, seeded and noisy as asked") {
  using Make = data::TensorDataset (*)(const data::SyntheticOptions&);
  for (const Make make :
       {&data::make_xor, &data::make_moons, &data::make_circles, &data::make_spirals,
        &data::make_blobs, &data::make_sine, &data::make_random_labels}) {
    const auto a = make({.n = 120, .noise = .1, .seed = 1});
    const auto b = make({.n = 120, .noise = .1, .seed = 1});
    const auto c = make({.n = 120, .noise = .1, .seed = 2});
    CHECK(a.x().to_vector<float>() == b.x().to_vector<float>());
    CHECK(a.y().to_vector<float>() == b.y().to_vector<float>());
    CHECK(a.x().to_vector<float>() != c.x().to_vector<float>());
    CHECK(make({.n = 0}).size() == 0);
    CHECK_THROWS_WITH(make({.n = -1}), contains("n = -1"));
    CHECK_THROWS_WITH(make({.noise = -1}), contains("noise = -1"));
    CHECK_THROWS_WITH(make({.classes = 0}), contains("classes = 0"));
  }
  std::map<Index, int> counts;
  for (const Index label : data::make_blobs({.n = 90}).y().to_vector<Index>()) ++counts[label];
  CHECK(counts == std::map<Index, int>{{0, 30}, {1, 30}, {2, 30}});
}
