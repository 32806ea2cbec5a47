#include "base/threads.hpp"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <string>
#include <thread>
#include <utility>

#include "base/messages.hpp"
#include "gradus/error.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace gradus {
namespace {

constexpr int max_threads = 256;

unsigned long long read_mode() noexcept {
#if defined(__x86_64__)
  return _mm_getcsr();
#elif defined(__aarch64__)
  unsigned long long mode;
  asm volatile("mrs %0, fpcr" : "=r"(mode));
  return mode;
#else
  return 0;
#endif
}

void write_mode([[maybe_unused]] unsigned long long mode) noexcept {
#if defined(__x86_64__)
  _mm_setcsr(static_cast<unsigned>(mode));
#elif defined(__aarch64__)
  asm volatile("msr fpcr, %0" ::"r"(mode));
#endif
}

constexpr unsigned long long flush_bits =
#if defined(__x86_64__)
    0x8040;  // FTZ and DAZ
#else
    1ULL << 24;  // FZ
#endif

void relax() noexcept {
#if defined(__x86_64__)
  _mm_pause();
#else
  std::this_thread::yield();
#endif
}

int default_threads() noexcept {
  if (const char* text = std::getenv("GRADUS_NUM_THREADS")) {
    const long n = std::strtol(text, nullptr, 10);
    if (n >= 1 && n <= max_threads) return static_cast<int>(n);
  }
  const auto n = static_cast<int>(std::thread::hardware_concurrency());
  return n < 1 ? 1 : n > max_threads ? max_threads : n;
}

// Workers enter a job through `gate_`: its top bit says that a job is open, the low bits count the
// workers inside. The job's fields change only while the gate is closed and empty, and a worker
// that wakes up too late finds it closed, so the caller never waits for a sleeper.
class Team {
 public:
  // Never destroyed: workers may still be asleep in it while the process ends.
  static Team& get() {
    static Team* const team = new Team;
    return *team;
  }

  int size() const noexcept { return size_.load(std::memory_order_relaxed); }

  void resize(int n) {
    while (!try_lock()) std::this_thread::yield();
    if (n != size()) {
      stop_workers();
      size_.store(n, std::memory_order_relaxed);
    }
    unlock();
  }

  void run(std::int64_t tiles, void (*call)(void*, std::int64_t), void* context) {
    const FlushDenormals flush;
    if (tiles < 2 || size() < 2 || !try_lock()) {
      for (std::int64_t tile = 0; tile < tiles; ++tile) call(context, tile);
      return;
    }
    start_workers();
    call_ = call;
    context_ = context;
    tiles_ = tiles;
    error_ = nullptr;
    failed_.store(false, std::memory_order_relaxed);
    next_.store(0, std::memory_order_relaxed);
    gate_.store(open_bit, std::memory_order_release);
    epoch_.fetch_add(1);
    epoch_.notify_all();
    work();
    gate_.fetch_and(~open_bit, std::memory_order_acq_rel);
    for (int spins = 0; gate_.load(std::memory_order_acquire) != 0; ++spins) {
      if (spins < 2000) {
        relax();
      } else {
        std::this_thread::yield();
      }
    }
    const std::exception_ptr error = std::exchange(error_, nullptr);
    unlock();
    if (error) std::rethrow_exception(error);
  }

 private:
  static constexpr std::uint32_t open_bit = 1U << 31;

  Team() : size_(default_threads()) {}

  bool try_lock() noexcept { return !busy_.exchange(true, std::memory_order_acquire); }
  void unlock() noexcept { busy_.store(false, std::memory_order_release); }

  void start_workers() noexcept {
    const int wanted = size() - 1;
    while (workers_ < wanted) {
      try {
        live_.fetch_add(1);
        std::thread([this, seen = epoch_.load()] { worker(seen); }).detach();
        ++workers_;
      } catch (const std::exception&) {  // the system gives no more threads: fewer do the work
        live_.fetch_sub(1);
        return;
      }
    }
  }

  void stop_workers() {
    quit_.store(true);
    epoch_.fetch_add(1);
    epoch_.notify_all();
    while (live_.load() != 0) std::this_thread::yield();
    quit_.store(false);
    workers_ = 0;
  }

  void worker(std::uint32_t seen) {
    const FlushDenormals flush;
    for (;;) {
      seen = wait_for_job(seen);
      if (quit_.load()) break;
      std::uint32_t gate = gate_.load(std::memory_order_relaxed);
      bool entered = false;
      while ((gate & open_bit) != 0 && !entered) {
        entered = gate_.compare_exchange_weak(gate, gate + 1, std::memory_order_acquire,
                                              std::memory_order_relaxed);
      }
      if (!entered) continue;
      work();
      gate_.fetch_sub(1, std::memory_order_release);
    }
    live_.fetch_sub(1);
  }

  std::uint32_t wait_for_job(std::uint32_t seen) {
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + std::chrono::microseconds(40);
    do {
      for (int i = 0; i < 32; ++i) {
        const std::uint32_t now = epoch_.load(std::memory_order_acquire);
        if (now != seen) return now;
        relax();
      }
    } while (Clock::now() < end);
    epoch_.wait(seen);
    return epoch_.load(std::memory_order_acquire);
  }

  void work() noexcept {
    for (;;) {
      const std::int64_t tile = next_.fetch_add(1, std::memory_order_relaxed);
      if (tile >= tiles_) return;
      try {
        call_(context_, tile);
      } catch (...) {
        if (!failed_.exchange(true)) error_ = std::current_exception();
        next_.store(tiles_, std::memory_order_relaxed);
      }
    }
  }

  alignas(64) std::atomic<std::uint32_t> epoch_{0};
  std::atomic<bool> quit_{false};
  alignas(64) std::atomic<std::uint32_t> gate_{0};
  alignas(64) std::atomic<std::int64_t> next_{0};
  alignas(64) std::atomic<bool> busy_{false};
  std::atomic<bool> failed_{false};
  std::atomic<int> size_;
  std::atomic<int> live_{0};
  int workers_ = 0;
  void (*call_)(void*, std::int64_t) = nullptr;
  void* context_ = nullptr;
  std::int64_t tiles_ = 0;
  std::exception_ptr error_;
};

}  // namespace

FlushDenormals::FlushDenormals() noexcept : saved_(read_mode()) {
  if ((saved_ & flush_bits) != flush_bits) write_mode(saved_ | flush_bits);
}

FlushDenormals::~FlushDenormals() {
  if ((saved_ & flush_bits) != flush_bits) {
    write_mode((read_mode() & ~flush_bits) | (saved_ & flush_bits));
  }
}

int num_threads() noexcept { return Team::get().size(); }

void set_num_threads(int n) {
  if (n < 1 || n > max_threads) {
    fail("set_num_threads", "got ", n, " threads; the number must be 1 to ", max_threads);
  }
  Team::get().resize(n);
}

void detail::run_tiles(std::int64_t tiles, void (*call)(void*, std::int64_t), void* context) {
  Team::get().run(tiles, call, context);
}

}  // namespace gradus
