#include <cmath>
#include <span>

#include "autograd/vjp.hpp"
#include "gradus/ops.hpp"
#include "support/catch.hpp"
#include "support/numbers.hpp"
#include "support/table/op_table.hpp"

using namespace gradus;
using gradus::test::Approx;
using gradus::test::contains;
using gradus::test::leaf;
using gradus::test::Numbers;
using gradus::test::numbers;

namespace {

using Tensors = std::vector<Tensor>;

int raw_calls = 0, composite_calls = 0;

/// sum(x^2 w), with a raw rule and a composite.
Tensor weighted_square(const Tensor& x, const Tensor& w) {
  Tensor value;
  {
    const NoGrad guard;
    value = sum(x * x * w);
  }
  return fused(
      "weighted_square", std::move(value), {x, w},
      [](const Vjp& k) -> Grads<2> {
        ++raw_calls;
        return {k.wants(0) ? k.grad * 2 * k.in(0) * k.in(1) : Tensor(),
                k.wants(1) ? k.grad * k.in(0) * k.in(0) : Tensor()};
      },
      [](const Tensors& in) {
        ++composite_calls;
        return sum(in[0] * in[0] * in[1]);
      });
}

/// As test::row, without infinities and NaN: rules of one's own may multiply with what they like.
void check_row(const test::Row& row) {
  for (const std::string& fault : test::faults_of(row)) FAIL_CHECK(fault);
  CHECK(!row.cases.empty());
}

}  // namespace

TEST_CASE("a custom operation is differentiated to any order", "[ops]") {
  check_row({.name = "custom cube",
             .f =
                 [](const Tensors& x) {
                   return custom(
                       "cube", {x[0]}, [](const Tensors& in) { return in[0] * in[0] * in[0]; },
                       [](const Vjp& k) { return k.grad * 3 * k.in(0) * k.in(0); });
                 },
             .cases = {{{.shape = {2, 3}}}, {{.shape = {}}}, {{.shape = {0}}}},
             .reference =
                 [](const std::vector<test::Array>& x) {
                   return test::map_array(x[0], [](long double v) { return v * v * v; });
                 }});
}

TEST_CASE("a custom operation's forward may return its input") {
  Tensor x = leaf({1, 2});
  const Tensor y = custom(
      "same", {x}, [](const Tensors& in) { return in[0]; },
      [](const Vjp& k) { return k.grad * 5; });
  CHECK(y.data<double>() != x.data<double>());
  sum(y).backward();
  CHECK(numbers(x.grad()) == Numbers{5, 5});
}

TEST_CASE("a raw custom operation has a first derivative and refuses the second by name") {
  Tensor x = leaf({1, 2});
  const auto op = [&] {
    return custom_raw(
        "raw_square", {x}, [](const Tensors& in) { return in[0] * in[0]; },
        [](const Vjp& k) {
          Numbers g = numbers(k.grad);
          const Numbers in = numbers(k.in(0));
          for (std::size_t i = 0; i < g.size(); ++i) g[i] *= 2 * in[i];
          return from_vector(g);
        });
  };
  sum(op()).backward();
  CHECK(numbers(x.grad()) == Numbers{2, 4});
  CHECK(numbers(grad(sum(op()), {x})[0]) == Numbers{2, 4});
  CHECK_THROWS_WITH(grad(sum(op()), {x}, {.create_graph = true}),
                    contains("[raw_square]") && contains("custom()"));
}

TEST_CASE(
    "a fused operation uses its raw rule for the first order, its composite for higher ones") {
  Tensor x = leaf({1, 2, 3}), w = leaf({4, 5, 6});
  raw_calls = composite_calls = 0;
  weighted_square(x, w).backward();
  CHECK(raw_calls == 1);
  CHECK(composite_calls == 0);
  CHECK(numbers(x.grad()) == Numbers{8, 20, 36});
  CHECK(numbers(w.grad()) == Numbers{1, 4, 9});
  const Tensor g = grad(weighted_square(x, w), {x}, {.create_graph = true})[0];
  CHECK(raw_calls == 1);
  CHECK(composite_calls == 1);
  CHECK(numbers(g) == Numbers{8, 20, 36});
  const auto h = grad(sum(g * g), {x, w});  // sum 4 x^2 w^2
  CHECK(numbers(h[0]) == Numbers{8 * 16, 8 * 2 * 25, 8 * 3 * 36});
  CHECK(numbers(h[1]) == Numbers{8 * 4, 8 * 4 * 5, 8 * 9 * 6});
}

TEST_CASE("a fused operation agrees with its reference to second order", "[ops]") {
  const auto reference = [](const std::vector<test::Array>& x) {
    test::Array out;
    for (std::size_t i = 0; i < x[0].values.size(); ++i)
      out.values[0] += x[0].values[i] * x[0].values[i] * x[1].values[i];
    return out;
  };
  check_row({.name = "fused weighted_square",
             .f = [](const Tensors& x) { return weighted_square(x[0], x[1]); },
             .cases = {{{.shape = {3}}, {.shape = {3}}}, {{.shape = {2, 2}}, {.shape = {2, 2}}}},
             .reference = reference});
  check_row({.name = "fused weighted_square of the same tensor twice",
             .f = [](const Tensors& x) { return weighted_square(x[0], x[0]); },
             .cases = {{{.shape = {3}}}},
             .reference =
                 [&](const std::vector<test::Array>& x) {
                   return reference({x[0], x[0]});
                 }});
}

TEST_CASE("a fused operation above a long history costs no walk through it") {
  // The composite stands alone: with a history below an unwanted input its sweep stays small.
  Tensor x = leaf({1}), w = leaf({2});
  Tensor below = w;
  for (int i = 0; i < 100; ++i) below = below * 1.0;
  const Tensor y = weighted_square(x, below);
  const Tensor g = grad(y, {x}, {.create_graph = true})[0];  // 2 x w
  CHECK(g.item() == 4);
  CHECK(grad(sum(g), {w})[0].item() == 2);
}

TEST_CASE("third order through a fused operation") {
  Tensor x = leaf({2}), w = leaf({3});
  const Tensor y = weighted_square(x, w) * weighted_square(x, w);  // x^4 w^2
  Tensor g = y;
  const double expected[] = {4 * 8 * 9, 12 * 4 * 9, 24 * 2 * 9, 24 * 9};
  for (const double e : expected) {
    g = sum(grad(g, {x}, {.create_graph = true})[0]);
    CHECK(g.item() == Approx(e));
  }
}

TEST_CASE("what a rule returns is checked") {
  Tensor x = leaf({1, 2, 3});
  const auto forward = [](const Tensors& in) { return in[0] * 1; };
  const auto shape =
      custom("bad_shape", {x}, forward, [](const Vjp&) { return ones({2}, float64); });
  CHECK_THROWS_WITH(sum(shape).backward(), contains("(2,)") && contains("(3,)"));
  const auto count = custom("too_many", {x}, forward, [](const Vjp& k) -> Grads<2> {
    return {k.grad, k.grad};
  });
  CHECK_THROWS_WITH(sum(count).backward(), contains("[too_many]") && contains("more gradients"));
  CHECK_FALSE(x.grad().defined());
  const auto silent = custom("silent", {x}, forward, [](const Vjp&) { return Tensor(); });
  sum(silent).backward();
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("a value with a history cannot be recorded again") {
  Tensor x = leaf({1, 2});
  CHECK_THROWS_WITH(record("again", x * 2, {x}, [](const Vjp& k) { return k.grad; }),
                    contains("[again]") && contains("history"));
  // Only the inputs count, not what lies behind them.
  const Tensors both{x, x * 2};
  CHECK_THROWS_WITH(record("again", both[1], std::span<const Tensor>(both.data(), 1),
                           [](const Vjp& k) { return k.grad; }),
                    contains("[again]") && contains("history"));
}

TEST_CASE("a rule's gradient is converted and summed to its input") {
  Tensor x = tensor({1, 2}).requires_grad_();
  const Tensor y = custom(
      "wide", {x},
      [](const Tensors& in) {
        return expand(in[0], {3, 2}).to(float64);
      },
      [](const Vjp& k) { return k.grad; });
  y.backward(ones({3, 2}, float64));
  CHECK(x.grad().dtype() == float32);
  CHECK(numbers(x.grad()) == Numbers{3, 3});
}

TEST_CASE("a rule may add to the sum that is already there") {
  static int in_place = 0;
  const auto op = [](const Tensor& x) {
    return custom(
        "adder", {x}, [](const Tensors& in) { return in[0] * 2; },
        [](const Vjp& k) {
          Tensor sum_so_far = detail::accumulator(k, 0);
          if (!sum_so_far.defined()) return k.grad * 2;
          ++in_place;
          double* to = sum_so_far.mutable_data<double>();
          const Numbers g = numbers(k.grad);
          for (std::size_t i = 0; i < g.size(); ++i) to[i] += 2 * g[i];
          return Tensor();
        });
  };
  Tensor x = leaf({1, 2});
  in_place = 0;
  (sum(op(x)) + sum(op(x) * 3) + sum(op(x) * 5)).backward();
  CHECK(in_place == 2);
  CHECK(numbers(x.grad()) == Numbers{18, 18});
  const auto g = grad(sum(op(x) * op(x)), {x}, {.create_graph = true})[0];
  CHECK(in_place == 2);
  CHECK(numbers(g) == Numbers{8, 16});
}

TEST_CASE("a value to record that is one of the inputs is refused: it would own itself") {
  const Tensor constant = tensor({1, 2}, float64), x = leaf({3, 4});
  CHECK_THROWS_WITH(record("same", constant, {x, constant},
                           [](const Vjp& k) {
                             return Grads<2>{k.grad, k.grad};
                           }),
                    contains("[same]") && contains("input 1"));
  CHECK_FALSE(constant.requires_grad());
}
