// Any number of threads build and differentiate graphs at once.
#include <atomic>
#include <thread>

#include "gradus/autograd.hpp"
#include "gradus/ops.hpp"
#include "gradus/runtime.hpp"
#include "support/catch.hpp"
#include "support/numbers.hpp"

using namespace gradus;
using gradus::test::leaf;
using gradus::test::Numbers;
using gradus::test::numbers;

namespace {

/// Runs f(0), …, f(count - 1) in threads that start together.
template <class F>
void together(int count, F f) {
  std::atomic<int> ready{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i)
    threads.emplace_back([&, i] {
      ++ready;
      while (ready.load() < count) std::this_thread::yield();
      f(i);
    });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

TEST_CASE("threads differentiate graphs of their own over shared leaves, grads add up") {
  Tensor w = leaf({{1, 2}, {3, 4}}), b = leaf({1, 1});
  constexpr int count = 4, rounds = 200;
  together(count, [&](int i) {
    for (int round = 0; round < rounds; ++round) {
      const Tensor x = full({3, 2}, i + 1, float64);
      sum(matmul(x, w, {.transpose_b = true}) + b).backward();
    }
  });
  CHECK(numbers(b.grad()) == Numbers(2, 3.0 * count * rounds));
  CHECK(numbers(w.grad()) == Numbers(4, 3.0 * rounds * (1 + 2 + 3 + 4)));
}

TEST_CASE("threads differentiate the same retained graph at once") {
  Tensor x = leaf({1, 2, 3});
  Tensor h = x * x;
  for (int i = 0; i < 30; ++i) h = h * 1.0 + x * 0.0;
  const Tensor y = sum(h * x);  // x^3
  constexpr int count = 4, rounds = 100;
  std::atomic<int> wrong{0};
  together(count, [&](int i) {
    for (int round = 0; round < rounds; ++round) {
      if (i % 2) {
        const auto g = grad(y, {x, h}, {.retain_graph = true});
        if (numbers(g[0]) != Numbers{3, 12, 27} || numbers(g[1]) != Numbers{1, 2, 3}) ++wrong;
      } else {
        y.backward({.retain_graph = true});
      }
    }
  });
  CHECK(wrong == 0);
  const double passes = count / 2 * rounds;
  CHECK(numbers(x.grad()) == Numbers{3 * passes, 12 * passes, 27 * passes});
}

TEST_CASE("threads record higher derivatives through the same leaves") {
  Tensor x = leaf({1, 2});
  std::atomic<int> wrong{0};
  together(3, [&](int) {
    for (int round = 0; round < 50; ++round) {
      const Tensor g = grad(sum(x * x * x), {x}, {.create_graph = true})[0];
      if (numbers(grad(sum(g), {x})[0]) != Numbers{6, 12}) ++wrong;
    }
  });
  CHECK(wrong == 0);
}

TEST_CASE("a tensor made by one thread is freed by another") {
  const MemoryStats before = memory_stats();
  for (int round = 0; round < 20; ++round) {
    std::vector<Tensor> made;
    std::thread([&] {
      for (int i = 0; i < 500; ++i) made.push_back(leaf({1, 2, 3}) * 2);
    }).join();
    std::thread([&] { made.clear(); }).join();
  }
  const MemoryStats after = memory_stats();
  CHECK(after.live_nodes == before.live_nodes);
  CHECK(after.live_tensors == before.live_tensors);
  CHECK(after.live_bytes == before.live_bytes);
}
