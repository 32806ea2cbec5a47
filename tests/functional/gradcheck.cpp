#include <cmath>

#include "gradus/functional.hpp"
#include "gradus/gradus.hpp"
#include "support/catch.hpp"
#include "support/numbers.hpp"

using namespace gradus;
using gradus::test::contains;
using gradus::test::some;

namespace {

const GradcheckOptions quiet{.throws = false};
GradcheckOptions quiet_order(int order) { return {.order = order, .throws = false}; }

/// An elementwise function of one tensor from loops, with any rule.
template <class Forward, class Rule>
auto elementwise(const char* name, Forward forward, Rule rule) {
  return [=](const Tensor& x) {
    return custom(
        name, {x},
        [forward](const std::vector<Tensor>& in) {
          std::vector<double> values = in[0].to_vector<double>();
          for (double& v : values) v = forward(v);
          return from_vector(values, in[0].shape());
        },
        rule);
  };
}

Tensor step(const Tensor& x) {
  return elementwise(
      "step", [](double v) { return v > 0 ? 1.0 : 0.0; },
      [](const Vjp& k) { return k.grad * 0; })(x);
}
Tensor sign_of(const Tensor& x) {
  return elementwise(
      "sign_of", [](double v) { return double((v > 0) - (v < 0)); },
      [](const Vjp& k) { return k.grad * 0; })(x);
}
Tensor my_relu(const Tensor& x) {
  return elementwise(
      "my_relu", [](double v) { return v > 0 ? v : 0; },
      [](const Vjp& k) { return k.grad * step(k.in(0)); })(x);
}
Tensor my_abs(const Tensor& x) {
  return elementwise(
      "my_abs", [](double v) { return std::abs(v); },
      [](const Vjp& k) { return k.grad * sign_of(k.in(0)); })(x);
}

Tensor polynomial(const Tensor& a, const Tensor& b) { return a * a * b / (b * b + 1.0) + 3 * b; }

}  // namespace

TEST_CASE("correct functions pass in orders one, two and three") {
  for (const int order : {1, 2, 3}) {
    const auto report = gradcheck(polynomial, {some({2, 3}, 1), some({3}, 2)}, quiet_order(order));
    INFO(report.message);
    CHECK(report.passed);
    CHECK(report.kinks.empty());
    CHECK(report.largest_error < 1e-6);
  }
  const auto report = gradcheck(polynomial, {some({2, 3}, 1), some({3}, 2)}, quiet);
  CHECK(report.checked == 6 * (6 + 3));
  CHECK_THAT(report.message, contains("derivatives agree"));
}

TEST_CASE("functions of a vector of tensors and with several results are checked") {
  const auto f = [](const std::vector<Tensor>& x) {
    return std::vector<Tensor>{matmul(x[0], x[1]), sum(x[0] * x[0])};
  };
  CHECK(gradcheck(f, {some({2, 3}), some({3, 2})}, quiet_order(2)));
  CHECK(gradcheck(f, {some({2, 3}), some({3, 2})}, quiet).checked == (4 + 1) * (6 + 6));
}

TEST_CASE("scalars, empty tensors and inputs that are not used are checked") {
  CHECK(
      gradcheck([](const Tensor& x) { return x * x * x; }, {tensor(1.5, float64)}, quiet_order(2)));
  CHECK(gradcheck([](const Tensor& x) { return x * x; }, {zeros({0, 3}, float64)}, quiet_order(2)));
  const auto first = [](const Tensor& x, const Tensor&) { return 2 * x; };
  CHECK(gradcheck(first, {some({2}), some({3})}, quiet_order(2)));
}

TEST_CASE("integer inputs are constants") {
  const auto f = [](const Tensor& x, const Tensor& n) { return x * n; };
  const auto report = gradcheck(f, {some({2}), tensor({3, 4}, int64)}, quiet);
  CHECK(report.passed);
  CHECK(report.checked == 4);
}

TEST_CASE("random directions check a large function with few projections") {
  const auto f = [](const Tensor& a, const Tensor& b) { return matmul(a, b) * matmul(a, b); };
  const auto report =
      gradcheck(f, {some({5, 30}), some({30, 4})}, {.order = 2, .random_directions = 2});
  CHECK(report.passed);
  CHECK(report.checked == 2 * 2 + 2 * 2 * 3);
}

TEST_CASE("points that are multiples of high powers of zero are smooth") {
  const auto f = [](const Tensor& x) { return x * x * x * x + x * x * x * x * x; };
  const auto report = gradcheck(f, {zeros({2}, float64)}, quiet_order(2));
  INFO(report.message);
  CHECK(report.passed);
  CHECK(report.kinks.empty());
}

TEST_CASE("a rule with the wrong sign is caught and named") {
  const auto f = elementwise(
      "negated", [](double v) { return v * v; },
      [](const Vjp& k) { return k.grad * k.in(0) * -2; });
  const auto report = gradcheck(f, {tensor({0.5, 2}, float64)}, quiet);
  REQUIRE_FALSE(report.passed);
  CHECK(report.wrong.size() == 2);
  CHECK(report.wrong[0].index == 1);
  CHECK(report.wrong[0].row == 1);
  CHECK(report.wrong[0].analytic == -4);
  CHECK(std::abs(report.wrong[0].numeric - 4) < 1e-9);
  CHECK_THAT(report.message, contains("output 0 element 1 with respect to input 0 element 1"));
  CHECK_THROWS_WITH(gradcheck(f, {tensor({0.5, 2}, float64)}), contains("[gradcheck] 2 of 4"));
}

TEST_CASE("a rule with a slightly wrong factor is caught") {
  const auto f = elementwise(
      "scaled", [](double v) { return v * v; },
      [](const Vjp& k) { return k.grad * k.in(0) * 2.00001; });
  CHECK_FALSE(gradcheck(f, {some({3})}, quiet));
  CHECK_FALSE(gradcheck(f, {some({3})}, {.random_directions = 3, .throws = false}));
}

TEST_CASE("a rule that misses a term of one input is caught in that input") {
  const auto f = [](const Tensor& a, const Tensor& b) {
    return custom(
        "lossy", {a, b}, [](const std::vector<Tensor>& x) { return x[0] * x[1] + x[1]; },
        [](const Vjp& k) -> Grads<2> {
          return {k.grad * k.in(1), k.grad * k.in(0)};
        });
  };
  const auto report = gradcheck(f, {some({2}, 3), some({2}, 4)}, quiet);
  REQUIRE(report.wrong.size() == 2);
  CHECK(report.wrong[0].input == 1);
}

TEST_CASE("a cotangent that is forgotten is caught") {
  const auto f = elementwise(
      "forgetful", [](double v) { return v * v; }, [](const Vjp& k) { return k.in(0) * 2; });
  CHECK_FALSE(gradcheck(f, {some({3})}, quiet));
}

TEST_CASE("a wrong second derivative alone is caught in order two") {
  // The gradient 2x is right as a value, but half of it is taken for a constant.
  const auto f = elementwise(
      "detached", [](double v) { return v * v; },
      [](const Vjp& k) { return k.grad * (k.in(0) + k.in(0).detach()); });
  CHECK(gradcheck(f, {some({3})}, quiet));
  const auto report = gradcheck(f, {some({3})}, quiet_order(2));
  REQUIRE_FALSE(report.passed);
  CHECK(report.wrong[0].order == 2);
  CHECK_THAT(report.message, contains("derivative of order 2"));
}

TEST_CASE("a wrong third derivative alone is caught in order three") {
  const auto f = elementwise(
      "cube", [](double v) { return v * v * v; },
      [](const Vjp& k) {
        const Tensor x = k.in(0);
        // (x^2)' = 2x holds, (2x)' does not.
        const auto square = elementwise(
            "square", [](double v) { return v * v; },
            [](const Vjp& q) { return q.grad * (q.in(0) + q.in(0).detach()); });
        return 3 * k.grad * square(x);
      });
  CHECK(gradcheck(f, {some({3})}, quiet_order(2)));
  CHECK_FALSE(gradcheck(f, {some({3})}, quiet_order(3)));
}

TEST_CASE("a detached path is caught") {
  CHECK_FALSE(gradcheck([](const Tensor& x) { return x * x.detach(); }, {some({3})}, quiet));
  CHECK_FALSE(gradcheck([](const Tensor& x) { return x.detach() * 2; }, {some({3})}, quiet));
}

TEST_CASE("float32 is refused, in inputs and in results") {
  const auto f = [](const Tensor& x) { return x * x; };
  CHECK_THROWS_WITH(gradcheck(f, {ones({2})}),
                    contains("[gradcheck]") && contains("float64 is required"));
  const auto narrow = [](const Tensor& x) { return x.to(float32); };
  CHECK_THROWS_WITH(gradcheck(narrow, {some({2})}), contains("output 0 has dtype float32"));
  CHECK_THROWS_WITH(gradcheck(f, {tensor({1, 2}, int64)}), contains("nothing to check"));
}

TEST_CASE("kinks at the point are reported as kinks, not as wrong rules") {
  const Tensor x = tensor({-1, 0, 2}, float64);
  const auto relu_report = gradcheck(my_relu, {x}, quiet);
  INFO(relu_report.message);
  CHECK(relu_report.passed);
  CHECK(relu_report.wrong.empty());
  REQUIRE(relu_report.kinks.size() == 1);
  CHECK(relu_report.kinks[0].index == 1);
  CHECK(relu_report.kinks[0].analytic == 0);
  CHECK(std::abs(relu_report.kinks[0].left) < 1e-9);
  CHECK(std::abs(relu_report.kinks[0].right - 1) < 1e-9);
  CHECK_THAT(relu_report.message, contains("kink"));

  const auto abs_report = gradcheck(my_abs, {x}, quiet);
  CHECK(abs_report.passed);
  REQUIRE(abs_report.kinks.size() == 1);
  CHECK(abs_report.kinks[0].index == 1);
}

TEST_CASE("a point where the derivative exists but bends sharply is no kink") {
  const auto f = [](const Tensor& x) {
    return custom(
        "bent", {x},
        [](const std::vector<Tensor>& in) {
          std::vector<double> values = in[0].to_vector<double>();
          for (double& v : values) v = std::pow(std::abs(v), 1.5);
          return from_vector(values, in[0].shape());
        },
        [](const Vjp& k) { return k.grad * k.in(0) * 0; });
  };
  const auto report = gradcheck(f, {tensor({0}, float64)}, quiet);
  INFO(report.message);
  CHECK(report.passed);
  CHECK(report.kinks.empty());
}

TEST_CASE("a kink of the gradient is reported in order two") {
  const auto report = gradcheck(my_relu, {tensor({-1, 0, 2}, float64)}, quiet_order(2));
  INFO(report.message);
  CHECK(report.passed);
  CHECK(report.kinks.size() >= 2);
}

TEST_CASE("a kink close to the point disturbs nothing") {
  const auto report = gradcheck(my_relu, {tensor({1e-5, -1e-5, 1.5e-4}, float64)}, quiet);
  INFO(report.message);
  CHECK(report.passed);
  CHECK(report.kinks.empty());
}

TEST_CASE("at a kink, a value outside the one-sided derivatives is wrong") {
  const auto f = elementwise(
      "odd_relu", [](double v) { return v > 0 ? v : 0; },
      [](const Vjp& k) { return k.grad * (step(k.in(0)) * 3 - 2); });
  const auto report = gradcheck(f, {tensor({0}, float64)}, quiet);
  CHECK(report.kinks.empty());
  CHECK(report.wrong.size() == 1);
}

TEST_CASE("a function that is not deterministic is reported") {
  Generator generator(3);
  const auto noisy = [&](const Tensor& x) { return x * rand(x.shape(), float64, &generator); };
  const auto report = gradcheck(noisy, {some({3})}, quiet);
  CHECK_FALSE(report.passed);
  CHECK_FALSE(report.deterministic);
  CHECK_THROWS_WITH(gradcheck(noisy, {some({3})}), contains("not deterministic"));
}

TEST_CASE("a function that leaves its domain is reported as such") {
  const auto f = elementwise(
      "root", [](double v) { return std::sqrt(v); },
      [](const Vjp& k) { return k.grad / (2 * k.out()); });
  CHECK(gradcheck(f, {tensor({1, 2}, float64)}, quiet));
  CHECK(gradcheck(f, {tensor({1e-4}, float64)}, quiet));
  const auto report = gradcheck(f, {tensor({0}, float64)}, quiet);
  CHECK_FALSE(report.passed);
  CHECK_THAT(report.message, contains("not finite near this point"));
}

TEST_CASE("the inputs are not modified and get no gradient") {
  const Tensor x = some({3}).requires_grad_();
  const std::vector<double> before = x.to_vector<double>();
  CHECK(gradcheck([](const Tensor& y) { return y * y; }, {x}, quiet_order(2)));
  CHECK(x.to_vector<double>() == before);
  CHECK_FALSE(x.grad().defined());
  CHECK(x.version() == 0);
}

TEST_CASE("options out of range are refused") {
  const auto f = [](const Tensor& x) { return x * x; };
  const Tensor x = some({2});
  CHECK_THROWS_WITH(gradcheck(f, {x}, {.order = 0}), contains("order 0"));
  CHECK_THROWS_WITH(gradcheck(f, {x}, {.eps = 0}), contains("eps 0"));
  CHECK_THROWS_WITH(gradcheck(f, {x}, {.tolerance = -1}), contains("tolerance -1"));
  CHECK_THROWS_WITH(gradcheck(f, {x}, {.random_directions = -1}), contains("random_directions"));
  CHECK_THROWS_WITH(gradcheck(f, {x, x}),
                    contains("[function] 2 tensors were given to a function of 1"));
}
