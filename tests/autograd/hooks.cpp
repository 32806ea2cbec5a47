#include "gradus/autograd.hpp"
#include "gradus/ops.hpp"
#include "support/catch.hpp"
#include "support/numbers.hpp"

using namespace gradus;
using gradus::test::contains;
using gradus::test::leaf;
using gradus::test::Numbers;
using gradus::test::numbers;

TEST_CASE("a hook sees the whole gradient of its tensor, once") {
  Tensor x = leaf({1, 2});
  Tensor h = x * 3;
  std::vector<Numbers> seen;
  h.register_hook([&](const Tensor& g) {
    seen.push_back(numbers(g));
    return Tensor();
  });
  (sum(h) + sum(h * h)).backward();
  CHECK(seen == std::vector<Numbers>{{7, 13}});
  CHECK(numbers(x.grad()) == Numbers{21, 39});
}

TEST_CASE("a hook's result replaces the gradient, hooks run in their order") {
  Tensor x = leaf({1, 2});
  Tensor h = x * 3;
  h.register_hook([](const Tensor& g) { return g + 1; });
  h.register_hook([](const Tensor& g) { return g * 10; });
  sum(h).backward();
  CHECK(numbers(x.grad()) == Numbers{60, 60});
}

TEST_CASE("a hook on a leaf changes what is stored") {
  Tensor x = leaf({1, 2});
  x.register_hook([](const Tensor& g) { return g * -1; });
  sum(x * 3).backward();
  CHECK(numbers(x.grad()) == Numbers{-3, -3});
  CHECK(numbers(grad(sum(x * 3), {x})[0]) == Numbers{-3, -3});
}

TEST_CASE("retain_grad keeps what the hooks left") {
  Tensor x = leaf({1, 2});
  Tensor h = x * 3;
  h.retain_grad();
  h.register_hook([](const Tensor& g) { return g * 2; });
  sum(h).backward();
  CHECK(numbers(h.grad()) == Numbers{2, 2});
}

TEST_CASE("a hook may run backward over the graph that is being passed, if it keeps it") {
  Tensor x = leaf({1, 2});
  Tensor h = x * 3, y = square(h), loss = sum(y * y);  // 81 x^4
  int calls = 0;
  y.register_hook([&](const Tensor& g) {
    const EnableGrad guard;
    if (calls++ == 0) sum(y).backward({.retain_graph = true});  // calls this hook again
    return g;
  });
  loss.backward();
  CHECK(calls == 2);
  CHECK(numbers(x.grad()) == Numbers{324 + 18, 324 * 8 + 36});
  CHECK_THROWS_WITH(loss.backward(), contains("already freed"));
}

TEST_CASE("a pass whose graph is freed by a hook throws") {
  Tensor x = leaf({1, 2});
  const auto run = [&x](auto inner) {
    Tensor y = square(x * 3), loss = sum(y * y);
    loss.register_hook([&](const Tensor&) {
      const EnableGrad guard;
      inner(y);
      return Tensor();
    });
    loss.backward();
  };
  CHECK_THROWS_WITH(
      run([](const Tensor& y) { sum(y).backward(); }),
      contains("[backward] the graph was already freed") && contains("retain_graph = true"));
  CHECK(numbers(x.grad()) == Numbers{18, 36});  // of the pass inside, which was complete
  x.set_grad({});
  CHECK_THROWS_WITH(run([&](const Tensor& y) { grad(sum(y), {x}); }),
                    contains("[backward] the graph was already freed"));
  CHECK_FALSE(x.grad().defined());
  run([&](const Tensor& y) { grad(sum(y), {x}, {.retain_graph = true}); });
  CHECK(numbers(x.grad()) == Numbers{324, 324 * 8});
  run([&](const Tensor&) { sum(x * 2).backward(); });  // shares nothing but a leaf
  CHECK(numbers(x.grad()) == Numbers{2 * 324 + 2, 2 * 324 * 8 + 2});
}

TEST_CASE("a pass throws if a hook frees a part of the graph that still waits for its turn") {
  Tensor x = leaf({1, 2}), p = leaf({1, 2});
  const Tensor v = square(square(x));
  const Tensor y = sum(p * 5 + v);
  Tensor hooked = v;
  hooked.register_hook([&](const Tensor&) {
    const EnableGrad guard;
    grad(y, {p});  // passes p * 5, which only the sum refers to, and not v
    return Tensor();
  });
  CHECK_THROWS_WITH(y.backward({.retain_graph = true}),
                    contains("[backward] the graph was already freed"));
  CHECK_FALSE(p.grad().defined());
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("a hook can be removed, also by itself while it runs") {
  Tensor x = leaf(1);
  int calls = 0, id = 0;
  id = x.register_hook([&](const Tensor&) {
    ++calls;
    x.remove_hook(id);
    return Tensor();
  });
  const int other = x.register_hook([&](const Tensor&) {
    calls += 100;
    return Tensor();
  });
  CHECK(other != id);
  (x * 2).backward();
  CHECK(calls == 101);
  (x * 2).backward();
  CHECK(calls == 201);
  x.remove_hook(other);
  x.remove_hook(12345);
  (x * 2).backward();
  CHECK(calls == 201);
  x.register_hook([&](const Tensor&) { return Tensor(); });
}

TEST_CASE("a hook that returns another shape or dtype throws and changes no grad") {
  Tensor x = leaf({1, 2}), y = leaf({1, 2});
  y.set_grad(ones({2}, float64));
  Tensor h = x * y;
  const int id = h.register_hook([](const Tensor&) { return ones({3}, float64); });
  CHECK_THROWS_WITH(sum(h).backward(), contains("[hook]") && contains("(3,)") && contains("(2,)"));
  h = x * y;
  h.register_hook([](const Tensor& g) { return g.to(float32); });
  CHECK_THROWS_WITH(sum(h).backward(), contains("[hook]"));
  CHECK_FALSE(x.grad().defined());
  CHECK(numbers(y.grad()) == Numbers{1, 1});
  CHECK(id == 0);
}

TEST_CASE("hooks are only for tensors that require a gradient") {
  CHECK_THROWS_WITH(tensor(1).register_hook([](const Tensor& g) { return g; }),
                    contains("[register_hook]"));
}

TEST_CASE(
    "a hook that returns its argument, or keeps it, shares nothing with the stored gradient") {
  Tensor x = leaf({1, 2});
  Tensor kept;
  x.register_hook([&](const Tensor& g) {
    kept = g;
    return g;
  });
  sum(x * 3).backward();
  CHECK(kept.data<double>() != x.grad().data<double>());
  sum(x * 3).backward();
  CHECK(numbers(x.grad()) == Numbers{6, 6});
  CHECK(numbers(kept) == Numbers{3, 3});
}

TEST_CASE("a hook may overwrite the handle that backward was called on") {
  for (const bool retain_graph : {false, true}) {
    Tensor x = leaf({1, 2});
    Tensor y = x * 3;
    int calls = 0;
    Tensor loss = sum(y * y);
    y.register_hook([&calls](const Tensor&) {
      ++calls;
      return Tensor();
    });
    loss.register_hook([&loss](const Tensor&) {
      loss = Tensor();
      return Tensor();
    });
    y = Tensor();
    loss.backward({.retain_graph = retain_graph});
    CHECK_FALSE(loss.defined());
    CHECK(calls == 1);
    CHECK(numbers(x.grad()) == Numbers{18, 36});
  }
}
