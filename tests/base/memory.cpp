// The pool: counters, reuse, and blocks that threads hand to each other.
#include <cstring>
#include <mutex>
#include <set>
#include <thread>

#include "base/pool.hpp"
#include "gradus/autograd.hpp"
#include "gradus/ops.hpp"
#include "gradus/runtime.hpp"
#include "support/catch.hpp"

using namespace gradus;

TEST_CASE("live counters follow the tensors") {
  const MemoryStats before = memory_stats();
  {
    const Tensor a = zeros({10, 10}, float64), view = reshape(a, {100});
    MemoryStats now = memory_stats();
    CHECK(now.live_tensors == before.live_tensors + 2);
    CHECK(now.live_buffers == before.live_buffers + 1);
    CHECK(now.live_bytes == before.live_bytes + 800);
    CHECK(now.live_nodes == before.live_nodes);
    Tensor leaf = zeros({10}, float64).requires_grad_();
    const Tensor result = leaf * 2;
    now = memory_stats();
    CHECK(now.live_nodes == before.live_nodes + 1);
    CHECK(now.live_bytes == before.live_bytes + 960);
  }
  const MemoryStats after = memory_stats();
  CHECK(after.live_tensors == before.live_tensors);
  CHECK(after.live_buffers == before.live_buffers);
  CHECK(after.live_bytes == before.live_bytes);
}

TEST_CASE("tensors that a thread only frees are counted as freed") {
  const MemoryStats before = memory_stats();
  for (const Index n : {Index{1}, Index{100}, Index{100'000}}) {
    const Tensor x = ones({n}).requires_grad_();
    Tensor y = x * x + 1;
    std::thread([last = std::move(y)]() mutable { last = {}; }).join();
  }
  const MemoryStats after = memory_stats();
  CHECK(after.live_tensors == before.live_tensors);
  CHECK(after.live_nodes == before.live_nodes);
  CHECK(after.live_bytes == before.live_bytes);
}

TEST_CASE("the peak is the largest number of live bytes since reset_peak") {
  reset_peak();
  const std::int64_t start = memory_stats().peak_bytes;
  { const Tensor big = zeros({1 << 20}, float64); }
  const std::int64_t peak = memory_stats().peak_bytes;
  CHECK(peak >= start + (8 << 20));
  CHECK(peak < start + (9 << 20));
  reset_peak();
  CHECK(memory_stats().peak_bytes < start + (1 << 20));
}

TEST_CASE("size classes hold what they promise") {
  int last = -1;
  for (std::size_t bytes = 1; bytes <= detail::small_limit; bytes += bytes < 2000 ? 1 : 61) {
    const int index = detail::small_class(bytes);
    REQUIRE(index >= last);
    REQUIRE(index < detail::small_classes);
    REQUIRE(detail::small_class_bytes(index) >= bytes);
    REQUIRE(detail::small_class_bytes(index) <= bytes + bytes / 8 + 16);
    last = index;
  }
  CHECK(detail::small_class(detail::small_limit) == detail::small_classes - 1);
}

TEST_CASE("blocks do not overlap and are aligned") {
  std::vector<std::pair<char*, std::size_t>> blocks;
  for (std::size_t bytes = 1; bytes < 300'000; bytes = bytes * 5 / 4 + 1)
    for (int i = 0; i < 3; ++i) {
      auto* block = static_cast<char*>(detail::allocate(bytes));
      CHECK(reinterpret_cast<std::uintptr_t>(block) % (bytes >= 512 ? 64 : 16) == 0);
      std::memset(block, static_cast<int>(blocks.size() % 251), bytes);
      blocks.emplace_back(block, bytes);
    }
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const auto [block, bytes] = blocks[i];
    const auto expected = static_cast<char>(i % 251);
    CHECK(block[0] == expected);
    CHECK(block[bytes - 1] == expected);
    detail::release(block, bytes);
  }
}

TEST_CASE("threads hand blocks to each other without losing or doubling one") {
  std::mutex mutex;
  std::vector<std::pair<int*, std::size_t>> shared;
  std::atomic<int> wrong{0};
  const auto work = [&](int self) {
    std::uint32_t state = static_cast<std::uint32_t>(self) * 7919 + 1;
    for (int i = 0; i < 20'000; ++i) {
      state = state * 1664525 + 1013904223;
      const std::size_t bytes = 16 + state % (i % 100 ? 600 : 100'000);
      auto* block = static_cast<int*>(detail::allocate(bytes));
      *block = static_cast<int>(bytes);
      std::pair<int*, std::size_t> other{block, bytes};
      {
        const std::lock_guard lock(mutex);
        shared.push_back(other);
        if (shared.size() > 64) {
          std::swap(shared[state % shared.size()], shared.back());
          other = shared.back();
          shared.pop_back();
        } else {
          other.first = nullptr;
        }
      }
      if (!other.first) continue;
      if (*other.first != static_cast<int>(other.second)) ++wrong;
      *other.first = -1;
      detail::release(other.first, other.second);
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
  std::set<int*> different;
  for (const auto& [block, bytes] : shared) {
    if (*block != static_cast<int>(bytes)) ++wrong;
    different.insert(block);
    detail::release(block, bytes);
  }
  CHECK(different.size() == shared.size());
  CHECK(wrong == 0);
}

#ifndef GRADUS_POOL_BYPASS
TEST_CASE("from the third repetition on a step asks the system for no memory") {
  Tensor w = zeros({64, 64}).requires_grad_();
  const Tensor x = ones({300, 64});
  const auto step = [&] {
    w.set_grad({});
    Tensor h = matmul(x, w);
    for (int i = 0; i < 5; ++i) h = h * 0.5 + x;
    sum(h * h).backward();
  };
  step();
  step();
  const std::int64_t before = memory_stats().system_allocations;
  for (int i = 0; i < 20; ++i) step();
  CHECK(memory_stats().system_allocations == before);
}

TEST_CASE("large blocks are cached, reused, bounded and given back") {
  empty_cache();
  CHECK(memory_stats().cached_bytes == 0);
  { const Tensor big = zeros({1 << 20}, float64); }
  CHECK(memory_stats().cached_bytes >= 8 << 20);
  const std::int64_t asked = memory_stats().system_allocations;
  { const Tensor again = zeros({1 << 20}, float64); }
  CHECK(memory_stats().system_allocations == asked);
  empty_cache();
  CHECK(memory_stats().cached_bytes == 0);
  set_cache_limit(1 << 20);
  { const Tensor big = zeros({1 << 20}, float64); }
  CHECK(memory_stats().cached_bytes == 0);
  set_cache_limit(std::size_t{1} << 30);
  const Tensor kept = ones({1 << 20}, float64);
  empty_cache();
  CHECK(sum(kept).item() == 1 << 20);
}

TEST_CASE("of large blocks the one that was freed last is used first") {
  empty_cache();
  constexpr std::size_t bytes = std::size_t{1} << 20;
  void *const first = detail::allocate(bytes), *const second = detail::allocate(bytes),
              *const third = detail::allocate(bytes);
  for (void* block : {first, third, second}) detail::release(block, bytes);
  void *const again = detail::allocate(bytes), *const then = detail::allocate(bytes);
  CHECK(again == second);
  CHECK(then == third);
  detail::release(again, bytes);
  detail::release(then, bytes);
}
#endif

TEST_CASE("an allocation can be made to fail, once") {
  detail::fail_allocation_after(2);
  void* first = detail::allocate(32);
  CHECK_THROWS_WITH(detail::allocate(32), test::contains("[memory]") && test::contains("32 bytes"));
  void* third = detail::allocate(32);
  CHECK(first != third);
  detail::release(first, 32);
  detail::release(third, 32);
  detail::fail_allocation_after(0);
}
