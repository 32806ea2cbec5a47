#include "base/pool.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "base/memory_error.hpp"
#include "gradus/error.hpp"
#include "gradus/runtime.hpp"

namespace gradus::detail {

constinit thread_local ThreadCache thread_cache{};

namespace {

constexpr std::size_t slab_bytes = std::size_t{2} << 20;
constexpr std::size_t huge_limit = std::size_t{1} << 20;

/// Blocks a list holds before it becomes the spare.
constexpr std::uint32_t batch_size(int index) {
  const std::size_t bytes = small_class_bytes(index) + 1;
  return bytes > 8192 ? 8
         : static_cast<std::uint32_t>(65536 / bytes) < 256
             ? static_cast<std::uint32_t>(65536 / bytes)
             : 256;
}

struct Shared {
  std::mutex mutex;
  struct Batch {
    FreeBlock* blocks;
    std::uint32_t count;
  };
  std::vector<Batch> batches[small_classes];  // lists that some thread handed over
  char* slab = nullptr;
  std::size_t slab_left = 0;
  std::multimap<std::size_t, void*> large;  // free large blocks by their size
  std::size_t cached = 0, cache_limit = std::size_t{1} << 30;
  std::int64_t system_allocations = 0;
  std::vector<ThreadCache*> threads;
  std::int64_t large_bytes = 0, large_peak = 0;
  std::int64_t tensors = 0, nodes = 0, buffers = 0, small_bytes = 0;  // of threads that have ended
};

// Never destroyed: tensors with static storage are freed after every other object.
Shared& shared() {
  static Shared* const instance = new Shared;
  return *instance;
}

/// Hands a thread's lists and counters over when it ends.
struct ThreadExit {
  ~ThreadExit() {
    Shared& pool = shared();
    const std::lock_guard lock(pool.mutex);
    ThreadCache& cache = thread_cache;
    for (int i = 0; i < small_classes; ++i) {
      const ThreadCache::List& list = cache.lists[i];
      if (list.current) pool.batches[i].push_back({list.current, batch_size(i) - list.room});
      if (list.spare) pool.batches[i].push_back({list.spare, batch_size(i)});
      cache.lists[i] = {};
    }
    std::erase(pool.threads, &cache);
    pool.tensors += cache.tensors.exchange(0);
    pool.nodes += cache.nodes.exchange(0);
    pool.buffers += cache.buffers.exchange(0);
    pool.small_bytes += cache.small_bytes.exchange(0);
    cache.dead = true;
    cache.registered = false;
  }
};

void register_thread(Shared& pool) {
  if (thread_cache.registered || thread_cache.dead) return;
  thread_local ThreadExit at_exit;
  (void)at_exit;
  thread_cache.registered = true;
  pool.threads.push_back(&thread_cache);
}

void forget_cached(Shared& pool) {
  for (auto& [size, block] : pool.large) std::free(block);
  pool.large.clear();
  pool.cached = 0;
}

void* system_allocate(Shared& pool, std::size_t bytes) {
  ++pool.system_allocations;
  const bool huge = bytes >= huge_limit;
  const std::size_t alignment = huge ? slab_bytes : 64;
  void* memory = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory && huge) madvise(memory, bytes, MADV_HUGEPAGE);
  return memory;
}

/// Cuts a run of `batch_size` blocks from the slab into a list; the slab's rest is given up when
/// too short.
FreeBlock* carve(Shared& pool, int index, std::uint32_t& carved) {
  const std::size_t bytes = small_class_bytes(index);
  if (bytes % 64 == 0 && pool.slab_left) {  // such blocks start at cache lines
    const std::size_t skip = -reinterpret_cast<std::uintptr_t>(pool.slab) % 64;
    pool.slab += skip;
    pool.slab_left -= skip;
  }
  if (pool.slab_left < bytes) {
    pool.slab = static_cast<char*>(system_allocate(pool, slab_bytes));
    pool.slab_left = pool.slab ? slab_bytes : 0;
    if (!pool.slab) return nullptr;
  }
  FreeBlock* list = nullptr;
  FreeBlock** tail = &list;
  for (carved = 0; carved < batch_size(index) && pool.slab_left >= bytes; ++carved) {
    auto* block = reinterpret_cast<FreeBlock*>(pool.slab);
    pool.slab += bytes;
    pool.slab_left -= bytes;
    *tail = block;
    tail = &block->next;
  }
  *tail = nullptr;
  return list;
}

std::size_t rounded(std::size_t bytes) {
#ifdef GRADUS_POOL_BYPASS
  const std::size_t step = 64;
#else
  const std::size_t step = bytes >= huge_limit ? 65536 : 4096;
#endif
  return (bytes + step - 1) / step * step;
}

}  // namespace

void fail_allocation(std::size_t bytes) {
  throw MemoryError("[memory] no memory for " + text_of(bytes) +
                    " bytes; a smaller batch, or freeing tensors that are no longer needed, helps");
}

void* refill(int index) {
  if (thread_cache.arena) {  // its lists stay empty
    const PauseArena aside;
    return allocate(index == 0 ? 1 : small_class_bytes(index));
  }
  ThreadCache::List& list = thread_cache.lists[index];
  std::uint32_t blocks = batch_size(index);
  if (list.spare) {
    list.current = std::exchange(list.spare, nullptr);
  } else {
    Shared& pool = shared();
    const std::lock_guard lock(pool.mutex);
    register_thread(pool);
    if (!pool.batches[index].empty()) {
      list.current = pool.batches[index].back().blocks;
      blocks = pool.batches[index].back().count;
      pool.batches[index].pop_back();
    } else {
      list.current = carve(pool, index, blocks);
    }
    if (!list.current) fail_allocation(small_class_bytes(index));
  }
  FreeBlock* block = list.current;
  list.current = block->next;
  list.room = batch_size(index) - blocks + 1;
  if (thread_cache.dead) {  // a thread at its end keeps nothing
    Shared& pool = shared();
    const std::lock_guard lock(pool.mutex);
    if (list.current) pool.batches[index].push_back({list.current, blocks - 1});
    list = {};
  }
  return block;
}

void overflow(int index, FreeBlock* block) {
  ThreadCache::List& list = thread_cache.lists[index];
  if (Arena* arena = thread_cache.arena) return arena->keep_aside(block, small_class_bytes(index));
  block->next = nullptr;
  Shared& pool = shared();
  if (thread_cache.dead) {
    const std::lock_guard lock(pool.mutex);
    pool.batches[index].push_back({block, 1});
    return;
  }
  if (list.spare || !thread_cache.registered) {
    const std::lock_guard lock(pool.mutex);
    register_thread(pool);
    if (list.spare) pool.batches[index].push_back({list.spare, batch_size(index)});
  }
  list.spare = list.current;  // full, or null at the first use
  list.current = block;
  list.room = batch_size(index) - 1;
}

void* allocate_large(std::size_t bytes) {
  const std::size_t size = rounded(bytes);
  Shared& pool = shared();
  const std::lock_guard lock(pool.mutex);
  register_thread(pool);
  const std::int64_t counted = bytes > small_limit ? static_cast<std::int64_t>(bytes) : 0;
  pool.large_bytes += counted;
  pool.large_peak = std::max(pool.large_peak, pool.large_bytes);
  if (Arena* arena = thread_cache.arena)
    if (void* kept = arena->take(size)) return kept;
#ifdef GRADUS_POOL_BYPASS
  void* memory = std::aligned_alloc(64, size);
#else
  const auto best = pool.large.lower_bound(size);
  if (best != pool.large.end() && best->first <= size + size / 16) {
    void* cached = best->second;
    pool.cached -= best->first;
    // The caller returns the block under the size it asked for: count no more than that.
    pool.large.erase(best);
    return cached;
  }
  void* memory = system_allocate(pool, size);
  if (!memory) {  // the cache may hold what is missing
    forget_cached(pool);
    memory = system_allocate(pool, size);
  }
#endif
  if (!memory) {
    pool.large_bytes -= counted;
    fail_allocation(bytes);
  }
  return memory;
}

void release_large(void* memory, std::size_t bytes) noexcept {
  Shared& pool = shared();
  const std::lock_guard lock(pool.mutex);
  try {
    register_thread(pool);           // one that only frees counts, too
  } catch (const std::bad_alloc&) {  // its counters are not read then
  }
  if (bytes > small_limit) pool.large_bytes -= static_cast<std::int64_t>(bytes);
  const std::size_t size = rounded(bytes);
  if (Arena* arena = thread_cache.arena) return arena->keep(memory, size);
#ifdef GRADUS_POOL_BYPASS
  std::free(memory);
#else
  if (pool.cached + size > pool.cache_limit) return std::free(memory);
  try {
    // In front of its equals, so that the block that was used last, and is in cache, is used next.
    pool.large.emplace_hint(pool.large.lower_bound(size), size, memory);
    pool.cached += size;
  } catch (const std::bad_alloc&) {
    std::free(memory);
  }
#endif
}

// ------------------------------------------------------------------ arenas

void Arena::begin(const std::size_t& calls) {
  calls_ = &calls;
  ThreadCache& cache = thread_cache;
  // Empty for allocate(), and without room for release().
  for (int i = 0; i < small_classes; ++i) before_[i] = std::exchange(cache.lists[i], {});
  cache.arena = this;
}

void Arena::pause() noexcept {
  std::swap_ranges(before_, before_ + small_classes, thread_cache.lists);
  thread_cache.arena = nullptr;
}

void Arena::end() noexcept {
  std::copy(before_, before_ + small_classes, thread_cache.lists);
  thread_cache.arena = nullptr;
}

void Arena::note(const void* memory, std::size_t bytes) {
  freed_.push_back({static_cast<const std::byte*>(memory), bytes, *calls_});
}

void Arena::keep_aside(void* memory, std::size_t size) noexcept {
  others_.push_back({memory, size});
  note(memory, size);
}

Arena::~Arena() {
  for (const auto* blocks : {&others_, &values_})
    for (const Block& block : *blocks) {
      if (block.bytes > small_limit) {  // not counted as live any more
        const std::lock_guard lock(shared().mutex);
        shared().large_bytes += static_cast<std::int64_t>(block.bytes);
      }
      release(block.memory, block.bytes);
    }
}

void Arena::poison() noexcept {
  for (const auto* blocks : {&others_, &values_})
    for (const Block& block : *blocks) std::memset(block.memory, 0xff, block.bytes);
}

std::size_t Arena::bytes() const {
  std::size_t total = 0;
  for (const auto* blocks : {&others_, &values_})
    for (const Block& block : *blocks) total += block.bytes;
  return total;
}

void* Arena::take([[maybe_unused]] std::size_t size) noexcept {
#ifndef GRADUS_POOL_BYPASS
  const auto found = std::find_if(values_.begin(), values_.end(),
                                  [size](const Block& block) { return block.bytes == size; });
  if (found != values_.end()) {
    void* const memory = found->memory;
    values_.erase(found);
    return memory;
  }
#endif
  return nullptr;
}

void Arena::keep(void* memory, std::size_t size) noexcept {
  values_.push_back({memory, size});
  note(memory, size);
}

void* allocate_values_in(Arena& arena, std::size_t bytes) {
  const std::size_t size = small_class_bytes(small_class(bytes));  // that keep() will be told of
  if (void* memory = arena.take(size)) return memory;
  const PauseArena aside;
  return allocate(size);
}

}  // namespace gradus::detail

namespace gradus {

using detail::shared;

MemoryStats memory_stats() {
  detail::Shared& pool = shared();
  const std::lock_guard lock(pool.mutex);
  MemoryStats stats{pool.tensors,
                    pool.nodes,
                    pool.buffers,
                    pool.small_bytes + pool.large_bytes,
                    pool.small_bytes + pool.large_peak,
                    static_cast<std::int64_t>(pool.cached),
                    pool.system_allocations};
  for (const detail::ThreadCache* thread : pool.threads) {
    stats.live_tensors += thread->tensors.load(std::memory_order_relaxed);
    stats.live_nodes += thread->nodes.load(std::memory_order_relaxed);
    stats.live_buffers += thread->buffers.load(std::memory_order_relaxed);
    stats.live_bytes += thread->small_bytes.load(std::memory_order_relaxed);
    stats.peak_bytes += thread->small_peak.load(std::memory_order_relaxed);
  }
  return stats;
}

void reset_peak() {
  detail::Shared& pool = shared();
  const std::lock_guard lock(pool.mutex);
  pool.large_peak = pool.large_bytes;
  for (detail::ThreadCache* thread : pool.threads)
    thread->small_peak.store(thread->small_bytes.load(std::memory_order_relaxed),
                             std::memory_order_relaxed);
}

void empty_cache() {
  detail::Shared& pool = shared();
  const std::lock_guard lock(pool.mutex);
  detail::forget_cached(pool);
}

void set_cache_limit(std::size_t bytes) {
  detail::Shared& pool = shared();
  const std::lock_guard lock(pool.mutex);
  pool.cache_limit = bytes;
}

}  // namespace gradus
