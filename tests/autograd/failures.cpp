// What throws midway leaves every grad and parameter as it was, and leaks nothing.
#include <cmath>

#include "base/pool.hpp"
#include "gradus/autograd.hpp"
#include "gradus/ops.hpp"
#include "gradus/runtime.hpp"
#include "support/catch.hpp"
#include "support/numbers.hpp"

using namespace gradus;
using gradus::test::contains;
using gradus::test::leaf;
using gradus::test::Numbers;
using gradus::test::numbers;

namespace {

Tensor throws_in_backward(const Tensor& x) {
  return custom(
      "thrower", {x}, [](const std::vector<Tensor>& in) { return in[0] * 1; },
      [](const Vjp&) -> Tensor { fail("thrower", "on purpose"); });
}

}  // namespace

TEST_CASE("a rule that throws leaves every grad as it was and frees the graph") {
  Tensor x = leaf({1, 2}), y = leaf({3, 4}), z = leaf({5, 6});
  x.set_grad(tensor({10, 20}, float64));
  const std::int64_t nodes = memory_stats().live_nodes;
  {
    Tensor a = x * y;
    a.retain_grad();
    const Tensor b = throws_in_backward(a * 2) + z;  // z's adjoint is ready before the exception
    CHECK_THROWS_WITH(sum(b + a).backward(), contains("[thrower] on purpose"));
    CHECK_FALSE(a.grad().defined());
  }
  CHECK(numbers(x.grad()) == Numbers{10, 20});
  CHECK_FALSE(y.grad().defined());
  CHECK_FALSE(z.grad().defined());
  CHECK(memory_stats().live_nodes == nodes);
  CHECK(is_grad_enabled());
  sum(x * z).backward();  // the tensors are as good as before
  CHECK(numbers(x.grad()) == Numbers{15, 26});
}

TEST_CASE("a retained gradient is not kept by a pass that fails later") {
  Tensor x = leaf({1, 2});
  Tensor h = throws_in_backward(x) * 2;
  h.retain_grad();
  h.set_grad(ones({2}, float64));
  CHECK_THROWS_WITH(sum(h).backward(), contains("[thrower]"));
  CHECK(numbers(h.grad()) == Numbers{1, 1});
}

TEST_CASE("a hook that throws leaves every grad as it was") {
  Tensor x = leaf({1, 2}), y = leaf({3, 4});
  Tensor h = x * 2;
  h.register_hook([](const Tensor&) -> Tensor { throw std::runtime_error("hook says no"); });
  CHECK_THROWS_WITH(sum(h + y).backward(), contains("hook says no"));
  CHECK_FALSE(x.grad().defined());
  CHECK_FALSE(y.grad().defined());
}

TEST_CASE("a rule that throws under grad leaves the mode and the graph usable") {
  Tensor x = leaf({1, 2});
  const Tensor y = x * 2, bad = throws_in_backward(y);
  CHECK_THROWS_AS(grad(sum(bad), {x}, {.retain_graph = true}), Error);
  CHECK(is_grad_enabled());
  CHECK(numbers(grad(sum(y), {x})[0]) == Numbers{2, 2});
}

TEST_CASE("running out of memory anywhere in a step changes nothing and leaks nothing") {
  Tensor w = leaf({{.1, .2, .3}, {.4, .5, .6}}), b = leaf({.1, .2});
  const Tensor x = tensor({{1, 2, 3}, {4, 5, 6}, {7, 8, 9}}, float64);
  const Numbers w_values = numbers(w), b_values = numbers(b);
  const auto step = [&] {
    Tensor h = matmul(x, w, {.transpose_b = true}) + b;
    h.retain_grad();
    const Tensor penalty = sum(grad(sum(h * h * h), {w}, {.create_graph = true})[0] * w);
    (mean(h * h) + penalty + sum(expand(b, {2, 2, 1, 1, 2}) / 3)).backward();
  };
  w.set_grad(zeros({2, 3}, float64));  // one grad to add to, one to make
  step();
  const Numbers w_grad = numbers(w.grad()), b_grad = numbers(b.grad());
  int failures = 0;
  for (std::int64_t n = 1;; ++n) {
    w.set_grad(zeros({2, 3}, float64));
    b.set_grad({});
    const MemoryStats before = memory_stats();
    bool failed = false;
    detail::fail_allocation_after(n);
    try {
      step();
    } catch (const Error& error) {
      failed = true;
      detail::fail_allocation_after(0);
      INFO("allocation " << n);
      CHECK_THAT(error.what(), contains("[memory]"));
    }
    detail::fail_allocation_after(0);
    INFO("allocation " << n);
    CHECK(numbers(w) == w_values);
    CHECK(numbers(b) == b_values);
    if (!failed) {
      CHECK(numbers(w.grad()) == w_grad);
      CHECK(numbers(b.grad()) == b_grad);
      break;
    }
    ++failures;
    CHECK(numbers(w.grad()) == Numbers(6, 0.0));
    CHECK_FALSE(b.grad().defined());
    const MemoryStats after = memory_stats();
    REQUIRE(after.live_nodes == before.live_nodes);
    REQUIRE(after.live_tensors == before.live_tensors);
    REQUIRE(after.live_buffers == before.live_buffers);
    REQUIRE(after.live_bytes == before.live_bytes);
    REQUIRE(is_grad_enabled());
  }
  CHECK(failures > 50);
}

TEST_CASE("running out of memory in a graph of scalars changes nothing and leaks nothing") {
  Tensor a = leaf(2), b = leaf(-3);
  a.set_grad(tensor(10, float64));
  const MemoryStats before = memory_stats();
  int failures = 0;
  for (std::int64_t n = 1;; ++n) {
    INFO("allocation " << n);
    bool failed = false;
    {
      const Tensor y = pow(a * b + b * b, 3) / a + (a - b) * tanh(a);
      const std::int64_t nodes = memory_stats().live_nodes;
      detail::fail_allocation_after(n);
      try {
        y.backward({.retain_graph = true});
      } catch (const Error& error) {
        failed = true;
        detail::fail_allocation_after(0);
        CHECK_THAT(error.what(), contains("[memory]"));
      }
      detail::fail_allocation_after(0);
      REQUIRE(memory_stats().live_nodes == nodes);
      if (failed) {
        REQUIRE(a.grad().item() == 10);
        REQUIRE_FALSE(b.grad().defined());
        y.backward();  // a retained graph is as good as before
      }
      // y = (ab + b^2)^3 / a + (a - b) tanh a at a = 2, b = -3
      const double t = std::tanh(2.0), s = 1 - t * t;
      CHECK(a.grad().item() == test::Approx(10 + 3 * 9 * -3 / 2.0 - 27 / 4.0 + t + 5 * s));
      CHECK(b.grad().item() == test::Approx(3 * 9 * -4 / 2.0 - t));
    }
    a.set_grad(tensor(10, float64));
    b.set_grad({});
    REQUIRE(memory_stats().live_tensors == before.live_tensors);
    REQUIRE(memory_stats().live_bytes == before.live_bytes);
    if (!failed) break;
    ++failures;
  }
  CHECK(failures > 10);
}

TEST_CASE("asking for more memory than there is is an error, not a crash") {
  CHECK_THROWS_WITH(zeros({1'000'000, 1'000'000, 100}), contains("[memory]"));
  CHECK_THROWS_WITH(zeros({1'000'000'000, 1'000'000'000, 1'000'000'000}), contains("[shape]"));
}
