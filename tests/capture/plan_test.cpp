// Plans of lists of calls that share memory in every way that calls of kernels may.
#include "capture/plan.hpp"

#include <random>

#include "kernels/elementwise/elementwise.hpp"
#include "kernels/move/copy.hpp"
#include "kernels/reduce/reduce.hpp"
#include "support/catch.hpp"

using namespace gradus;
using detail::Arena;
using detail::CallList;
using detail::Plan;
using kernels::Binary;
using kernels::Index;
using kernels::Unary;

namespace {

constexpr Index place_size = 5000, places = 12;

/// Random calls on pieces of one piece of memory, of which some blocks are freed on the way.
class Calls {
 public:
  explicit Calls(unsigned seed)
      : pick_(seed), memory_(static_cast<std::size_t>(places * place_size)) {
    for (float& x : memory_) x = static_cast<float>(pick_() % 1000) / 300 - 1.5f;
    before_ = memory_;
  }

  /// Records calls, makes them, and keeps what they left.
  void record(CallList& calls) {
    live_.assign(places, true);
    kernels::listener = &calls;
    for (std::size_t left = 5 + pick_() % 40; left > 0; --left) {
      call();
      if (pick_() % 4 == 0) release(calls);
    }
    kernels::listener = nullptr;
    after_ = memory_;
  }
  const std::vector<Arena::Freed>& freed() const { return freed_; }

  /// Whether the planned list leaves in memory what the calls did, apart from blocks that are free.
  bool same_after(const CallList& calls) {
    memory_ = before_;
    calls.run();
    for (std::size_t b = 0; b < places; ++b)
      if (live_[b] && !std::equal(&memory_[b * place_size], &memory_[b * place_size] + place_size,
                                  &after_[b * place_size]))
        return false;
    return true;
  }

 private:
  float* block(std::size_t b) { return &memory_[b * place_size]; }
  /// A place for `count` values that are read: whole blocks, or pieces of one.
  const float* source(Index count) {
    std::size_t b = pick_() % places;
    while (!live_[b]) b = (b + 1) % places;
    return block(b) +
           (pick_() % 4 ? 0 : pick_() % static_cast<std::size_t>(place_size - count + 1));
  }
  /// The same that are written; a block that is free comes to life, and is then written as a whole.
  float* target(Index& count) {
    const std::size_t b = pick_() % places;
    const bool fresh = !live_[b];
    live_[b] = true;
    if (fresh) count = place_size;
    return block(b) +
           (fresh || pick_() % 4 ? 0 : pick_() % static_cast<std::size_t>(place_size - count + 1));
  }
  static bool apart(const float* a, Index a_count, const float* b, Index b_count) {
    return a + a_count <= b || b + b_count <= a;
  }

  void call() {
    Index count = pick_() % 4 ? place_size - 100 : place_size;
    const std::vector<bool> live_before = live_;
    float* const to = target(count);
    // What is read was alive before, and is what is written or lies apart from it.
    const std::vector<bool> live_now = std::exchange(live_, live_before);
    const auto input = [&](Index size) {
      for (;;) {
        const float* const x = source(size);
        if ((x == to && size == count) || apart(x, size, to, count)) return x;
      }
    };
    const float *const a = input(count), *const b = input(count), *const one = input(1);
    live_ = live_now;
    make(a, b, one, to, count);
  }

  void make(const float* a, const float* b, const float* one, float* to, Index count) {
    const DType t = DType::float32;
    kernels::Broadcast single = kernels::same_shape(count);
    single.strides[1][0] = 0;
    switch (pick_() % 8) {
      case 0:
        return kernels::run(kernels::Map{Unary::tanh, t, a, to, count});
      case 1:
        return kernels::run(kernels::Zip{Binary::mul, t, a, one, to, single});
      case 2:
        return kernels::run(kernels::Fill{t, to, 0.25, count});
      case 3:
        if (a != to) return kernels::run(kernels::Copy{t, a, to, count});
        [[fallthrough]];
      case 4:
        if (apart(a, count, to, count))
          return kernels::run(kernels::Reduce{kernels::ReduceOp::sum, t, a, to, {1, count, 1}}),
                 kernels::run(kernels::Map{Unary::sigmoid, t, b == to ? a : b, to, count});
        [[fallthrough]];
      default:
        return kernels::run(
            kernels::Zip{Binary::lerp_scalar, t, a, b, to, kernels::same_shape(count), 0.3});
    }
  }

  void release(const CallList& calls) {
    const std::size_t b = pick_() % (places - 2);  // the last two stay
    if (!live_[b]) return;
    live_[b] = false;
    freed_.push_back(
        {reinterpret_cast<const std::byte*>(block(b)), place_size * sizeof(float), calls.size()});
  }

  std::mt19937 pick_;
  std::vector<float> memory_, before_, after_;
  std::vector<bool> live_;
  std::vector<Arena::Freed> freed_;
};

}  // namespace

TEST_CASE("a planned list leaves the values of the calls that were recorded") {
  Plan all;
  for (unsigned seed = 0; seed < 3000; ++seed) {
    INFO("seed " << seed);
    Calls random(seed);
    CallList calls;
    random.record(calls);
    const std::size_t recorded = calls.size();
    const Plan done = plan(calls, random.freed());
    REQUIRE(calls.size() <= recorded - done.dropped);
    REQUIRE(random.same_after(calls));
    all.dropped += done.dropped;
    all.fused += done.fused;
  }
  CHECK(all.dropped > 1000);
  CHECK(all.fused > 10000);
}

TEST_CASE("work of the host reads what it names, and is never left out") {
  std::vector<float> memory(2 * place_size, 1.f);
  float *const a = memory.data(), *const b = a + place_size;
  const auto plan_of = [&](bool names, std::size_t freed_after) {
    CallList calls;
    const std::function<void()> work = [] {};
    kernels::Description touches;
    if (names) touches.reads("b", b, DType::float32, place_size);
    touches.updates("a", a, place_size);
    kernels::listener = &calls;
    kernels::run(kernels::Map{Unary::exp, DType::float32, a, b, place_size});
    kernels::run(kernels::Map{Unary::neg, DType::float32, b, b, place_size});
    kernels::run(detail::HostWork{&work, &touches});
    kernels::listener = nullptr;
    return plan(calls,
                {{reinterpret_cast<const std::byte*>(a), place_size * sizeof(float), 3},
                 {reinterpret_cast<const std::byte*>(b), place_size * sizeof(float), freed_after}});
  };
  CHECK(plan_of(true, 2).dropped == 2);
  CHECK(plan_of(false, 3).dropped == 2);
  CHECK(plan_of(true, 3).dropped == 0);
  CHECK(plan_of(true, 3).fused == 2);
}
