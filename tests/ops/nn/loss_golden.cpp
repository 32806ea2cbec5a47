#include <cmath>

#include "gradus/autograd.hpp"
#include "gradus/ops.hpp"
#include "support/catch.hpp"

using namespace gradus;
using test::Approx;

namespace {

void check_close(const Tensor& x, const std::vector<double>& expected, double tolerance = 1e-10) {
  const std::vector<double> values = x.to_vector<double>();
  REQUIRE(values.size() == expected.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    CHECK(values[i] == Approx(expected[i]).epsilon(tolerance).margin(tolerance));
}

}  // namespace

TEST_CASE("cross-entropy of two rows has the known value and gradient", "[ops]") {
  const Tensor labels = tensor({0, 2}, int64);
  const Tensor x = tensor({{2, 1, 0.1}, {0, 0, 0}}, float64).requires_grad_();
  const Tensor loss = cross_entropy(x, labels);
  CHECK(loss.item() == Approx(0.757821152473).epsilon(1e-11));
  loss.backward();
  check_close(x.grad(), {-0.1704994306, 0.1212164854, 0.0492829452, 1.0 / 6, 1.0 / 6, -1.0 / 3});

  Tensor z = x.detach().clone().requires_grad_();
  const Tensor smooth = cross_entropy(z, labels, {.label_smoothing = 0.1});
  CHECK(smooth.item() == Approx(0.806154485806).epsilon(1e-11));
  smooth.backward();
  check_close(z.grad(), {-0.1371660972, 0.1045498187, 0.0326162785, .15, .15, -.3});
}

TEST_CASE("binary cross-entropy of logits is finite for any logit", "[ops]") {
  const Tensor x = tensor({1000, -1000, 0}).requires_grad_();
  const Tensor y = tensor({0, 1, 1});
  const Tensor losses = bce_with_logits(x, y, {.reduction = Reduction::none});
  check_close(losses, {1000, 1000, 0.6931471806}, 1e-7);
  sum(losses).backward();
  check_close(x.grad(), {1, -1, -0.5}, 1e-7);
  // No digits are lost where the loss is small.
  CHECK(bce_with_logits(tensor(-40, float64), tensor(0, float64)).item() ==
        Approx(std::exp(-40.0)).epsilon(1e-12));
}

TEST_CASE("binary cross-entropy of probabilities cuts its logarithms at -100", "[ops]") {
  const Tensor p = tensor({0, 1, 1}, float64).requires_grad_();
  const Tensor losses =
      binary_cross_entropy(p, tensor({1, 0, 1}, float64), {.reduction = Reduction::none});
  check_close(losses, {100, 100, 0});
  sum(losses).backward();
  for (const double g : p.grad().to_vector<double>()) CHECK(std::isfinite(g));
}

TEST_CASE("the mean divides by all elements, for every axis", "[ops]") {
  const Tensor x = ones({2, 5}, float64).requires_grad_();
  mse_loss(x, zeros({2, 5}, float64)).backward();
  for (const double g : x.grad().to_vector<double>()) CHECK(g == Approx(0.2));
}

TEST_CASE("a half of the squared error through a sigmoid has the derivative of both", "[ops]") {
  // delta = (y - t) y (1 - y), not y - t.
  const Tensor z = tensor(1.1061175870, float64).requires_grad_();
  const Tensor y = sigmoid(z);
  const Tensor loss = mse_loss(y, tensor(0.01, float64)) / 2;
  loss.backward();
  CHECK(loss.item() == Approx(0.2748403915).epsilon(1e-9));
  CHECK(z.grad().item() == Approx(0.1384912111).epsilon(1e-9));
}

TEST_CASE("ignored targets have no loss, no gradient and no share in the mean", "[ops]") {
  const Tensor x = tensor({{1, 2}, {NAN, 5}, {3, 1}}, float64).requires_grad_();
  const Tensor loss = cross_entropy(x, tensor({0, -100, 1}, int64));
  const double a = std::log1p(std::exp(1.0)), b = std::log1p(std::exp(2.0));
  CHECK(loss.item() == Approx((a + b) / 2));
  loss.backward();
  CHECK(x.grad().to_vector<double>()[2] == 0);
  CHECK(x.grad().to_vector<double>()[3] == 0);

  const Tensor z = zeros({2, 3}).requires_grad_();
  const Tensor nothing = cross_entropy(z, tensor({-100, -100}, int64));
  CHECK(std::isnan(nothing.item()));
  nothing.backward();
  CHECK(z.grad().to_vector<double>() == std::vector<double>(6, 0));
}

TEST_CASE("kl_div is 0 where the target is 0", "[ops]") {
  const Tensor logp = log_softmax(tensor({1, 2, 3}, float64));
  const Tensor t = tensor({0, 0.5, 0.5}, float64).requires_grad_();
  const Tensor losses = kl_div(logp, t, {.reduction = Reduction::none});
  CHECK(losses.to_vector<double>()[0] == 0);
  sum(losses).backward();
  for (const double g : t.grad().to_vector<double>()) CHECK(std::isfinite(g));
}

TEST_CASE("classes of logit -inf count for nothing", "[ops]") {
  const Tensor x = tensor({{1, -INFINITY, 2}}, float64).requires_grad_();
  const Tensor loss = cross_entropy(x, tensor({0}, int64));
  CHECK(loss.item() == Approx(std::log1p(std::exp(1.0))));
  const Tensor g = grad(loss, {x}, {.create_graph = true})[0];
  const double p = 1 / (1 + std::exp(-1.0));
  check_close(g, {-p, 0, p});
  check_close(grad(sum(g * g), {x})[0], {-4 * p * p * (1 - p), 0, 4 * p * p * (1 - p)});
}
