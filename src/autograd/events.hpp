#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "gradus/autograd.hpp"
#include "gradus/random.hpp"
#include "kernels/elementwise/random.hpp"

// What a part of a program tells to whoever observes this thread: src/capture for a step that is
// to be replayed, functional/watch.hpp for a function that is to be called again. Calls of kernels,
// which are the first of the six events, are heard at their own door (kernels/call.hpp).
namespace gradus::detail {

struct Node;
class Observer;

/// Whether this thread records, and what else it minds.
struct Mode {
  bool grad = true;
  bool anomaly = false;
  Observer* observer = nullptr;
};
extern constinit thread_local Mode mode;

/// Numbers that the host reads or brings: no call of a kernel computes what follows from them.
struct HostRead {
  const char* operation = nullptr;  // that does so
  const Tensor* values = nullptr;   // of this tensor, unless null
  const char* reason = nullptr;     // why the operation cannot be done again
  std::shared_ptr<bool> flag = {};  // what happens depends on it
};

/// What changes and is no value of a tensor.
struct HostChange {
  enum class Kind { state, tensor, generator, end } kind;
  const void* owner;  // that keeps the state, or ends; the node; the generator
  const char* operation = nullptr;
  const char* reason = nullptr;                           // why it cannot be done again
  std::function<std::function<void()>()> make_undo = {};  // returns what puts it back
};

/// A draw; where the calls of kernels are to be made again, `replayed` is where each finds its own.
struct Drawn {
  Draw draw;
  const Draw* replayed = nullptr;
};

/// Hears of all that this thread does while mode.observer points to it.
class Observer {
 public:
  Observer() = default;
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  virtual ~Observer() = default;

  /// The values of a tensor are about to be written.
  virtual void writes(Node* n) = 0;
  /// Values are read, by an operation, a view, or the host.
  virtual void reads(const Inputs& inputs) = 0;
  virtual void host_reads(const HostRead& read) = 0;
  /// The gradient of a leaf is about to be replaced, or added to by a backward pass.
  virtual void replaces_grad(Node* leaf, bool adds) = 0;
  /// Numbers for `count` elements are drawn. `replayable` if all that needs them is a kernel.
  virtual Drawn draws(Generator& generator, std::uint64_t count, bool replayable) = 0;
  /// Host state is about to change; false if it must not.
  virtual bool host_changes(const HostChange& change) = 0;

  // What no event above shows: which memory belongs to the observed part, as views and memory that
  // the host fills are in no call; and the graph, whose rules are those of the first time.

  /// A tensor was made. Its buffer is new, too, if nothing else refers to it.
  virtual void made(Node* n) = 0;
  /// An operation was recorded with the result `n`. Its rule comes before the next event.
  virtual void recorded(Node* /*n*/) {}
};

/// While it lives, another observer, or none, hears of this thread.
class Observing {
 public:
  explicit Observing(Observer* by) : before_(std::exchange(mode.observer, by)) {}
  ~Observing() { mode.observer = before_; }
  Observing(const Observing&) = delete;
  Observing& operator=(const Observing&) = delete;

 private:
  Observer* const before_;
};

/// Tells of values that are read by another way than record().
inline void note_read(const Inputs& inputs) {
  if (mode.observer) [[unlikely]]
    mode.observer->reads(inputs);
}
/// Tells that `operation` reads the values on the host.
inline void host_reads(const Tensor& values, const char* operation) {
  if (mode.observer) [[unlikely]]
    mode.observer->host_reads({.operation = operation, .values = &values});
}
/// Tells that `operation` goes by numbers of the host, and why it cannot be done again.
inline void happens_once(const char* operation, const char* reason) {
  if (mode.observer) [[unlikely]]
    mode.observer->host_reads({.operation = operation, .reason = reason});
}
/// Tells that what happens depends on a flag that `owner` keeps.
template <class T>
void depends_on(const std::shared_ptr<T>& owner, bool& flag) {
  if (mode.observer) [[unlikely]]
    mode.observer->host_reads({.flag = {owner, &flag}});
}
/// Tells that what `owner` keeps changes; `make_undo` returns what puts it back.
template <class F>
void host_changes(const void* owner, const F& make_undo) {
  if (mode.observer) [[unlikely]]
    mode.observer->host_changes({HostChange::Kind::state, owner, nullptr, nullptr, make_undo});
}
/// The same of what happens now, and in no repetition.
inline void changes_once(const void* owner, const char* operation, const char* reason) {
  if (mode.observer) [[unlikely]]
    mode.observer->host_changes({HostChange::Kind::state, owner, operation, reason});
}
/// Tells that an owner of state is no more.
inline void ends(const void* owner) {
  if (mode.observer) [[unlikely]]
    mode.observer->host_changes({HostChange::Kind::end, owner});
}
/// Draws for `count` elements.
Drawn draw(Generator& generator, std::uint64_t count, bool replayable = false);

}  // namespace gradus::detail
