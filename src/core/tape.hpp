#pragma once

#include <cstddef>
#include <cstring>
#include <deque>
#include <functional>
#include <type_traits>
#include <utility>
#include <vector>

// How a captured step remembers what it did: see capture.hpp. Kernels tell the tape of their calls.
namespace gradus::detail {

/// Calls with their arguments, one behind the other in memory, to be made again in this order.
class Tape {
 public:
  /// Remembers a call that holds pointers and numbers only.
  template <class F>
  void add(const F& call) {
    static_assert(std::is_trivially_copyable_v<F> && alignof(F) <= 8);
    const Header header{[](const void* self) { (*static_cast<const F*>(self))(); },
                        sizeof(Header) + (sizeof(F) + 7) / 8 * 8};
    const std::size_t at = bytes_.size();
    bytes_.resize(at + header.bytes);
    std::memcpy(&bytes_[at], &header, sizeof header);
    std::memcpy(&bytes_[at + sizeof header], &call, sizeof call);
    ++calls_;
  }
  /// Remembers a call of any kind.
  void add_function(std::function<void()> call) {
    functions_.push_back(std::move(call));
    add([function = &functions_.back()] { (*function)(); });
  }
  void run() const {
    const std::byte* const end = bytes_.data() + bytes_.size();
    for (const std::byte* at = bytes_.data(); at != end;) {
      const auto* header = reinterpret_cast<const Header*>(at);
      header->run(header + 1);
      at += header->bytes;
    }
  }
  std::size_t calls() const { return calls_; }

 private:
  struct Header {
    void (*run)(const void*);
    std::size_t bytes;
  };
  std::vector<std::byte> bytes_;
  std::deque<std::function<void()>> functions_;
  std::size_t calls_ = 0;
};

/// The tape that listens in this thread, or null.
extern constinit thread_local Tape* tape;

/// While it lives, nothing is remembered: what happens is part of a call that already is.
class PauseTape {
 public:
  PauseTape() : before_(std::exchange(tape, nullptr)) {}
  ~PauseTape() { tape = before_; }
  PauseTape(const PauseTape&) = delete;
  PauseTape& operator=(const PauseTape&) = delete;

 private:
  Tape* before_;
};

/// Remembers `call` and makes it; nothing inside counts. Kernels begin with
/// `if (tape) [[unlikely]] return remember([=] { the same kernel with its arguments; });`.
template <class F>
[[gnu::cold]] void remember(const F& call) {
  tape->add(call);
  const PauseTape pause;
  call();
}

/// Stands at the beginning of a kernel: remembers `call`, which calls it again, and that nothing
/// inside counts.
class Launch {
 public:
  template <class F>
  explicit Launch(const F& call) : tape_(tape) {
    if (tape_) [[unlikely]] {
      tape_->add(call);
      tape = nullptr;
    }
  }
  ~Launch() {
    if (tape_) [[unlikely]]
      tape = tape_;
  }
  Launch(const Launch&) = delete;
  Launch& operator=(const Launch&) = delete;

 private:
  Tape* tape_;
};

/// Calls f, which holds pointers and numbers only, now and in every replay.
template <class F>
void launch(const F& f) {
  const Launch call(f);
  f();
}

}  // namespace gradus::detail
