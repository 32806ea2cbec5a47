#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

// Small blocks (nodes, records, small buffers) come from free lists of the calling thread, large
// ones from a shared cache. Memory is never zeroed. Under the address sanitizer everything goes to
// malloc, so that it sees each block.
namespace gradus::detail {

struct FreeBlock {
  FreeBlock* next;
};

inline constexpr std::size_t small_limit = 64 * 1024;
inline constexpr int fine_classes = 33;   // 0, 16, 32, … 512 bytes
inline constexpr int small_classes = 89;  // then eight per power of two up to small_limit

class Arena;

/// Per thread: for each class a list in use and a full spare, so that hand-over to other threads is
/// O(1).
struct ThreadCache {
  struct List {
    FreeBlock* current;
    FreeBlock* spare;
    std::uint32_t room;  // blocks that `current` still takes; none before its first use
  };
  List lists[small_classes];
  // Written by this thread alone, read by memory_stats().
  std::atomic<std::int64_t> tensors, nodes, buffers, small_bytes, small_peak;
  Arena* arena;                 // keeps what this thread frees, or null
  std::int64_t fail_countdown;  // > 0: the allocation that takes it to 0 fails
  bool registered, dead;
};
extern constinit thread_local ThreadCache thread_cache;

constexpr int small_class(std::size_t bytes) {
  if (bytes <= 512) return static_cast<int>((bytes + 15) / 16);
  const int log2 = 63 - __builtin_clzll(bytes - 1);    // 2^log2 < bytes <= 2^(log2+1)
  const std::size_t step = (bytes - 1) >> (log2 - 3);  // 8 … 15
  return fine_classes + (log2 - 9) * 8 + static_cast<int>(step - 8);
}
constexpr std::size_t small_class_bytes(int index) {
  if (index < fine_classes) return static_cast<std::size_t>(index) * 16;
  const int log2 = 9 + (index - fine_classes) / 8;
  const std::size_t step = 8 + static_cast<std::size_t>(index - fine_classes) % 8 + 1;
  return step << (log2 - 3);
}

void* refill(int index);
void overflow(int index, FreeBlock* block);
void* allocate_large(std::size_t bytes);
void release_large(void* memory, std::size_t bytes) noexcept;
[[noreturn]] void fail_allocation(std::size_t bytes);

/// For tests: the n-th allocation of this thread from now on throws; 0 switches this off.
inline void fail_allocation_after(std::int64_t n) { thread_cache.fail_countdown = n; }

#if defined(__SANITIZE_ADDRESS__)
#define GRADUS_POOL_BYPASS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GRADUS_POOL_BYPASS 1
#endif
#endif

/// A block of at least `bytes` (> 0), aligned to 16, from 512 bytes on to 64; throws Error if there
/// is none.
inline void* allocate(std::size_t bytes) {
  ThreadCache& cache = thread_cache;
  if (cache.fail_countdown > 0 && --cache.fail_countdown == 0) fail_allocation(bytes);
#ifdef GRADUS_POOL_BYPASS
  return allocate_large(bytes);
#else
  if (bytes > small_limit) return allocate_large(bytes);
  const int index = small_class(bytes);
  ThreadCache::List& list = cache.lists[index];
  if (FreeBlock* block = list.current) {
    list.current = block->next;
    ++list.room;
    return block;
  }
  return refill(index);
#endif
}

/// Returns a block of allocate(bytes).
inline void release(void* memory, std::size_t bytes) noexcept {
#ifdef GRADUS_POOL_BYPASS
  release_large(memory, bytes);
#else
  if (bytes > small_limit) return release_large(memory, bytes);
  const int index = small_class(bytes);
  auto* block = static_cast<FreeBlock*>(memory);
  ThreadCache::List& list = thread_cache.lists[index];
  if (list.room == 0) return overflow(index, block);
  block->next = list.current;
  list.current = block;
  --list.room;
#endif
}

/// Memory that a step uses again in every replay. Between begin() and end(), what the calling
/// thread frees is kept: as long as the Arena lives, nobody else gets it. Blocks of values are used
/// again by later values, as they are in every replay; all others, which may hold a value beside
/// what a replay does not write, are not.
class Arena {
 public:
  Arena() = default;
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  /// `calls` counts the calls of kernels meanwhile.
  void begin(const std::size_t& calls);
  void end() noexcept;
  /// Exchanges the free lists of the step and those of before; see PauseArena.
  void pause() noexcept;
  /// Fills what is kept with bytes that make every floating-point number NaN.
  void poison() noexcept;
  /// Bytes that are kept.
  std::size_t bytes() const;
  /// A block that was freed when so many calls had been made; what it held is read by none later.
  struct Freed {
    const std::byte* memory;
    std::size_t bytes, calls;
  };
  /// All of them, in order; they are forgotten.
  std::vector<Freed> take_freed() { return std::exchange(freed_, {}); }

  // The pool's side: blocks of values, and all others.
  void* take(std::size_t size) noexcept;
  void keep(void* memory, std::size_t size) noexcept;
  void keep_aside(void* memory, std::size_t size) noexcept;

 private:
  struct Block {
    void* memory;
    std::size_t bytes;
  };
  void note(const void* memory, std::size_t bytes);

  std::vector<Block> others_, values_;
  std::vector<Freed> freed_;
  const std::size_t* calls_ = nullptr;
  ThreadCache::List before_[small_classes] = {};
};

void* allocate_values_in(Arena& arena, std::size_t bytes);

/// allocate(bytes) for the values of a tensor.
inline void* allocate_values(std::size_t bytes) {
  if (thread_cache.arena && bytes <= small_limit) [[unlikely]]
    return allocate_values_in(*thread_cache.arena, bytes);
  return allocate(bytes);
}
/// Returns a block of allocate_values(bytes).
inline void release_values(void* memory, std::size_t bytes) noexcept {
  if (thread_cache.arena && bytes <= small_limit) [[unlikely]]
    return thread_cache.arena->keep(memory, small_class_bytes(small_class(bytes)));
  release(memory, bytes);
}

/// While it lives, no arena takes what this thread frees; what is allocated is freed meanwhile,
/// too, or outlives the arena.
class PauseArena {
 public:
  PauseArena() : arena_(thread_cache.arena) {
    if (arena_) arena_->pause();
  }
  ~PauseArena() {
    if (!arena_) return;
    arena_->pause();
    thread_cache.arena = arena_;
  }
  PauseArena(const PauseArena&) = delete;
  PauseArena& operator=(const PauseArena&) = delete;

 private:
  Arena* arena_;
};

/// For containers that grow with the graph: their memory is reused like that of nodes.
template <class T>
struct PoolAllocator {
  using value_type = T;
  PoolAllocator() = default;
  template <class U>
  PoolAllocator(const PoolAllocator<U>&) {}
  T* allocate(std::size_t n) { return static_cast<T*>(detail::allocate(n * sizeof(T))); }
  void deallocate(T* memory, std::size_t n) noexcept { detail::release(memory, n * sizeof(T)); }
  bool operator==(const PoolAllocator&) const = default;
};

/// Single writer, so no locked instruction is needed. The thread is known to the pool by the memory
/// it got from there or gives back.
inline std::int64_t count(std::atomic<std::int64_t> ThreadCache::*counter, std::int64_t change) {
  ThreadCache& cache = thread_cache;
  const std::int64_t now = (cache.*counter).load(std::memory_order_relaxed) + change;
  (cache.*counter).store(now, std::memory_order_relaxed);
  return now;
}

}  // namespace gradus::detail
