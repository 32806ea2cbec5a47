#include <cmath>

#include "gradus/functional.hpp"
#include "gradus/gradus.hpp"
#include "support/catch.hpp"
#include "support/numbers.hpp"

using namespace gradus;
using gradus::test::Approx;
using gradus::test::contains;
using gradus::test::numbers;
using gradus::test::Numbers;
using gradus::test::some;

namespace {

Tensor block(const Tensor& x, const Tensor& w) {
  Tensor h = x;
  for (int i = 0; i < 4; ++i) h = matmul(h, w) / (h * h + 1.0);
  return h;
}

/// Multiplies by a random mask.
Tensor noisy(const Tensor& x, const Tensor& w) {
  const Tensor mask = rand(x.shape(), x.dtype());
  return block(x * mask, w) * rand(x.shape(), x.dtype());
}

/// Equal up to the rounding of sums in another order.
void check_close(const Numbers& a, const Numbers& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i)
    CHECK(std::abs(a[i] - b[i]) <= 1e-13 * (1 + std::abs(b[i])));
}

}  // namespace

TEST_CASE("a checkpoint has the same value and gradients to the last bit") {
  const Tensor x = some({5, 3}).requires_grad_(), w = some({3, 3}, 2).requires_grad_();
  const Tensor plain = block(x, w);
  const auto expected = grad(sum(plain * plain), {x, w});
  const Tensor saved = checkpoint(block, {x, w});
  CHECK(std::string(saved.operation()) == "checkpoint");
  const auto found = grad(sum(saved * saved), {x, w});
  CHECK(numbers(saved) == numbers(plain));
  CHECK(numbers(found[0]) == numbers(expected[0]));
  CHECK(numbers(found[1]) == numbers(expected[1]));
}

TEST_CASE("backward through checkpoints in a chain fills the leaves") {
  const Tensor x = some({5, 3});
  Tensor w = some({3, 3}, 2).requires_grad_(), u = some({3, 3}, 3).requires_grad_();
  sum(block(block(x, w), u)).backward();
  const Numbers by_w = numbers(w.grad()), by_u = numbers(u.grad());
  w.set_grad({});
  u.set_grad({});
  sum(checkpoint(block, {checkpoint(block, {x, w}), u})).backward();
  // The paths to a weight meet in another order, so their sums may round differently.
  for (std::size_t i = 0; i < by_w.size(); ++i) {
    CHECK(numbers(w.grad())[i] == Approx(by_w[i]).epsilon(1e-14));
    CHECK(numbers(u.grad())[i] == Approx(by_u[i]).epsilon(1e-14));
  }
}

TEST_CASE("random numbers are the same in the recomputation, and go on as without it") {
  const Tensor x = some({5, 3}).requires_grad_(), w = some({3, 3}, 2).requires_grad_();
  manual_seed(7);
  const Tensor plain = noisy(x, w);
  const auto expected = grad(sum(plain), {x, w});
  const double next = default_generator().uniform();
  manual_seed(7);
  const Tensor saved = checkpoint(noisy, {x, w});
  const double between = default_generator().uniform();
  const std::uint64_t offset = default_generator().offset();
  const auto found = grad(sum(saved), {x, w});
  CHECK(numbers(saved) == numbers(plain));
  CHECK(numbers(found[0]) == numbers(expected[0]));
  CHECK(numbers(found[1]) == numbers(expected[1]));
  CHECK(between == next);
  CHECK(default_generator().offset() == offset);
}

TEST_CASE("checkpoints have derivatives of any order, and nest") {
  const auto f = [](const Tensor& x, const Tensor& w) {
    const auto inner = [](const Tensor& a, const Tensor& b) {
      return checkpoint(block, {a, b}) * 2;
    };
    return checkpoint(inner, {x, w});
  };
  const Tensor x = some({2, 2}), w = some({2, 2}, 2);
  CHECK(gradcheck(f, {x, w}, {.order = 2}));
  const auto energy = [&](const Tensor& q) { return sum(checkpoint(block, {q, w})); };
  const auto direct = [&](const Tensor& q) { return sum(block(q, w)); };
  check_close(numbers(hessian(energy, x)), numbers(hessian(direct, x)));
}

TEST_CASE("a gradient of one input keeps its dependence on the others") {
  const Tensor x = some({2, 2}).requires_grad_(), w = some({2, 2}, 2).requires_grad_();
  const auto mixed = [&](const Tensor& y) {
    const Tensor by_x = grad(sum(y * y), {x}, {.create_graph = true})[0];
    return numbers(grad(sum(by_x * by_x), {w})[0]);
  };
  const Numbers expected = mixed(block(x, w));
  CHECK(expected != Numbers(4, 0.0));
  // Second derivatives are summed in another order than without the checkpoint.
  check_close(mixed(checkpoint(block, {x, w})), expected);
}

TEST_CASE("a checkpoint keeps less memory until backward") {
  const Tensor x = some({64, 64}).requires_grad_(), w = some({64, 64}, 2).requires_grad_();
  const auto held = [&](const auto& f) {
    const auto before = memory_stats();
    const Tensor y = f();
    const auto after = memory_stats();
    return std::pair(after.live_bytes - before.live_bytes, after.live_nodes - before.live_nodes);
  };
  const auto plain = held([&] { return block(x, w); });
  const auto saved = held([&] { return checkpoint(block, {x, w}); });
  CHECK(saved.first < 2 * 64 * 64 * 8);
  CHECK(plain.first > 8 * 64 * 64 * 8);
  CHECK(saved.second == 1);
}

TEST_CASE("nothing is left of a checkpoint after backward") {
  const auto before = memory_stats();
  {
    const Tensor big = some({32, 32});
    const Tensor x = some({32, 32}, 2).requires_grad_();
    const Tensor y = sum(checkpoint([big](const Tensor& q) { return q * big; }, {x}));
    y.backward();
    CHECK(numbers(x.grad()) == numbers(big));
    CHECK_THROWS_WITH(y.backward(), contains("already freed"));
  }
  const auto after = memory_stats();
  CHECK(after.live_tensors == before.live_tensors);
  CHECK(after.live_nodes == before.live_nodes);
  CHECK(after.live_buffers == before.live_buffers);
}

TEST_CASE("a captured tensor that requires a gradient is refused") {
  const Tensor x = some({2, 2}), w = some({2, 2}, 2).requires_grad_();
  const auto f = [&](const Tensor& q) { return block(q, w); };
  CHECK_THROWS_WITH(checkpoint(f, {x}), contains("[checkpoint]") && contains("shape (2, 2)") &&
                                            contains("pass it as an input"));
  const Tensor leaf = some({2, 2}, 3).requires_grad_();
  CHECK_THROWS_AS(checkpoint(f, {leaf}), Error);
  const Tensor middle = w * 2;
  CHECK_THROWS_AS(checkpoint([&](const Tensor& q) { return q * middle; }, {leaf}), Error);
  const Tensor fixed = w.detach();
  CHECK_NOTHROW(checkpoint([&](const Tensor& q) { return block(q, fixed); }, {leaf}));
  const NoGrad guard;
  CHECK(numbers(checkpoint(f, {x})) == numbers(block(x, w)));
}

TEST_CASE("inputs that need no gradient, masks and results that are inputs are fine") {
  const Tensor x = some({2}).requires_grad_(), n = tensor({2, 3}, int64);
  const Tensor y = checkpoint([](const Tensor& a, const Tensor& b) { return a * b; }, {x, n});
  CHECK(numbers(grad(sum(y), {x})[0]) == Numbers{2, 3});
  const Tensor same = checkpoint([](const Tensor& a) { return a; }, {x});
  CHECK(numbers(grad(sum(same), {x})[0]) == Numbers{1, 1});
  CHECK_FALSE(checkpoint([](const Tensor& a) { return a * 2; }, {some({2})}).requires_grad());
}

TEST_CASE("an input changed in place before backward is noticed") {
  const Tensor w = some({2, 2}, 2).requires_grad_();
  Tensor x = some({2, 2});
  const Tensor y = sum(checkpoint(block, {x, w}));
  x.fill_(0);
  CHECK_THROWS_WITH(y.backward(), contains("changed in place"));
}
