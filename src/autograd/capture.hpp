#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "autograd/node.hpp"
#include "base/pool.hpp"
#include "gradus/autograd.hpp"
#include "gradus/random.hpp"
#include "kernels/elementwise/random.hpp"

// What the library tells those that listen to a part of a program: a step that is captured (see
// gradus/capture.hpp), a function that is to be repeated (see functional/watch.hpp).
namespace gradus::detail {

struct Buffer;
struct Node;

/// A draw; in a captured step, `replayed` is where each replay finds it.
struct Drawn {
  Draw draw;
  const Draw* replayed = nullptr;
};

/// What is told of all that this thread does, while mode.capture points to it.
class Capture {
 public:
  Capture() = default;
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  virtual ~Capture() = default;

  virtual void made(Node* n) = 0;
  virtual void made(Buffer* buffer) = 0;
  /// An operation that may be recorded uses its inputs.
  virtual void use(const Inputs& inputs) = 0;
  /// Values are read by other operations, a view, or the host.
  virtual void read(const Inputs&) {}
  /// An operation was recorded with the result `n`; its rule comes right after this.
  virtual void recorded(Node* /*n*/) {}
  /// The rule of the last operation is in place. Later events imply it.
  virtual void settle() {}
  /// Values are about to change.
  virtual void before_write(Node* n) = 0;
  /// What a tensor refers to is about to be replaced.
  virtual void before_replace(const Node*, const char* /*operation*/) {}
  /// The gradient of a leaf is about to be replaced, or added to by a backward pass.
  virtual void before_grad(Node* leaf, bool adds) = 0;
  virtual void after_grad(Node* leaf) = 0;
  /// Something is about to change that no tensor shows; `make_undo` returns what puts it back.
  virtual void before_change(const void* owner,
                             const std::function<std::function<void()>()>& make_undo) = 0;
  /// A generator is about to move in every replay.
  virtual void before_draws(Generator&) {}
  virtual void drawn(const Drawn&, std::uint64_t /*count*/) {}
  /// The draw that was made here before, if this is a repetition: generators stand still in one.
  virtual bool repeats() const { return false; }
  virtual std::optional<Drawn> draw_again(std::uint64_t /*count*/) { return {}; }
  /// What happens depends on the flag.
  virtual void depends_on(const std::shared_ptr<bool>&) {}
};

/// Replaces the gradient of a leaf by this very tensor.
void put_grad(Node* leaf, const Tensor& grad);

/// True while the calls that are made belong to a step that is being captured.
inline bool is_capturing() { return kernels::listener && mode.capture; }

/// Throws if a step is being captured: `operation` cannot be part of one, because of `reason`.
void refuse_capture(const char* operation, const char* reason);

/// Tells that `operation` reads values on the host; throws if a replay computes them anew.
void refuse_reading(const Tensor& t, const char* operation);

/// Tells of values that are read by another way than record().
inline void note_read(const Inputs& inputs) {
  if (mode.capture) [[unlikely]]
    mode.capture->read(inputs);
}

/// Something is about to change that no tensor shows; `make_undo` returns what puts it back.
template <class F>
void before_change(const void* owner, const F& make_undo) {
  if (mode.capture) [[unlikely]]
    mode.capture->before_change(owner, make_undo);
}

/// The result of f, which is called now and in every replay: for work on the host, which is no
/// call of a kernel.
template <class F>
auto replayable(const F& f) {
  if (is_capturing()) kernels::listener->hear([f] { f(); });
  const kernels::Unheard pause;
  const PauseArena aside;
  return f();
}

/// Draws for `count` elements; in a captured step in every replay, if `replayable`.
Drawn draw(Generator& generator, std::uint64_t count, bool replayable = false);

}  // namespace gradus::detail
