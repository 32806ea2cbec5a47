// Graphs of a million nodes: backward and destruction on a stack of 8 MB.
#include "gradus/autograd.hpp"
#include "gradus/ops.hpp"
#include "gradus/runtime.hpp"
#include "support/catch.hpp"
#include "support/numbers.hpp"
#include "support/small_stack.hpp"

using namespace gradus;
using gradus::test::leaf;
using gradus::test::on_small_stack;

namespace {

constexpr int million = 1'000'000;

}  // namespace

TEST_CASE("a chain of a million nodes passes backward and destruction") {
  double gradient = 0;
  on_small_stack([&] {
    Tensor x = leaf(1);
    {
      Tensor y = x;
      for (int i = 0; i < million; ++i) y = y + 1;
      y.backward();
    }
    gradient = x.grad().item();
    Tensor z = x;  // destroyed without a backward pass
    for (int i = 0; i < million; ++i) z = -z;
  });
  CHECK(gradient == 1);
}

TEST_CASE("a chain of a million nodes passes grad with a recorded gradient") {
  double gradient = 0;
  on_small_stack([&] {
    Tensor x = leaf(1);
    Tensor y = x;
    for (int i = 0; i < million; ++i) y = y * 1.0;
    const auto g = grad(y, {x}, {.create_graph = true});
    gradient = g[0].item();
  });
  CHECK(gradient == 1);
}

TEST_CASE("a ladder whose nodes each use the two before them takes linear time") {
  double gradient = 0;
  on_small_stack([&] {
    Tensor x = leaf(1);
    Tensor a = x * 0.5, b = x * 0.5;
    for (int i = 0; i < million / 4; ++i) {
      Tensor c = (a + b) * 0.5;  // the number of paths doubles
      a = std::move(b);
      b = std::move(c);
    }
    b.backward();
    gradient = x.grad().item();
  });
  CHECK(gradient == test::Approx(0.5).epsilon(1e-12));
}

TEST_CASE("a leaf that is used a million times") {
  double gradient = 0;
  on_small_stack([&] {
    Tensor x = leaf(1);
    Tensor y = tensor(0, float64);
    for (int i = 0; i < million; ++i) y = y + x;
    y.backward();
    gradient = x.grad().item();
  });
  CHECK(gradient == million);
}

TEST_CASE("an operation of a hundred thousand inputs") {
  constexpr std::size_t count = 100'000;
  double first = 0, last = 0;
  on_small_stack([&] {
    std::vector<Tensor> leaves(count);
    for (std::size_t i = 0; i < count; ++i) leaves[i] = leaf(static_cast<double>(i));
    const Tensor y = custom(
        "total", leaves,
        [](const std::vector<Tensor>& in) {
          double total = 0;
          for (const Tensor& t : in) total += t.item();
          return tensor(total, float64);
        },
        [](const Vjp& k) {
          return std::vector<Tensor>(static_cast<std::size_t>(k.arity()), k.grad * 3);
        });
    y.backward();
    first = leaves.front().grad().item();
    last = leaves.back().grad().item();
  });
  CHECK(first == 3);
  CHECK(last == 3);
}

TEST_CASE("a million results of one leaf, all in one sum") {
  double gradient = 0;
  on_small_stack([&] {
    Tensor x = leaf(2);
    std::vector<Tensor> squares;
    for (int i = 0; i < million; ++i) squares.push_back(x * x);
    const Tensor y = custom(
        "total", squares,
        [](const std::vector<Tensor>& in) {
          return tensor(static_cast<double>(in.size()), float64);
        },
        [](const Vjp& k) {
          return std::vector<Tensor>(static_cast<std::size_t>(k.arity()), k.grad);
        });
    squares.clear();
    y.backward();
    gradient = x.grad().item();
  });
  CHECK(gradient == 4.0 * million);
}
