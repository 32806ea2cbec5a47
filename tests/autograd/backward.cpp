// backward(): what it sums, where it stores it, what it refuses.
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

TEST_CASE("paths that meet are summed: x + x, x * x, diamonds") {
  Tensor x = leaf(3);
  (x + x).backward();
  CHECK(x.grad().item() == 2);
  x.set_grad({});
  (x * x).backward();
  CHECK(x.grad().item() == 6);
  x.set_grad({});
  const Tensor a = x * 2, b = a + 1, c = a * a;
  (b * c).backward();  // (2x + 1) 4x^2: 24x^2 + 8x
  CHECK(x.grad().item() == 24 * 9 + 8 * 3);
}

TEST_CASE("the small reference graphs") {
  Tensor x = leaf(2);
  const Tensor loss = -3 * x * x;
  CHECK(loss.item() == -12);
  loss.backward();
  CHECK(x.grad().item() == -12);

  Tensor a = leaf(1);
  const Tensor b = a + a, c = b + b;
  c.backward();
  CHECK(a.grad().item() == 4);

  Tensor p = leaf(5), q = leaf(3);
  ((p + q) * (p - q)).backward();
  CHECK(p.grad().item() == 10);
  CHECK(q.grad().item() == -6);
}

TEST_CASE("micrograd's example, with micrograd's numbers") {
  for (const DType dtype : {float32, float64}) {
    Tensor a = tensor(-4.0, dtype).requires_grad_(), b = tensor(2.0, dtype).requires_grad_();
    Tensor c = a + b;
    Tensor d = a * b + pow(b, 3);
    c = c + c + 1;
    c = c + 1 + c + (-a);
    d = d + d * 2 + relu(b + a);
    d = d + 3 * d + relu(b - a);
    const Tensor e = c - d;
    const Tensor f = pow(e, 2);
    const Tensor g = f / 2.0 + 10.0 / f;
    g.backward();
    CHECK(g.item() == Approx(24.7041).margin(5e-5));
    CHECK(a.grad().item() == Approx(138.8338).margin(5e-5));
    CHECK(b.grad().item() == Approx(645.5773).margin(5e-5));
  }
}

TEST_CASE("the two-layer network of the textbook, one step by hand") {
  Tensor w1 = leaf({{.15, .25}, {.20, .30}}), b1 = leaf({.35, .35});
  Tensor w2 = leaf({{.40, .45}}), b2 = leaf({.60});
  const Tensor x = tensor({{.05, .10}}, float64);
  const auto sigmoid = [](const Tensor& v) {
    return custom(
        "sigmoid", {v},
        [](const std::vector<Tensor>& in) {
          std::vector<double> y = in[0].to_vector<double>();
          for (double& e : y) e = 1 / (1 + std::exp(-e));
          return from_vector(y, in[0].shape());
        },
        [](const Vjp& k) { return k.grad * k.out() * (1 - k.out()); });
  };
  const Tensor hidden = sigmoid(matmul(x, w1, {.transpose_b = true}) + b1);
  const Tensor y = sigmoid(matmul(hidden, w2, {.transpose_b = true}) + b2);
  const Tensor loss = sum((y - 0.01) * (y - 0.01)) / 2;
  loss.backward();
  CHECK(loss.item() == Approx(.2748403915).margin(5e-11));
  const auto check = [](const Tensor& t, const Numbers& expected) {
    const Numbers got = numbers(t);
    REQUIRE(got.size() == expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == Approx(expected[i]).margin(5e-11));
  };
  check(w2.grad(), {.0823296916, .0825799132});
  check(b2.grad(), {.1384912111});
  check(b1.grad(), {.0133546686, .0150025228});
  check(w1.grad(), {.0006677334, .0013354669, .0007501261, .0015002523});
}

TEST_CASE("gradients accumulate over backward calls until they are cleared") {
  Tensor x = leaf({1, 2});
  sum(x * 3).backward();
  sum(x * x).backward();
  CHECK(numbers(x.grad()) == Numbers{5, 7});
  x.set_grad({});
  CHECK_FALSE(x.grad().defined());
  sum(x * x).backward();
  CHECK(numbers(x.grad()) == Numbers{2, 4});
}

TEST_CASE("a leaf is its own derivative") {
  Tensor x = leaf({1, 2});
  x.backward(tensor({3, 4}, float64));
  CHECK(numbers(x.grad()) == Numbers{3, 4});
}

TEST_CASE("only leaves that require a gradient get one") {
  Tensor x = leaf({1, 2}), y = tensor({3, 4}, float64);
  const Tensor product = x * y;
  sum(product).backward();
  CHECK(numbers(x.grad()) == Numbers{3, 4});
  CHECK_FALSE(y.grad().defined());
  CHECK_FALSE(product.grad().defined());
}

TEST_CASE("two leaves that receive the same adjoint do not share memory") {
  Tensor x = leaf({1, 2}), y = leaf({3, 4}), z = leaf({{5}, {6}});
  const Tensor seed = tensor({1, 10}, float64);
  (x + y + reshape(z, {2})).backward(seed);
  CHECK(x.grad().data<double>() != y.grad().data<double>());
  CHECK(x.grad().data<double>() != z.grad().data<double>());
  CHECK(y.grad().data<double>() != z.grad().data<double>());
  CHECK(x.grad().data<double>() != seed.data<double>());
  Tensor changed = x.grad();
  changed.fill_(-1);
  CHECK(numbers(y.grad()) == Numbers{1, 10});
  CHECK(numbers(z.grad()) == Numbers{1, 10});
  CHECK(numbers(seed) == Numbers{1, 10});
}

TEST_CASE("seeds are never modified") {
  Tensor x = leaf({1, 2});
  const Tensor seed = tensor({1, 10}, float64);
  const Tensor y = x + x + x + x;
  y.backward(seed);
  CHECK(numbers(seed) == Numbers{1, 10});
  CHECK(numbers(x.grad()) == Numbers{4, 40});
  x.backward(seed);
  x.backward(seed);
  CHECK(numbers(seed) == Numbers{1, 10});
  CHECK(numbers(x.grad()) == Numbers{6, 60});
  const auto g = grad({x + 1, x + x}, {x}, {.grad_outputs = {seed, seed}});
  CHECK(numbers(g[0]) == Numbers{3, 30});
  CHECK(numbers(seed) == Numbers{1, 10});
  CHECK(seed.version() == 0);
}

TEST_CASE("a second backward throws and leaves every grad as it was") {
  Tensor x = leaf({1, 2});
  const Tensor h = x * x, y = sum(h);
  y.backward();
  CHECK_THROWS_WITH(y.backward(), contains("[backward]") && contains("retain_graph"));
  CHECK(numbers(x.grad()) == Numbers{2, 4});
  CHECK_THROWS_WITH(sum(h * x).backward(), contains("already freed"));
  CHECK(numbers(x.grad()) == Numbers{2, 4});
  CHECK_THROWS_AS(grad(y, {x}), Error);
}

TEST_CASE("grad() never forgets a path through a freed part of the graph") {
  Tensor x = leaf(3);
  const Tensor h = x * 2;
  (h * h).backward();
  // d(h x)/dx = 4x needs the freed record of h; half of it would be a lie.
  CHECK_THROWS_WITH(grad(h * x, {x}), contains("[grad]") && contains("already freed"));
  CHECK(grad(h * x, {h})[0].item() == 3);
}

TEST_CASE("retain_graph allows a second backward") {
  Tensor x = leaf({1, 2});
  const Tensor y = sum(x * x);
  y.backward({.retain_graph = true});
  y.backward({.retain_graph = true});
  y.backward();
  CHECK(numbers(x.grad()) == Numbers{6, 12});
  CHECK_THROWS_AS(y.backward(), Error);
}

TEST_CASE("backward frees the graph on its way, retain_graph keeps it") {
  Tensor x = leaf({1, 2});
  const std::int64_t before = memory_stats().live_nodes;
  const Tensor y = sum(x * x + x);
  CHECK(memory_stats().live_nodes == before + 3);
  y.backward({.retain_graph = true});
  CHECK(memory_stats().live_nodes == before + 3);
  y.backward();
  CHECK(memory_stats().live_nodes == before);
  CHECK_FALSE(y.is_leaf());
}

TEST_CASE("the graph is released while the sweep passes, not at its end") {
  Tensor x = leaf(1);
  std::vector<std::int64_t> live;
  Tensor y = x * 2;
  for (int i = 0; i < 3; ++i) {
    y.register_hook([&](const Tensor&) {
      live.push_back(memory_stats().live_nodes);
      return Tensor();
    });
    y = y * 2;
  }
  y.backward();
  REQUIRE(live.size() == 3);
  CHECK(live[0] > live[1]);
  CHECK(live[1] > live[2]);
}

TEST_CASE("backward refuses what has no gradient") {
  Tensor x = leaf({1, 2});
  CHECK_THROWS_WITH((x * x).backward(),
                    contains("[backward]") && contains("(2,)") && contains("seed"));
  CHECK_THROWS_WITH(tensor(1).backward(), contains("[backward]") && contains("requires_grad_()"));
  {
    const NoGrad guard;
    const Tensor silent = sum(x);
    CHECK_THROWS_WITH(silent.backward(), contains("[backward]"));
  }
  CHECK_THROWS_WITH((x * x).backward(ones({3}, float64)),
                    contains("(3,)") && contains("(2,)") && contains("[backward]"));
  CHECK_THROWS_WITH((x * x).backward(ones({2}, float32)),
                    contains("float32") && contains("float64"));
  CHECK_THROWS_WITH(sum(x).backward(ones({1}, float64)), contains("(1,)") && contains("()"));
  CHECK_THROWS_WITH(Tensor().backward(), contains("undefined"));
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("retain_grad keeps the gradient of an intermediate result") {
  Tensor x = leaf({1, 2});
  Tensor h = x * x;
  h.retain_grad();
  const Tensor y = sum(h * 3);
  y.backward({.retain_graph = true});
  CHECK(numbers(h.grad()) == Numbers{3, 3});
  y.backward();
  CHECK(numbers(h.grad()) == Numbers{6, 6});
  CHECK(numbers(x.grad()) == Numbers{12, 24});
  CHECK(h.grad().data<double>() != x.grad().data<double>());
  CHECK_THROWS_WITH(tensor(1).retain_grad(), contains("[retain_grad]"));
}

TEST_CASE("an intermediate gradient that is passed on is not shared with the leaf's") {
  Tensor x = leaf({1, 2});
  Tensor h = x + 0;
  h.retain_grad();
  sum(h).backward();
  CHECK(h.grad().data<double>() != x.grad().data<double>());
}

TEST_CASE("size 0 and one-element tensors go through backward") {
  Tensor empty = zeros({0, 3}, float64).requires_grad_();
  sum(empty * 2).backward();
  CHECK(empty.grad().shape() == Shape{0, 3});
  Tensor one = leaf({2});
  (one * one).backward();
  CHECK(numbers(one.grad()) == Numbers{4});
}

TEST_CASE("float32 and float64 meet: each leaf's gradient has its dtype") {
  Tensor x = tensor({1, 2}).requires_grad_(), y = leaf({3, 4});
  const Tensor z = x * y;
  CHECK(z.dtype() == float64);
  sum(z).backward();
  CHECK(x.grad().dtype() == float32);
  CHECK(y.grad().dtype() == float64);
  CHECK(x.grad().to_vector<float>() == std::vector<float>{3, 4});
}

TEST_CASE("requires_grad_ is for floating-point leaves") {
  CHECK_THROWS_WITH(tensor({1, 2}, int64).requires_grad_(), contains("int64"));
  Tensor x = leaf(1);
  Tensor y = x * 2;
  CHECK_THROWS_WITH(y.requires_grad_(), contains("detach()"));
  CHECK_THROWS_WITH(y.requires_grad_(false), contains("[requires_grad_]"));
  CHECK_FALSE(y.detach().requires_grad());
  x.requires_grad_(false);
  CHECK_FALSE((x * 2).requires_grad());
}

TEST_CASE("set_grad takes the tensor's shape and dtype") {
  Tensor x = leaf({1, 2});
  CHECK_THROWS_WITH(x.set_grad(ones({3}, float64)), contains("(3,)") && contains("(2,)"));
  CHECK_THROWS_WITH(x.set_grad(ones({2}, float32)), contains("float32") && contains("float64"));
  x.set_grad(ones({2}, float64));
  sum(x).backward();
  CHECK(numbers(x.grad()) == Numbers{2, 2});
}

TEST_CASE("a seed that shares memory with a grad is read before any grad changes") {
  Tensor x = leaf({1, 2}), y = leaf({3, 4});
  x.set_grad(ones({2}, float64));
  y.set_grad(tensor({10, 20}, float64));
  (x + y).backward(x.grad());
  CHECK(numbers(x.grad()) == Numbers{2, 2});
  CHECK(numbers(y.grad()) == Numbers{11, 21});
}
