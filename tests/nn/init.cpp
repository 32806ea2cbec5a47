#include "gradus/nn/init.hpp"

#include <cmath>

#include "gradus/ops.hpp"
#include "gradus/random.hpp"
#include "support/catch.hpp"

using namespace gradus;
using test::Approx;
using test::contains;
namespace init = gradus::nn::init;

namespace {

struct Moments {
  double mean = 0, variance = 0, least = HUGE_VAL, most = -HUGE_VAL;
};

Moments moments_of(const Tensor& t) {
  Moments m;
  const std::vector<double> values = t.to_vector<double>();
  for (const double v : values) {
    m.mean += v / static_cast<double>(values.size());
    m.least = std::min(m.least, v);
    m.most = std::max(m.most, v);
  }
  for (const double v : values)
    m.variance += (v - m.mean) * (v - m.mean) / static_cast<double>(values.size());
  return m;
}

/// A weight with fan_in 300 and fan_out 100.
Tensor weight() { return zeros({100, 300}).requires_grad_(); }

void check_normal(const Tensor& t, double variance) {
  const Moments m = moments_of(t);
  CHECK(std::abs(m.mean) < 5 * std::sqrt(variance / 30000));
  CHECK(m.variance == Approx(variance).epsilon(0.04));
  CHECK(m.most > 3 * std::sqrt(variance));
}

void check_uniform(const Tensor& t, double variance) {
  const Moments m = moments_of(t);
  const double bound = std::sqrt(3 * variance);
  CHECK(std::abs(m.mean) < 5 * std::sqrt(variance / 30000));
  CHECK(m.variance == Approx(variance).epsilon(0.04));
  CHECK(m.most <= bound);
  CHECK(m.least >= -bound);
  CHECK(m.most > 0.99 * bound);
}

}  // namespace

TEST_CASE("initial values have the variances of their papers", "[nn]") {
  manual_seed(11);
  check_uniform(init::xavier_uniform_(weight()), 2.0 / 400);
  check_normal(init::xavier_normal_(weight(), 2), 4 * 2.0 / 400);
  check_normal(init::kaiming_normal_(weight(), {.nonlinearity = "relu"}), 2.0 / 300);
  check_uniform(init::kaiming_uniform_(weight(), {.nonlinearity = "tanh", .fan = init::Fan::out}),
                25.0 / 9 / 100);
  check_uniform(init::kaiming_uniform_(weight(), {.slope = std::sqrt(5)}), 1.0 / 3 / 300);
  check_normal(init::lecun_normal_(weight()), 1.0 / 300);
  check_uniform(init::lecun_uniform_(weight()), 1.0 / 300);
  check_normal(init::kaiming_normal_(zeros({50, 20, 5, 6}), {.nonlinearity = "relu"}), 2.0 / 600);
  check_normal(init::for_activation_(weight(), "relu"), 2.0 / 300);
  check_normal(init::for_activation_(weight(), "leaky_relu"), 2 / (1 + 1e-4) / 300);
  check_normal(init::for_activation_(weight(), "selu"), 1.0 / 300);
  check_uniform(init::for_activation_(weight(), "tanh"), 25.0 / 9 * 2 / 400);
  check_uniform(init::for_activation_(weight(), "sigmoid"), 2.0 / 400);
}

TEST_CASE("simple initial values are what they are called", "[nn]") {
  Tensor t = zeros({100, 100}).requires_grad_();
  CHECK(moments_of(init::constant_(t, 3)).least == 3);
  CHECK(moments_of(init::ones_(t)).most == 1);
  CHECK(moments_of(init::zeros_(t)).most == 0);
  CHECK(init::ones_(t).is(t));
  CHECK(t.requires_grad());
  const Moments u = moments_of(init::uniform_(t, 2, 4));
  CHECK(u.mean == Approx(3).epsilon(0.01));
  CHECK(u.least >= 2);
  const Moments n = moments_of(init::normal_(t, 5, 2));
  CHECK(n.mean == Approx(5).epsilon(0.02));
  CHECK(n.variance == Approx(4).epsilon(0.05));
}

TEST_CASE("truncated normal values stay within their bounds", "[nn]") {
  manual_seed(12);
  const Tensor t = zeros({200, 200}, float64);
  const Moments m = moments_of(init::trunc_normal_(t));
  CHECK(m.least >= -2);
  CHECK(m.most <= 2);
  CHECK(m.variance == Approx(0.7737).epsilon(0.03));  // 1 - 4 phi(2) / (2 Phi(2) - 1)
  const Moments tail = moments_of(init::trunc_normal_(t, 0, 1, 6, 7));
  CHECK(tail.least >= 6);
  CHECK(tail.most <= 7);
  CHECK(tail.mean == Approx(6.1584).epsilon(0.002));  // phi(6) / (1 - Phi(6)), to four digits
}

TEST_CASE("orthogonal weights are orthogonal, wide or tall", "[nn]") {
  const auto check = [](const Shape& shape, double gain) {
    const Tensor w = init::orthogonal_(zeros(shape, float64), gain);
    const Tensor flat = reshape(w, {shape[0], -1});
    const bool wide = flat.size(0) <= flat.size(1);
    const Tensor product = wide ? matmul(flat, flat, {.transpose_b = true})
                                : matmul(flat, flat, {.transpose_a = true});
    const Tensor expected = gain * gain * eye(product.size(0), -1, float64);
    CHECK(amax(abs(product - expected)).item() < 1e-12);
  };
  check({4, 9}, 1);
  check({9, 4}, 2);
  check({5, 5}, 1);
  check({3, 2, 2}, 1);
}

TEST_CASE("the same seed gives the same weights", "[nn]") {
  Generator a(7), b(7);
  CHECK(init::xavier_uniform_(weight(), 1, &a).to_vector<float>() ==
        init::xavier_uniform_(weight(), 1, &b).to_vector<float>());
  CHECK(init::orthogonal_(weight(), 1, &a).to_vector<float>() ==
        init::orthogonal_(weight(), 1, &b).to_vector<float>());
}

TEST_CASE("gains are those of PyTorch", "[nn]") {
  CHECK(init::calculate_gain("linear") == 1);
  CHECK(init::calculate_gain("sigmoid") == 1);
  CHECK(init::calculate_gain("tanh") == Approx(5.0 / 3));
  CHECK(init::calculate_gain("relu") == Approx(std::sqrt(2.0)));
  CHECK(init::calculate_gain("leaky_relu") == Approx(std::sqrt(2 / 1.0001)));
  CHECK(init::calculate_gain("leaky_relu", 1) == Approx(1));
  CHECK(init::calculate_gain("selu") == 0.75);
}

TEST_CASE("initial values say what does not fit", "[nn]") {
  CHECK_THROWS_WITH(init::calculate_gain("rely"), contains("\"rely\"") && contains("relu"));
  CHECK_THROWS_WITH(init::xavier_uniform_(zeros({3})), contains("[xavier_uniform_]"));
  CHECK_THROWS_WITH(init::kaiming_normal_(zeros({3})), contains("[kaiming_normal_]"));
  CHECK_THROWS_WITH(init::orthogonal_(zeros({3})), contains("[orthogonal_]"));
  CHECK_THROWS_WITH(init::uniform_(zeros({3}), 1, 0), contains("low <= high"));
  CHECK_THROWS_WITH(init::uniform_(zeros({3}, int64)), contains("[uniform_]"));
  CHECK_THROWS_WITH(init::normal_(zeros({3}), 0, -1), contains("stddev"));
  CHECK_THROWS_WITH(init::trunc_normal_(zeros({3}), 0, 1, 2, 1), contains("low < high"));
}
