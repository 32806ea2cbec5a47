// grad(): returns, stores nothing, goes to any order.
#include <cmath>

#include "gradus/autograd.hpp"
#include "gradus/ops.hpp"
#include "gradus/runtime.hpp"
#include "support/catch.hpp"
#include "support/numbers.hpp"

using namespace gradus;
using gradus::test::Approx;
using gradus::test::contains;
using gradus::test::leaf;
using gradus::test::Numbers;
using gradus::test::numbers;

namespace {

int rule_calls = 0;
/// x times 2, counting how often its rule runs.
Tensor counted(const Tensor& x) {
  return custom(
      "counted", {x}, [](const std::vector<Tensor>& in) { return in[0] * 2; },
      [](const Vjp& k) {
        ++rule_calls;
        return k.grad * 2;
      });
}

Tensor exponential(const Tensor& x) {
  return custom(
      "exponential", {x},
      [](const std::vector<Tensor>& in) {
        Numbers y = numbers(in[0]);
        for (double& v : y) v = std::exp(v);
        return from_vector(y, in[0].shape());
      },
      [](const Vjp& k) { return k.grad * k.out(); });
}

}  // namespace

TEST_CASE("grad returns the gradients and stores nothing") {
  Tensor x = leaf({1, 2}), y = leaf({3, 4});
  Tensor h = x * y;
  h.retain_grad();
  const auto g = grad(sum(h * h), {x, y});
  CHECK(numbers(g[0]) == Numbers{18, 64});
  CHECK(numbers(g[1]) == Numbers{6, 32});
  CHECK_FALSE(g[0].requires_grad());
  CHECK_FALSE(x.grad().defined());
  CHECK_FALSE(y.grad().defined());
  CHECK_FALSE(h.grad().defined());
}

TEST_CASE("grad with respect to intermediate results and leaves at once") {
  Tensor x = leaf(3);
  const Tensor a = x * x, b = a * 2 + x;
  const auto g = grad(b * a, {a, x, b});  // b a = 2 x^4 + x^3
  CHECK(g[0].item() == 2 * 9 + (2 * 9 + 3));
  CHECK(g[1].item() == 8 * 27 + 3 * 9);
  CHECK(g[2].item() == 9);
}

TEST_CASE("grad of an output with respect to itself is its seed") {
  Tensor x = leaf({1, 2});
  const Tensor y = x * x;
  const auto g = grad(y, {y}, {.grad_outputs = {tensor({5, 6}, float64)}});
  CHECK(numbers(g[0]) == Numbers{5, 6});
}

TEST_CASE("several outputs are weighted by their grad_outputs and summed") {
  Tensor x = leaf({1, 2});
  const auto g =
      grad({x * x, sum(x), x * 3}, {x},
           {.grad_outputs = {ones({2}, float64), tensor(10, float64), tensor({1, -1}, float64)}});
  CHECK(numbers(g[0]) == Numbers{2 + 10 + 3, 4 + 10 - 3});
  const Tensor y = x * x;
  CHECK(numbers(grad({sum(y), sum(y)}, {x})[0]) == Numbers{4, 8});
  const Tensor s = sum(x * x), through = s * 3;
  CHECK(numbers(grad({s, s}, {x}, {.retain_graph = true})[0]) == Numbers{4, 8});
  CHECK(numbers(grad({s, through}, {x})[0]) == Numbers{8, 16});
}

TEST_CASE("an undefined grad_output stands for the default seed") {
  Tensor x = leaf({1, 2});
  const auto g = grad({sum(x), x * 3}, {x}, {.grad_outputs = {Tensor(), tensor({1, 1}, float64)}});
  CHECK(numbers(g[0]) == Numbers{4, 4});
}

TEST_CASE("an input named twice is answered twice") {
  Tensor x = leaf(3);
  const auto g = grad(x * x, {x, x});
  REQUIRE(g.size() == 2);
  CHECK(g[0].item() == 6);
  CHECK(g[1].item() == 6);
}

TEST_CASE("the gradient of an unused input is zero with allow_unused, else an error") {
  Tensor x = leaf({1, 2}), unused = leaf({{1, 2, 3}});
  const auto g = grad(sum(x), {x, unused}, {.allow_unused = true});
  CHECK(numbers(g[0]) == Numbers{1, 1});
  CHECK(g[1].shape() == Shape{1, 3});
  CHECK(numbers(g[1]) == Numbers{0, 0, 0});
  CHECK_THROWS_WITH(grad(sum(x), {x, unused}), contains("[grad]") && contains("input 1") &&
                                                   contains("(1, 3)") && contains("allow_unused"));
  const Tensor other = unused * 2;
  CHECK_THROWS_WITH(grad(sum(x), {other}), contains("input 0"));
  CHECK(numbers(grad(sum(x), {other}, {.allow_unused = true})[0]) == Numbers{0, 0, 0});
}

TEST_CASE("grad refuses outputs without a graph, unless unused inputs are allowed") {
  Tensor x = leaf(1);
  const Tensor constant = tensor(2, float64);
  CHECK_THROWS_WITH(grad(constant, {x}), contains("[grad]") && contains("does not depend"));
  CHECK(grad(constant, {x}, {.allow_unused = true})[0].item() == 0);
  CHECK_THROWS_WITH(grad({x * 2}, {x}, {.grad_outputs = {constant, constant}}),
                    contains("2 grad_outputs") && contains("1 outputs"));
  CHECK_THROWS_WITH(grad(x * 2, {x}, {.grad_outputs = {ones({2}, float64)}}),
                    contains("(2,)") && contains("()"));
  CHECK_THROWS_WITH(grad(expand(x, {3}), {x}), contains("(3,)") && contains("seed"));
  CHECK_THROWS_AS(grad(x * 2, {Tensor()}), Error);
  CHECK_THROWS_AS(grad(Tensor(), {x}), Error);
}

TEST_CASE("grad runs only the rules on a path to what is wanted") {
  Tensor x = leaf(1), y = leaf(2);
  Tensor a = x, b = y;
  for (int i = 0; i < 5; ++i) {
    a = counted(a);
    b = counted(b);
  }
  const Tensor z = a * b;
  rule_calls = 0;
  grad(z, {x}, {.retain_graph = true});
  CHECK(rule_calls == 5);
  rule_calls = 0;
  grad(z, {a}, {.retain_graph = true});
  CHECK(rule_calls == 0);
  rule_calls = 0;
  grad(z, {x, y}, {.retain_graph = true});
  CHECK(rule_calls == 10);
  rule_calls = 0;
  z.backward();
  CHECK(rule_calls == 10);
}

TEST_CASE("each rule runs once, however many paths lead to it") {
  Tensor x = leaf(1);
  Tensor y = counted(x);
  for (int i = 0; i < 40; ++i) y = y + y;  // 2^40 paths
  rule_calls = 0;
  y.backward();
  CHECK(rule_calls == 1);
  CHECK(x.grad().item() == std::ldexp(1.0, 41));
}

TEST_CASE("a rule is told which gradients are wanted") {
  static std::vector<bool> wanted;
  const auto op = [](const Tensor& a, const Tensor& b) {
    return custom(
        "pair", {a, b}, [](const std::vector<Tensor>& in) { return in[0] * in[1]; },
        [](const Vjp& k) -> Grads<2> {
          wanted = {k.wants(0), k.wants(1)};
          CHECK(k.arity() == 2);
          return {k.grad * k.in(1), k.grad * k.in(0)};
        });
  };
  Tensor x = leaf(2), y = leaf(3), c = tensor(4, float64);
  grad(op(x, y), {x});
  CHECK(wanted == std::vector<bool>{true, false});
  op(c, y).backward();
  CHECK(wanted == std::vector<bool>{false, true});
  CHECK_FALSE(c.grad().defined());
}

TEST_CASE("grad frees the graph unless it is retained or recorded again") {
  Tensor x = leaf(3);
  const Tensor y = x * x;
  grad(y, {x}, {.retain_graph = true});
  const auto g = grad(y, {x}, {.create_graph = true});
  CHECK(g[0].requires_grad());
  grad(y, {x});
  CHECK_THROWS_WITH(grad(y, {x}), contains("already freed"));
}

TEST_CASE("derivatives of x^5 up to order 6") {
  Tensor x = leaf(1.5);
  Tensor y = x * x * x * x * x;
  double factor = 1;
  for (int order = 1; order <= 6; ++order) {
    factor *= 6 - order;
    if (order <= 5) {
      y = grad(y, {x}, {.create_graph = true})[0];
      CHECK(y.item() == Approx(factor * std::pow(1.5, 5 - order)).epsilon(1e-13));
    } else {
      CHECK(grad(y, {x}, {.allow_unused = true})[0].item() == 0);
    }
  }
}

TEST_CASE("every derivative of exp is exp") {
  Tensor x = leaf({0.5, -1.25});
  Tensor y = exponential(x);
  for (int order = 1; order <= 4; ++order) {
    y = grad(sum(y), {x}, {.create_graph = true})[0];
    CHECK(numbers(y)[0] == Approx(std::exp(0.5)).epsilon(1e-14));
    CHECK(numbers(y)[1] == Approx(std::exp(-1.25)).epsilon(1e-14));
  }
}

TEST_CASE("mixed partial derivatives") {
  Tensor x = leaf(0.7), y = leaf(1.3);
  const Tensor f = x * x * x * y * y + exponential(x * y);
  const double e = std::exp(0.7 * 1.3), a = 0.7, b = 1.3;
  const auto first = grad(f, {x, y}, {.create_graph = true});
  CHECK(first[0].item() == Approx(3 * a * a * b * b + b * e).epsilon(1e-13));
  const auto xy = grad(first[0], {y}, {.create_graph = true})[0];
  const auto yx = grad(first[1], {x}, {.create_graph = true})[0];
  CHECK(xy.item() == Approx(6 * a * a * b + e * (1 + a * b)).epsilon(1e-13));
  CHECK(yx.item() == Approx(xy.item()).epsilon(1e-13));
  const auto xyx = grad(xy, {x}, {.create_graph = true})[0];
  CHECK(xyx.item() == Approx(12 * a * b + e * (2 * b + a * b * b)).epsilon(1e-13));
  const auto xyxy = grad(xyx, {y})[0];
  CHECK(xyxy.item() == Approx(12 * a + e * (2 + 4 * a * b + a * a * b * b)).epsilon(1e-13));
}

TEST_CASE("a gradient that was recorded can be part of a loss") {
  Tensor x = leaf({1, 2});
  const auto g = grad(sum(x * x * x), {x}, {.create_graph = true})[0];  // 3x^2
  sum(g * g).backward();                                                // 36 x^3
  CHECK(numbers(x.grad()) == Numbers{36, 288});
  CHECK_FALSE(x.grad().requires_grad());
}

TEST_CASE("the cotangent is differentiated, too") {
  Tensor x = leaf({1, 2}), v = leaf({3, 4});
  const auto g = grad(x * x, {x}, {.create_graph = true, .grad_outputs = {v}})[0];  // 2 x v
  CHECK(numbers(grad(g, {v}, {.grad_outputs = {ones({2}, float64)}})[0]) == Numbers{2, 4});
}

TEST_CASE("grad does not change the mode of recording") {
  Tensor x = leaf(2);
  const NoGrad guard;
  const Tensor y = [&] {
    const EnableGrad again;
    return x * x;
  }();
  CHECK(grad(y, {x}, {.create_graph = true})[0].requires_grad());
  CHECK_FALSE(is_grad_enabled());
  CHECK_THROWS_AS(grad(y, {tensor(1, float64)}), Error);
  CHECK_FALSE(is_grad_enabled());
}

TEST_CASE("grad of part of a graph leaves alone what it passes over, and frees it safely") {
  const Tensor x = tensor(2.0, float64).requires_grad_(), z = tensor(3.0, float64).requires_grad_();
  // The chain over z is found on the way, but no derivative is wanted of it; nothing else holds it.
  const auto build = [&] {
    Tensor side = z;
    for (int i = 0; i < 20; ++i) side = sin(side) * 1.5;
    return x * x + side;
  };
  CHECK(grad(build(), {x})[0].item() == 4);
  const Tensor y = build();
  CHECK(grad(y * y, {x}, {.retain_graph = true})[0].item() == 8 * y.item());
  CHECK(grad(y, {z}, {.retain_graph = true})[0].item() == grad(build(), {z})[0].item());
}
