#pragma once

#include <functional>
#include <map>
#include <vector>

#include "core/pool.hpp"
#include "core/tape.hpp"
#include "gradus/autograd.hpp"
#include "gradus/random.hpp"

// What the library tells a step while it is captured; see gradus/capture.hpp.
namespace gradus::detail {

struct Node;

/// What a step touches of the world outside it, and how that was before.
class Capture {
 public:
  /// Values from outside the step are about to change.
  void before_write(Node* n);
  /// Inputs from outside the step have to live as long as it does.
  void use(const Inputs& inputs);
  /// The gradient of a leaf is about to be replaced, or added to by a backward pass.
  void before_grad(Node* leaf, bool adds);
  void after_grad(Node* leaf);
  /// Puts everything back to where it was before.
  void restore() const noexcept;

  struct Written {
    Tensor tensor;
    std::vector<std::byte> before;
  };
  struct Leaf {
    Tensor tensor, grad_before;
    Tensor grad = {};           // the last one that was defined
    std::size_t functions = 0;  // on the tape when it came
  };
  std::map<const void*, Written> written;  // by the place of the values
  std::map<const Node*, Leaf> leaves;
  std::map<const Node*, Tensor> used;
  std::map<const void*, std::function<void()>> undo;
  std::int64_t tensors = 0;  // of the step that undo and written hold
};

/// Replaces the gradient of a leaf by this very tensor.
void put_grad(Node* leaf, const Tensor& grad);

/// True while the calls that are made belong to a step that is being captured.
inline bool is_capturing() { return tape != nullptr; }

/// Throws if a step is being captured: `operation` cannot be part of one, because of `reason`.
void refuse_capture(const char* operation, const char* reason);

/// Throws if `operation` would read values that a replay computes anew.
void refuse_reading(const Tensor& t, const char* operation);

/// Something is about to change that no tensor shows; `make_undo` returns what puts it back.
void before_change(const void* owner, const std::function<std::function<void()>()>& make_undo);

/// The result of f, which is called now and in every replay: for work on the host, of which no
/// kernel tells the tape.
template <class F>
auto replayable(const F& f) {
  if (tape) tape->add_function([f] { f(); });
  const PauseTape pause;
  const PauseArena aside;
  return f();
}

/// The place in its stream where a random operation begins to draw.
struct Draw {
  std::uint64_t seed, offset;
};
/// Draws for `count` elements now and in every replay; the result lives as long as the tape.
const Draw* draw_replayable(Generator& generator, std::uint64_t count);

}  // namespace gradus::detail
