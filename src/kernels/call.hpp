// The one door to the kernels. A call is a plain struct that names what it reads, what it writes,
// and its numbers; run(call) makes it and, if somebody listens, tells of it.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "gradus/dtype.hpp"
#include "gradus/shape.hpp"

namespace gradus::kernels {

using gradus::Index;

/// Memory that a call writes, of which its dtype says what it holds: a pointer to any type where
/// one is wanted.
struct Out {
  void* at;
  Out() = default;
  Out(void* memory) noexcept : at(memory) {}
  template <class T>
  operator T*() const noexcept {
    return static_cast<T*>(at);
  }
  explicit operator bool() const noexcept { return at != nullptr; }
  /// n elements further.
  Out plus(Index n, DType t) const noexcept {
    return static_cast<char*>(at) + n * static_cast<Index>(size_of(t));
  }
};
/// The same of what it reads.
struct In {
  const void* at;
  In() = default;
  In(const void* memory) noexcept : at(memory) {}
  In(Out memory) noexcept : at(memory.at) {}
  template <class T>
  operator const T*() const noexcept {
    return static_cast<const T*>(at);
  }
  explicit operator bool() const noexcept { return at != nullptr; }
  In plus(Index n, DType t) const noexcept {
    return static_cast<const char*>(at) + n * static_cast<Index>(size_of(t));
  }
};

/// What lies before, along and behind the axis that a call goes along: (outer, axis, inner).
struct Lengths {
  Index outer = 1, axis = 1, inner = 1;
  Index all() const { return outer * axis * inner; }
  /// Without the axis.
  Index lines() const { return outer * inner; }
};

/// Memory that a call touches.
struct Operand {
  enum class Access : std::uint8_t { reads, writes, updates };
  const char* name;
  Access access;
  bool single;  // of an elementwise call: one value that stands for all
  std::uint32_t element;
  const std::byte* data;
  std::size_t bytes;
  bool is_read() const { return access != Access::writes; }
  bool is_written() const { return access != Access::reads; }
};

/// What a call tells of itself. A null pointer is no operand.
struct Description {
  struct Number {
    const char* name;
    double value;
  };

  std::vector<Operand> operands;
  std::vector<Number> numbers;
  /// Of a call whose every element depends on the elements of its inputs at the same place: how
  /// many there are. Its last operand is the result, the others are read.
  Index elements = 0;

  /// Of the values behind In and Out.
  DType type = DType::float32;

  /// n elements. `stride` 0 of an elementwise call: one value that stands for all.
  Description& reads(const char* name, const void* data, DType t, Index n, Index stride = 1) {
    return add(name, Operand::Access::reads, data, t, n, stride);
  }
  template <class Pointer>
  Description& reads(const char* name, Pointer data, Index n, Index stride = 1) {
    return reads(name, data, type_behind(data), n, stride);
  }
  Description& writes(const char* name, const void* data, DType t, Index n) {
    return add(name, Operand::Access::writes, data, t, n, 1);
  }
  template <class Pointer>
  Description& writes(const char* name, Pointer data, Index n) {
    return writes(name, data, type_behind(data), n);
  }
  /// What is read and written.
  Description& updates(const char* name, const void* data, Index n) {
    return add(name, Operand::Access::updates, data, type, n, 1);
  }
  /// What is written, and read before if it is `added` to.
  Description& result(const char* name, const void* data, Index n, bool added) {
    return added ? updates(name, data, n) : writes(name, data, type, n);
  }
  Description& elementwise(Index n) {
    elements = n;
    return *this;
  }
  template <class T>
  Description& number(const char* name, T value) {
    return add(name, static_cast<double>(value));
  }
  Description& lengths(const Lengths& of) {
    return number("outer", of.outer).number("axis", of.axis).number("inner", of.inner);
  }
  Description& matrix(Index rows, Index cols) { return number("rows", rows).number("cols", cols); }

 private:
  Description& add(const char* name, Operand::Access access, const void* data, DType t, Index n,
                   Index stride);
  Description& add(const char* name, double value);
  DType type_behind(const In&) const { return type; }
  DType type_behind(const Out&) const { return type; }
  template <class T>
  DType type_behind(const T*) const {
    static_assert(sizeof(T) == 8);
    return std::is_floating_point_v<T> ? DType::float64 : DType::int64;
  }
};

/// f(T()) for the type T of the values of a floating-point dtype.
template <class F>
inline void with_floating(DType t, F&& f) {
  if (t == DType::float32) return f(float());
  if (t == DType::float64) return f(double());
}
/// The same for all but boolean.
template <class F>
inline void with_number(DType t, F&& f) {
  if (t == DType::int64) return f(std::int64_t());
  with_floating(t, f);
}
/// The same for any dtype.
template <class F>
inline void with_type(DType t, F&& f) {
  if (t == DType::boolean) return f(bool());
  with_number(t, f);
}
/// f(T()) for a T as wide as the values: for what moves them and computes nothing.
template <class F>
inline void with_width(DType t, F&& f) {
  if (size_of(t) == 1) return f(std::uint8_t());
  if (size_of(t) == 4) return f(std::uint32_t());
  f(std::uint64_t());
}

#if GRADUS_DISPATCH
/// Sets all implementations to those of the instruction set that the process uses.
void choose_kernels();
template <class Call>
void execute_as_compiled(const void* call) {
  execute(*static_cast<const Call*>(call));
}
template <class Call>
void choose_and_execute(const void* call);
/// execute() of the instruction set that was chosen; it is chosen at the first call.
template <class Call>
inline constinit std::atomic<void (*)(const void*)> implementation = choose_and_execute<Call>;
template <class Call>
void choose_and_execute(const void* call) {
  choose_kernels();
  auto unchosen = choose_and_execute<Call>;  // of a call that has one kernel for all
  implementation<Call>.compare_exchange_strong(unchosen, execute_as_compiled<Call>);
  implementation<Call>.load(std::memory_order_relaxed)(call);
}
#endif

/// Makes a call and tells nobody.
template <class Call>
inline void make(const Call& call) {
#if GRADUS_DISPATCH
  implementation<Call>.load(std::memory_order_relaxed)(&call);
#else
  execute(call);
#endif
}

/// What all calls of one struct have in common.
struct Kind {
  const char* name;
  std::size_t bytes;
  void (*execute)(const void* call);
  void (*describe)(const void* call, Description& to);
  /// Of an elementwise call: computes `count` elements from other memory, to the same bits.
  void (*piece)(const void* call, const void* const* in, void* out, Index count);
};

template <class Call>
constexpr auto piece_of() {
  if constexpr (requires(const Call& c, const void* const* in, void* out, Index n) {
                  c.piece(in, out, n);
                })
    return [](const void* call, const void* const* in, void* out, Index count) {
      make(static_cast<const Call*>(call)->piece(in, out, count));
    };
  else
    return nullptr;
}

template <class Call>
void describe_to(const Call& call, Description& to) {
  if constexpr (requires { to.type = call.type; }) to.type = call.type;
  call.describe(to);
}

template <class Call>
inline constexpr Kind kind_of{
    Call::name, sizeof(Call), [](const void* call) { make(*static_cast<const Call*>(call)); },
    [](const void* call, Description& to) { describe_to(*static_cast<const Call*>(call), to); },
    piece_of<Call>()};

/// Hears every call of its thread, before it is made.
class Listener {
 public:
  virtual void hear(const Kind& kind, const void* call) = 0;

 protected:
  ~Listener() = default;
};
extern constinit thread_local Listener* listener;

/// While it lives, nobody listens: what happens is part of a call that was told of.
class Unheard {
 public:
  Unheard() : before_(std::exchange(listener, nullptr)) {}
  ~Unheard() { listener = before_; }
  Unheard(const Unheard&) = delete;
  Unheard& operator=(const Unheard&) = delete;

 private:
  Listener* before_;
};

/// Tells of the call, then makes it.
[[gnu::cold]] void run_heard(const Kind& kind, const void* call);

/// Tells of a call if somebody listens, and makes it: execute(call), which stands with the kernel.
template <class Call>
inline void run(const Call& call) {
  static_assert(std::is_trivially_copyable_v<Call> && sizeof(Call) <= 256 && alignof(Call) <= 8);
  if (listener) [[unlikely]]
    return run_heard(kind_of<Call>, &call);
  make(call);
}

}  // namespace gradus::kernels
