#pragma once

#include <atomic>
#include <cstdint>

#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#endif

namespace gradus::detail {

/// How many owners something has. As long as the process has one thread, counting needs no locked
/// instruction, which would cost more than the rest of a small operation.
class RefCount {
 public:
  void retain() noexcept {
    if (single_threaded())
      count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    else
      count_.fetch_add(1, std::memory_order_relaxed);
  }
  /// True if that was the last owner.
  [[nodiscard]] bool release() noexcept {
    const std::uint32_t count = count_.load(std::memory_order_acquire);
    if (count == 1) return true;
    if (single_threaded()) {
      count_.store(count - 1, std::memory_order_relaxed);
      return false;
    }
    return count_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }
  bool unique() const noexcept { return count_.load(std::memory_order_acquire) == 1; }

  static bool single_threaded() noexcept {
#if __has_include(<sys/single_threaded.h>)
    return __libc_single_threaded;
#else
    return false;
#endif
  }

 private:
  std::atomic<std::uint32_t> count_{1};
};

}  // namespace gradus::detail
