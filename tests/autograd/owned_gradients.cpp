// A gradient belongs to its leaf: nothing that changes it in place changes a tensor of anybody
// else.
#include "gradus/gradus.hpp"
#include "support/catch.hpp"
#include "support/numbers.hpp"

using namespace gradus;
using gradus::test::Numbers;
using gradus::test::numbers;

TEST_CASE("a tensor that is given to two leaves is copied for each") {
  for (const DType dtype : {float32, float64})
    for (const Shape& shape : {Shape{}, Shape{1}, Shape{2}}) {
      INFO(name_of(dtype) << " " << to_string(shape));
      Tensor a = ones(shape, dtype).requires_grad_(), b = ones(shape, dtype).requires_grad_();
      const Tensor given = full(shape, 8, dtype);
      const Numbers eights = numbers(given);
      a.set_grad(given);
      b.set_grad(given);
      CHECK(numbers(a.grad()) == eights);
      CHECK_FALSE(a.grad().is(b.grad()));
      clip_grad_norm({a}, 1);
      CHECK(numbers(b.grad()) == eights);
      CHECK(numbers(given) == eights);
      clip_grad_value({b}, 2);
      CHECK(numbers(b.grad())[0] == 2);
      CHECK(numbers(given) == eights);
      sum(b * 3).backward();
      CHECK(numbers(b.grad())[0] == 5);
      add_penalty_grad({b}, 0, 1);
      CHECK(numbers(given) == eights);
      // A gradient that is handed on belongs to the other leaf from then on.
      a.set_grad(b.grad());
      sum(a).backward();
      CHECK(numbers(b.grad())[0] == 7);
      CHECK(numbers(a.grad())[0] == 8);
      a.grad().fill_(0);
      CHECK(numbers(b.grad())[0] == 7);
      // The other way round: writing to what was given does not reach the leaf.
      b.set_grad(given);
      Tensor(given).fill_(1);
      CHECK(numbers(b.grad()) == eights);
    }
}

TEST_CASE("no optimizer changes a gradient or the tensor that it was given as") {
  for (const std::string& name : optim::optimizer_names()) {
    if (name == "lbfgs") continue;
    INFO(name);
    Tensor a = ones({2, 2}).requires_grad_(), b = ones({2, 2}).requires_grad_();
    const Tensor given = full({2, 2}, 8);
    const auto opt = optim::make_optimizer(name, {a, b}, {{"weight_decay", 0.1}});
    a.set_grad(given);
    b.set_grad(given);
    for (const double scale : {1.0, 0.5, 1e-50}) opt->step({.grad_scale = scale});
    CHECK(numbers(given) == Numbers(4, 8));
    CHECK(numbers(a.grad()) == Numbers(4, 8));
    CHECK(numbers(a) == numbers(b));
    opt->zero_grad();
    CHECK(numbers(given) == Numbers(4, 8));
  }
}

TEST_CASE("seeds, results of hooks and of grad() stay as they are when gradients change") {
  for (const Shape& shape : {Shape{}, Shape{3}}) {
    Tensor a = ones(shape).requires_grad_(), b = ones(shape).requires_grad_();
    const Tensor seed = full(shape, 4), kept = full(shape, 6);
    const Numbers fours = numbers(seed), sixes = numbers(kept);
    (a + b).backward(seed);
    clip_grad_norm({a}, 1);
    CHECK(numbers(seed) == fours);
    CHECK(numbers(b.grad()) == fours);
    (a + b).backward(seed);
    CHECK(numbers(seed) == fours);

    a.set_grad({});
    a.register_hook([&](const Tensor&) { return kept; });
    for (int i = 0; i < 2; ++i) sum(a * 2).backward();
    clip_grad_value({a}, 1);
    CHECK(numbers(kept) == sixes);

    const auto gradients = grad(sum(b * 2) + sum(b), {b, b});
    const Numbers threes = numbers(gradients[0]);
    a.set_grad(gradients[0]);
    b.set_grad(gradients[1]);
    for (const Tensor& leaf : {a, b}) clip_grad_norm({leaf}, 0.1);
    sum(b).backward();
    CHECK(numbers(gradients[0]) == threes);
    CHECK(numbers(gradients[1]) == threes);
  }
}

TEST_CASE("a gradient that is set in a captured step is repeated with the values of each call") {
  Tensor w = ones({3}).requires_grad_(), v = ones({3}).requires_grad_();
  const Tensor fixed = full({3}, 4);
  optim::SGD opt({w, v}, {.lr = 1});
  const auto step = capture(
      [&](const Tensor& x) {
        w.set_grad(x * 2);
        v.set_grad(fixed);
        clip_grad_value({w, v}, 3);
        opt.step();
        return sum(w);
      },
      {tensor({1, 2, 3})});
  step(tensor({0.5, 1, 1}));
  CHECK(numbers(w) == Numbers{0, -1, -1});
  CHECK(numbers(v) == Numbers{-2, -2, -2});
  step(tensor({-1, 5, 0}));
  CHECK(numbers(w) == Numbers{2, -4, -1});
  CHECK(numbers(v) == Numbers{-5, -5, -5});
  CHECK(numbers(fixed) == Numbers{4, 4, 4});
}
