#include <atomic>
#include <chrono>
#include <limits>
#include <stdexcept>
#include <thread>
#include <vector>

#include "base/threads.hpp"
#include "gradus/error.hpp"
#include "support/catch.hpp"

using namespace gradus;

namespace {

// Every tile once, whoever runs it.
bool covers(std::int64_t tiles) {
  std::vector<std::atomic<int>> seen(static_cast<std::size_t>(tiles));
  parallel_for(tiles, [&](std::int64_t t) { seen[static_cast<std::size_t>(t)].fetch_add(1); });
  for (const auto& s : seen) {
    if (s.load() != 1) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("parallel_for runs every tile once for any number of threads") {
  const int before = num_threads();
  for (const int threads : {1, 2, 4, 3, 1, 2}) {
    set_num_threads(threads);
    CHECK(num_threads() == threads);
    bool right = true;
    for (int round = 0; round < 300; ++round) right = right && covers(round % 40);
    CHECK(right);
  }
  set_num_threads(before);
}

TEST_CASE("workers that fell asleep wake up again") {
  const int before = num_threads();
  set_num_threads(3);
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    CHECK(covers(17));
  }
  set_num_threads(before);
}

TEST_CASE("nested and concurrent calls of parallel_for run to the end") {
  const int before = num_threads();
  set_num_threads(3);
  std::atomic<int> inner{0};
  parallel_for(8,
               [&](std::int64_t) { parallel_for(5, [&](std::int64_t) { inner.fetch_add(1); }); });
  CHECK(inner.load() == 40);
  std::atomic<int> right{0};
  std::vector<std::thread> users;
  for (int u = 0; u < 3; ++u) {
    users.emplace_back([&] {
      for (int round = 0; round < 200; ++round) right.fetch_add(covers(9));
    });
  }
  for (std::thread& user : users) user.join();
  CHECK(right.load() == 600);
  set_num_threads(before);
}

TEST_CASE("an exception in a tile reaches the caller, and the team goes on") {
  const int before = num_threads();
  for (const int threads : {1, 3}) {
    set_num_threads(threads);
    CHECK_THROWS_AS(parallel_for(50,
                                 [](std::int64_t t) {
                                   if (t == 20) throw std::runtime_error("tile 20");
                                 }),
                    std::runtime_error);
    CHECK(covers(50));
  }
  set_num_threads(before);
}

TEST_CASE("a number of threads out of range is refused") {
  CHECK_THROWS_WITH(set_num_threads(0), test::contains("[set_num_threads]"));
  CHECK_THROWS_AS(set_num_threads(257), Error);
}

TEST_CASE("denormals are flushed inside tiles and kept outside") {
  const auto halve = [] {
    volatile float x = std::numeric_limits<float>::min();
    x = x / 2;
    return static_cast<float>(x);
  };
  CHECK(halve() > 0);
  std::atomic<int> zeros{0};
  parallel_for(8, [&](std::int64_t) { zeros.fetch_add(halve() == 0); });
  CHECK(zeros.load() == 8);
  CHECK(halve() > 0);
}
