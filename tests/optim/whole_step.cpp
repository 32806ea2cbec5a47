// A whole training step: what it asks of the system, how much memory it holds at most, and what it
// leaves behind when memory runs out in the middle.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "base/pool.hpp"
#include "gradus/autograd.hpp"
#include "gradus/nn.hpp"
#include "gradus/ops.hpp"
#include "gradus/optim.hpp"
#include "gradus/random.hpp"
#include "gradus/runtime.hpp"
#include "support/catch.hpp"

using namespace gradus;
using gradus::test::contains;

namespace {

using Floats = std::vector<float>;

/// A classifier, its optimizer and one batch.
struct Training {
  nn::MLP model;
  optim::AdamW optimizer;
  Tensor x, y;

  Training(const std::vector<Index>& sizes, Index batch)
      : model(sizes), optimizer(model.parameters(), {.lr = 1e-3}) {
    x = randn({batch, sizes.front()});
    y = randint(0, sizes.back(), {batch});
  }
  void step() {
    const Tensor loss = cross_entropy(model(x), y);
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
  }
  std::vector<Floats> parameters() const {
    std::vector<Floats> values;
    for (const Tensor& p : model.parameters()) values.push_back(p.to_vector<float>());
    return values;
  }
};

std::vector<Floats> gradients(const nn::Module& model) {
  std::vector<Floats> values;
  for (const Tensor& p : model.parameters())
    values.push_back(p.grad().defined() ? p.grad().to_vector<float>() : Floats());
  return values;
}

#ifndef GRADUS_POOL_BYPASS
long page_faults() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt + usage.ru_majflt;
}

long resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  long total = 0, resident = 0;
  statm >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}
#endif

}  // namespace

#ifndef GRADUS_POOL_BYPASS
TEST_CASE("from the third step on nothing is asked of the system") {
  const std::vector<std::vector<Index>> models = {{2, 8, 1}, {4, 64, 32, 3}, {784, 512, 256, 10}};
  for (const std::vector<Index>& sizes : models) {
    Training training(sizes, 32);
    training.step();
    training.step();
    const std::int64_t allocations = memory_stats().system_allocations;
    long fewest_faults = 1'000'000;  // the kernel may move a page of ours now and then
    for (int round = 0; round < 5; ++round) {
      const long before = page_faults();
      for (int i = 0; i < 4; ++i) training.step();
      fewest_faults = std::min(fewest_faults, page_faults() - before);
    }
    CHECK(memory_stats().system_allocations == allocations);
    CHECK(fewest_faults == 0);
  }
}

TEST_CASE("the resident size does not grow in a hundred thousand steps") {
  Training training({2, 4, 2}, 4);
  for (int i = 0; i < 1000; ++i) training.step();
  const long before = resident_bytes();
  REQUIRE(before > 0);
  for (int i = 0; i < 100'000; ++i) training.step();
  CHECK(resident_bytes() - before < 256 * 1024);
}
#endif

TEST_CASE("a step holds little more than activations, parameters, gradients and moments") {
  Training training({784, 512, 256, 10}, 64);
  training.step();
  std::int64_t parameter_bytes = 0;
  for (const Tensor& p : training.model.parameters()) parameter_bytes += 4 * p.numel();
  training.optimizer.zero_grad();
  reset_peak();
  const Tensor loss = cross_entropy(training.model(training.x), training.y);
  const std::int64_t live = memory_stats().live_bytes;  // all but the gradients
  loss.backward();
  training.optimizer.step();
  const auto limit = static_cast<double>(live + parameter_bytes);
  CHECK(static_cast<double>(memory_stats().peak_bytes) <= 1.1 * limit);
  CHECK(memory_stats().live_bytes >= 4 * parameter_bytes);  // the limit was not an empty promise
}

TEST_CASE("running out of memory anywhere in a training step changes nothing and leaks nothing") {
  manual_seed(1);
  std::vector<Floats> trained, slopes;
  {
    Training training({3, 5, 2}, 4);
    training.step();
    trained = training.parameters();
    slopes = gradients(training.model);
  }
  int failures = 0;
  for (std::int64_t n = 1;; ++n) {
    INFO("allocation " << n);
    const MemoryStats before = memory_stats();
    bool failed = false;
    {
      manual_seed(1);
      Training training({3, 5, 2}, 4);
      const std::vector<Floats> untouched = training.parameters();
      gradus::detail::fail_allocation_after(n);
      try {
        training.step();
      } catch (const Error& error) {
        failed = true;
        gradus::detail::fail_allocation_after(0);
        CHECK_THAT(error.what(), contains("[memory]"));
      }
      gradus::detail::fail_allocation_after(0);
      if (failed) {
        REQUIRE(training.parameters() == untouched);
        const std::vector<Floats> found = gradients(training.model);
        REQUIRE((found == std::vector<Floats>(slopes.size()) || found == slopes));
        REQUIRE(is_grad_enabled());
        training.step();  // the next attempt is as good as the first
      }
      CHECK(training.parameters() == trained);
      CHECK(gradients(training.model) == slopes);
    }
    const MemoryStats after = memory_stats();
    REQUIRE(after.live_nodes == before.live_nodes);
    REQUIRE(after.live_tensors == before.live_tensors);
    REQUIRE(after.live_buffers == before.live_buffers);
    REQUIRE(after.live_bytes == before.live_bytes);
    if (!failed) break;
    ++failures;
  }
  CHECK(failures > 30);
}
