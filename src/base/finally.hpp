#pragma once

#include <functional>
#include <utility>

namespace gradus {

/// Calls a function at the end of its life.
class [[nodiscard]] Finally {
 public:
  explicit Finally(std::function<void()> call) : call_(std::move(call)) {}
  Finally(Finally&& other) noexcept : call_(std::exchange(other.call_, nullptr)) {}
  ~Finally() {
    if (call_) call_();
  }

 private:
  std::function<void()> call_;
};

}  // namespace gradus
