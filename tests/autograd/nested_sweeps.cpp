// Sweeps inside sweeps, in a process of one thread; and gradients that are summed while they are
// recorded.
#include "autograd/vjp.hpp"
#include "gradus/ops.hpp"
#include "support/catch.hpp"
#include "support/numbers.hpp"

using namespace gradus;
using gradus::test::leaf;
using gradus::test::Numbers;
using gradus::test::numbers;

TEST_CASE("a hook differentiates the graph that is being swept") {
  Tensor x = leaf({1, 2});
  const Tensor a = x * x, b = a * 3, c = b * b;
  const Tensor first = sum(a * a + x), second = sum(a * 3);
  std::vector<Numbers> inner;
  Tensor watched = b;
  watched.register_hook([&](const Tensor& g) {
    inner.push_back(numbers(grad(first, {x}, {.retain_graph = true})[0]));
    inner.push_back(numbers(grad(second, {a}, {.retain_graph = true})[0]));
    return g;
  });
  sum(c + a * 5 + b).backward();
  CHECK(inner == std::vector<Numbers>{{5, 33}, {3, 3}});
  // c + 5 a + b = 9 x^4 + 8 x^2
  CHECK(numbers(x.grad()) == Numbers{36 + 16, 288 + 32});
}

TEST_CASE("a recorded gradient is summed with one that is not, in either order") {
  const Tensor x = leaf({2, 3});
  for (const Tensor& y : {x * x + 3 * x, 3 * x + x * x, x * 3 + x * x * x + x * 5}) {
    const Tensor slope = grad(sum(y), {x}, {.create_graph = true})[0];
    const bool cubic = numbers(slope)[0] == 20;
    CHECK(numbers(grad(sum(slope), {x})[0]) == (cubic ? Numbers{12, 18} : Numbers{2, 2}));
  }
}

TEST_CASE("factors are for scalars alone: a rule that offers them for vectors goes on by itself") {
  bool scaled = true;
  const Tensor x = leaf({1, 2, 3});
  const Tensor y = custom(
      "twice", {x}, [](const std::vector<Tensor>& in) { return in[0] * 2; },
      [&](const Vjp& k) -> Tensor {
        scaled = detail::give_scaled(k, {2});
        return scaled ? Tensor() : k.grad * 2;
      });
  sum(y).backward();
  CHECK_FALSE(scaled);
  CHECK(numbers(x.grad()) == Numbers{2, 2, 2});
}

TEST_CASE("a leaf of one value is given another one, which stays") {
  Tensor a = linspace(2, 2, 1, float64);
  a.set_data(tensor({5}, float64));
  const Tensor other = linspace(7, 7, 1, float64), third = tensor({9}, float64);
  CHECK(numbers(a) == Numbers{5});
  CHECK(numbers(other) == Numbers{7});
}
