// What a captured step leaves out and what it does tile by tile.
#include <cmath>
#include <functional>
#include <limits>

#include "base/pool.hpp"
#include "capture/capture_support.hpp"
#include "gradus/capture.hpp"
#include "gradus/runtime.hpp"

using namespace gradus;
using test::chain_tile;
using test::contains;
using test::require_same;
using test::Tensors;

namespace {

constexpr Index odd_length = 3 * chain_tile + 1;

/// Numbers that arithmetic treats apart, in an order that no tile repeats.
Tensor corners(Index count, DType type = float32) {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("7");
  const double some[] = {0.,  -0.,  1e-42, -1e-42, 1e-38, 1e-310, 3e38,
                         inf, -inf, nan,   -nan,   1,     -2.5};
  std::vector<double> values;
  for (Index i = 0; i < count; ++i)
    values.push_back(some[static_cast<std::size_t>(i) % std::size(some)]);
  return from_vector(values).to(type);
}

/// f, captured for inputs like `in`; both are called on these, on several numbers of threads.
CapturedStep compare(const std::function<Tensors(const Tensors&)>& f, const Tensors& in) {
  Tensors other;
  for (const Tensor& x : in) other.push_back(zeros_like(x));
  const CapturedStep step = capture(f, other);
  const Tensors expected = f(in);
  for (const int threads : {1, 2, 3, 4, 8}) {
    INFO(threads << " threads");
    const test::Team team(threads);
    require_same(step.run(in), expected);
  }
  return step;
}

/// A user's activation and loss, with the gradient of w.
Tensors swish_step(const Tensor& x, Tensor w) {
  const Tensor z = w * x, y = z * sigmoid(z * 1.702), loss = mean(square(y));
  w.set_grad({});
  loss.backward();
  return {loss, w.grad()};
}

}  // namespace

TEST_CASE("chains of elementwise operations are fused, forward and backward") {
  manual_seed(1);
  for (const Index count : {Index{1}, chain_tile - 1, chain_tile, chain_tile + 1, odd_length,
                            Index{65535}, Index{65536}, Index{65537}, Index{100003}}) {
    INFO(count << " elements");
    const Tensor w = randn({count}).requires_grad_();
    const CapturedStep step =
        compare([&](const Tensors& in) { return swish_step(in[0], w); }, {randn({count})});
    CHECK(step.fused() == (count > chain_tile ? 14 : 0));
    CHECK(step.dropped() == 0);
  }
  const Tensor none = zeros({0}).requires_grad_();
  compare([&](const Tensors& in) { return Tensors{exp(in[0] * none) + 1}; }, {zeros({0})});
}

TEST_CASE("what nothing reads is dropped, with what only it reads") {
  const Tensor x = randn({odd_length}), w = randn({odd_length});
  Tensor state = zeros({odd_length});
  const CapturedStep step = compare(
      [&](const Tensors& in) {
        { const Tensor unused = tanh(exp(in[0]) * w); }
        { const Tensor reduced = sum(in[0] + 1); }
        state.copy_(in[0] * 2);  // memory from outside
        return Tensors{in[0] * 3};
      },
      {x});
  CHECK(step.dropped() == 5);
  CHECK(step.fused() == 3);  // x 2, which goes into state, and x 3
  CHECK(test::same_bits(state, x * 2));
  const CapturedStep scalars = compare(
      [](const Tensors& in) {
        { const Tensor unused = exp(in[0]) * in[0]; }
        return Tensors{in[0] + 1};
      },
      {tensor(2.0)});
  CHECK(scalars.dropped() == 2);
}

TEST_CASE("a value in a chain may be a result, kept for backward, reduced or updated later") {
  const Tensor x = randn({odd_length});
  Tensor w = randn({odd_length}).requires_grad_(), state = ones({odd_length});
  compare(
      [&](const Tensors& in) {
        const Tensor a = in[0] * 2, b = exp(-abs(a)), c = b + a;
        return Tensors{b, c * sum(b), a};  // sum ends the first chain
      },
      {x});
  compare(
      [&](const Tensors& in) {
        w.set_grad({});
        const Tensor y = tanh(w * in[0]);
        (y * y).backward(y.detach() * 0.5);
        return Tensors{w.grad()};
      },
      {x});
  const Tensor before = state.clone();
  compare(
      [&](const Tensors& in) {
        const NoGrad guard;
        state.copy_(before);
        const Tensor old = state * 1;
        state.copy_(state - in[0] * 0.1);
        state.copy_(state - old * 0.1);
        return Tensors{state + old};
      },
      {x});
}

TEST_CASE("chains of several dtypes and of single values") {
  const Tensor x = randn({odd_length}), whole = randint(-9, 9, {odd_length}, int64);
  const CapturedStep step = compare(
      [&](const Tensors& in) {
        const Tensor d = in[0].to(float64) * 3, mask = gt(d, 0.5), i = in[1] * in[1] - 4;
        const Tensor chosen = where(mask, i, in[1]), s = in[2];
        const Tensor scaled = in[0] * s + s;
        return Tensors{d,
                       logical_not(mask),
                       chosen,
                       scaled,
                       lerp(in[0], scaled, s * in[0]),
                       chosen.to(float32) + isfinite(in[0]).to(float32)};
      },
      {x, whole, tensor(0.7)});
  CHECK(step.fused() >= 15);
}

TEST_CASE("chains treat denormals, NaN and infinities as the step does") {
  for (const DType type : {float32, float64})
    for (const Index count : {odd_length, Index{65535}, Index{65536}, Index{65549}}) {
      INFO(count << " elements");
      const Tensor x = corners(count, type), y = flip(corners(count, type), {0});
      const CapturedStep step = compare(
          [](const Tensors& in) {
            const Tensor tiny = in[0] * 0.5, s = in[2];
            return Tensors{tiny * 1.5,
                           tiny + in[1],
                           maximum(tiny, in[1]) * s,
                           where(lt(tiny, s), tiny, in[1]),
                           in[0] / in[1],
                           tiny.to(in[0].dtype() == float32 ? float64 : float32)};
          },
          {x, y, tensor(1e-40, type)});
      CHECK(step.fused() >= 8);
    }
}

TEST_CASE("a capture for which memory fails leaves nothing, and a later one works") {
  Tensor w = ones({odd_length}).requires_grad_();
  const Tensor x = randn({odd_length});
  const auto step = [&](const Tensor& in) { return swish_step(in, w)[0]; };
  const Tensor expected = step(x);
  w.set_grad({});
  const MemoryStats before = memory_stats();
  int failures = 0;
  for (std::int64_t k = 1;; k += 7) {
    INFO("allocation " << k);
    detail::fail_allocation_after(k);
    bool failed = false;
    try {
      const CapturedStep captured = capture(step, {x});
      detail::fail_allocation_after(0);
      CHECK(test::same_bits(captured(x), expected));
      w.set_grad({});
    } catch (const Error& error) {
      detail::fail_allocation_after(0);
      failed = true;
      REQUIRE_THAT(error.what(), contains("[memory]"));
    }
    CHECK_FALSE(w.grad().defined());
    CHECK(memory_stats().live_bytes == before.live_bytes);
    CHECK(memory_stats().live_tensors == before.live_tensors);
    if (!failed) break;
    ++failures;
  }
  CHECK(failures > 10);
}

TEST_CASE("replays of chains allocate nothing but their results") {
  const test::Team team(3);
  Tensor w = randn({100000}).requires_grad_();
  const Tensor x = randn({100000});
  const CapturedStep step = capture([&](const Tensor& in) { return swish_step(in, w)[0]; }, {x});
  CHECK(step.fused() > 0);
  step(x);
  const MemoryStats before = memory_stats();
  for (int i = 0; i < 20; ++i) step(x);
  const MemoryStats after = memory_stats();
  CHECK(after.live_bytes == before.live_bytes);
  CHECK(after.live_tensors == before.live_tensors);
  CHECK(after.system_allocations == before.system_allocations);
}
