#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <initializer_list>
#include <type_traits>
#include <utility>
#include <vector>

// How a captured step remembers what it did: see capture.hpp. Kernels tell the tape of their calls.
namespace gradus::detail {

/// What an elementwise call reads or writes.
struct Operand {
  const void* data;
  std::uint32_t bytes;   // of an element
  bool single = false;   // one value that stands for all
  bool passing = false;  // nothing reads it after its tile: every tile may use the same place
};

/// A call that computes n elements, each from the elements of its inputs at the same place.
/// `out` may be an input.
struct Elementwise {
  std::int64_t n = 0;
  std::uint32_t inputs = 0;
  Operand in[3] = {}, out = {};
  /// Computes `count` elements that begin at `from` and `to`, to the same bits as within n.
  void (*run)(const void* f, const void* const* from, void* to, std::int64_t count) = nullptr;
  alignas(8) std::byte f[40] = {};
};

/// Describes a call by its operands and f(inputs, output, count).
template <class F>
Elementwise elementwise(std::int64_t n, std::initializer_list<Operand> in, Operand out,
                        const F& f) {
  Elementwise call{.n = n, .inputs = static_cast<std::uint32_t>(in.size()), .out = out};
  static_assert(std::is_trivially_copyable_v<F> && sizeof(F) <= sizeof call.f && alignof(F) <= 8);
  std::copy(in.begin(), in.end(), call.in);
  call.run = [](const void* self, const void* const* from, void* to, std::int64_t count) {
    (*static_cast<const F*>(self))(from, to, count);
  };
  std::memcpy(call.f, &f, sizeof f);
  return call;
}

/// Calls with their arguments, one behind the other in memory, to be made again in this order.
class Tape {
 public:
  enum class Kind : std::uint32_t { any, function, elementwise };

  /// Remembers a call that holds pointers and numbers only.
  template <class F>
  void add(const F& call, Kind kind = Kind::any) {
    static_assert(std::is_trivially_copyable_v<F> && alignof(F) <= 8);
    append([](const void* self) { (*static_cast<const F*>(self))(); }, kind, &call, sizeof call);
  }
  /// The same, of an elementwise call if `description` has elements.
  template <class F>
  void add(const F& call, const Elementwise& description) {
    if (description.n == 0) return add(call);
    add(call, Kind::elementwise);
    const std::size_t at = bytes_.size();
    bytes_.resize(at + sizeof description);
    std::memcpy(&bytes_[at], &description, sizeof description);
    reinterpret_cast<Header*>(&bytes_[last_])->bytes += sizeof description;
  }
  /// Remembers a call of any kind.
  void add_function(std::function<void()> call) {
    functions_.push_back(std::move(call));
    add([function = &functions_.back()] { (*function)(); }, Kind::function);
  }
  /// Remembers call(copy of `count` bytes).
  void append(void (*call)(const void*), Kind kind, const void* bytes, std::size_t count) {
    const Header header{call, static_cast<std::uint32_t>(sizeof(Header) + (count + 7) / 8 * 8),
                        kind};
    last_ = bytes_.size();
    bytes_.resize(last_ + header.bytes);
    std::memcpy(&bytes_[last_], &header, sizeof header);
    std::memcpy(&bytes_[last_ + sizeof header], bytes, count);
    ++calls_;
  }
  void run() const {
    const std::byte* const end = bytes_.data() + bytes_.size();
    for (const std::byte* at = bytes_.data(); at != end;) {
      const auto* header = reinterpret_cast<const Header*>(at);
      header->call(header + 1);
      at += header->bytes;
    }
  }
  std::size_t calls() const { return calls_; }
  std::size_t functions() const { return functions_.size(); }

  /// A call as it was added.
  struct Call {
    void (*call)(const void*);
    Kind kind;
    const std::byte* data;           // of the closure
    std::size_t bytes;               // of the closure
    const Elementwise* description;  // of an elementwise call
  };
  std::vector<Call> list() const {
    std::vector<Call> list;
    for (std::size_t at = 0; at != bytes_.size();) {
      const auto* header = reinterpret_cast<const Header*>(&bytes_[at]);
      Call call{header->call, header->kind, &bytes_[at] + sizeof(Header),
                header->bytes - sizeof(Header), nullptr};
      at += header->bytes;
      if (call.kind == Kind::elementwise) {
        call.bytes -= sizeof(Elementwise);
        call.description = reinterpret_cast<const Elementwise*>(call.data + call.bytes);
      }
      list.push_back(call);
    }
    return list;
  }
  /// Takes the calls of another tape instead; functions stay.
  void replace_calls(Tape&& by) {
    bytes_ = std::move(by.bytes_);
    calls_ = by.calls_;
  }

 private:
  struct Header {
    void (*call)(const void*);
    std::uint32_t bytes;
    Kind kind;
  };
  std::vector<std::byte> bytes_;
  std::deque<std::function<void()>> functions_;
  std::size_t calls_ = 0, last_ = 0;  // last_: where the last call begins
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
/// For every block of values that the kernel touches, `call` itself holds a pointer into that
/// block, not one to a place where such a pointer is: that is how a captured step knows what it may
/// leave out.
template <class F>
[[gnu::cold]] void remember(const F& call) {
  tape->add(call);
  const PauseTape pause;
  call();
}
/// For an elementwise kernel; `describe` returns its description, or one without elements.
template <class F, class Describe>
[[gnu::cold]] void remember(const F& call, const Describe& describe) {
  tape->add(call, describe());
  const PauseTape pause;
  call();
}

/// Calls f, which holds pointers and numbers only, now and in every replay.
template <class F>
void launch(const F& f) {
  if (tape) [[unlikely]]
    return remember(f);
  f();
}

}  // namespace gradus::detail
