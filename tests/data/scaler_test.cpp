#include <cmath>

#include "gradus/gradus.hpp"
#include "support/catch.hpp"

using namespace gradus;
using gradus::test::Approx;
using gradus::test::contains;

namespace {

std::vector<double> column(const Tensor& x, Index f) {
  std::vector<double> out;
  for (Index i = 0; i < x.size(0); ++i) out.push_back(x[i][f].item());
  return out;
}

}  // namespace

TEST_CASE("a standard scaler gives mean 0 and deviation 1, and 0 for constant features") {
  for (const DType dtype : {float32, float64}) {
    const Tensor x =
        tensor({{1, 1e6, 7, 1e-3}, {2, 1e6 + 1, 7, 3e-3}, {6, 1e6 + 2, 7, 2e-3}}, dtype);
    data::StandardScaler scaler;
    const Tensor y = scaler.fit_transform(x);
    CHECK(y.dtype() == dtype);
    for (const Index f : {0, 1, 3}) {
      const auto v = column(y, f);
      CHECK(std::abs(v[0] + v[1] + v[2]) < 1e-5);
      CHECK(v[0] * v[0] + v[1] * v[1] + v[2] * v[2] == Approx(3).epsilon(1e-5));
    }
    CHECK(column(y, 2) == std::vector<double>{0, 0, 0});
    CHECK(column(y, 1)[2] == Approx(std::sqrt(1.5)).epsilon(1e-5));
    const auto back = scaler.inverse_transform(y).to_vector<double>();
    const auto values = x.to_vector<double>();
    for (std::size_t i = 0; i < back.size(); ++i) CHECK(back[i] == Approx(values[i]));
  }
}

TEST_CASE("a standard scaler is right where squares leave the range") {
  for (const DType dtype : {float32, float64}) {
    for (const double m : dtype == float32 ? std::vector<double>{1e-37, 1e-25, 1e25, 1e38}
                                           : std::vector<double>{1e-300, 1e-170, 1e170, 1e300}) {
      const Tensor x = (tensor({{1, 1}, {2, 1}, {0.5, 1}, {2.5, 1}}, float64) * m).to(dtype);
      data::StandardScaler scaler;
      const Tensor y = scaler.fit_transform(x);
      INFO("values of " << m << ", " << name_of(dtype));
      CHECK(scaler.shift()[0].item() / m == Approx(1.5).epsilon(1e-6));
      CHECK(scaler.scale()[0].item() / m == Approx(std::sqrt(0.625)).epsilon(1e-6));
      CHECK(column(y, 0)[3] == Approx(1 / std::sqrt(0.625)).epsilon(1e-6));
      CHECK(column(y, 1) == std::vector<double>{0, 0, 0, 0});
    }
  }
}

TEST_CASE("a range scaler maps to its range, and constant features to its low end") {
  data::MinMaxScaler scaler(-1, 3);
  const Tensor y = scaler.fit_transform(tensor({{0, 5}, {10, 5}, {5, 5}}));
  CHECK(y.to_vector<double>() == std::vector<double>{-1, -1, 3, -1, 1, -1});
  CHECK(scaler.inverse_transform(y).to_vector<double>() == std::vector<double>{0, 5, 10, 5, 5, 5});
  CHECK(scaler.transform(tensor({{20, 6}})).to_vector<double>() == std::vector<double>{7, 0});
}

TEST_CASE("a scaler's state goes to another one") {
  data::StandardScaler a, b;
  a.fit(tensor({{1, 2}, {3, 8}}));
  b.load_state(a.state());
  const Tensor x = tensor({{5, 6}});
  CHECK(a.transform(x).to_vector<double>() == b.transform(x).to_vector<double>());
  CHECK(b.shift().to_vector<double>() == std::vector<double>{2, 5});
  CHECK(b.scale().to_vector<double>() == std::vector<double>{1, 3});
}

TEST_CASE("scalers work on images, and pass gradients") {
  data::StandardScaler scaler;
  scaler.fit(arange(24).reshape({2, 3, 4}));
  CHECK(scaler.shift().shape() == Shape{3, 4});
  Tensor x = ones({1, 3, 4}).requires_grad_();
  sum(scaler.transform(x)).backward();
  CHECK(x.grad()[0][0][0].item() == Approx(1.0 / 6));
}

TEST_CASE("scalers refuse what they cannot scale") {
  data::StandardScaler scaler;
  const Tensor x = tensor({{1, 2}, {3, 4}});
  CHECK_THROWS_WITH(scaler.transform(x), contains("not fitted"));
  CHECK_THROWS_WITH(scaler.inverse_transform(x), contains("not fitted"));
  CHECK_THROWS_WITH(scaler.state(), contains("not fitted"));
  CHECK_THROWS_WITH(scaler.fit(zeros({0, 2})), contains("(0, 2)"));
  CHECK_THROWS_WITH(scaler.fit(zeros({2, 2}, int64)), contains("int64"));
  CHECK_THROWS_WITH(scaler.fit(Tensor()), contains("nothing"));
  CHECK_THROWS_WITH(scaler.fit(tensor({{1, 2}, {3, NAN}})), contains("sample 1, feature 1"));
  scaler.fit(x);
  CHECK_THROWS_WITH(scaler.transform(zeros({2, 3})), contains("(2,)"));
  CHECK_THROWS_WITH(scaler.load_state({{"shift", x}}), contains("lacks"));
  CHECK_THROWS_WITH(scaler.load_state({{"shift", x}, {"scale", ones({3})}}), contains("(3,)"));
  CHECK_THROWS_WITH(scaler.load_state({{"shift", x}, {"scale", zeros({2, 2})}}),
                    contains("scale is 0"));
  CHECK_THROWS_WITH(scaler.load_state({{"shift", x}, {"scale", full({2, 2}, 1e-310, float64)}}),
                    contains("scale is 1e-310"));
  CHECK_THROWS_WITH(data::MinMaxScaler(1, 1), contains("low < high"));
}

TEST_CASE("a range too small to divide by counts as none") {
  data::MinMaxScaler scaler;
  scaler.fit(full({2, 1}, 1, float64) * tensor({{0}, {1}}, float64) * 1e-310);
  CHECK(scaler.scale().item() == 1);
}
