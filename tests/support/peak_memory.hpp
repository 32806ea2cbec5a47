#pragma once

#include <malloc.h>

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>

#include "gradus/runtime.hpp"

namespace gradus::test {

/// By how much the process grows at most while this lives.
class PeakMemory {
 public:
  PeakMemory() {
    empty_cache();
    malloc_trim(0);
    std::ofstream reset("/proc/self/clear_refs");  // the peak begins anew
    resets_ = static_cast<bool>(reset << "5" << std::flush);
    before_ = read("VmRSS:");
  }
  /// In bytes; nothing where the kernel does not tell, or a sanitizer keeps what is freed.
  std::optional<std::uint64_t> growth() const {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return {};
#endif
    const std::uint64_t peak = read("VmHWM:");
    if (!resets_ || before_ == 0 || peak == 0) return {};
    return peak > before_ ? peak - before_ : 0;
  }

 private:
  static std::uint64_t read(const std::string& key) {
    std::ifstream status("/proc/self/status");
    std::string word;
    std::uint64_t kilobytes = 0;
    while (status >> word)
      if (word == key && status >> kilobytes) return kilobytes * 1024;
    return 0;
  }

  bool resets_ = false;
  std::uint64_t before_ = 0;
};

/// The most that reading a small file may take besides its size, whatever it says of itself.
inline constexpr std::uint64_t reading_allowance = 4 << 20;

}  // namespace gradus::test
