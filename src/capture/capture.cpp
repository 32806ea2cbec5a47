#include "gradus/capture.hpp"

#include <algorithm>
#include <cstring>
#include <deque>
#include <utility>

#include "autograd/node.hpp"
#include "base/messages.hpp"
#include "base/pool.hpp"
#include "capture/plan.hpp"
#include "capture/step.hpp"

namespace gradus {
namespace detail {

namespace {

std::size_t bytes_of(const Node* n) {
  return static_cast<std::size_t>(n->numel) * size_of(n->dtype);
}

/// A copy of the values, by value.
std::vector<std::byte> values_of(const Tensor& t) {
  const auto* first = static_cast<const std::byte*>(data(t));
  return {first, first + bytes_of(node(t))};
}

using Values = std::vector<std::vector<std::byte>>;

/// All that a step has computed: its results, gradients, and what it has changed.
Values values_after(const StepCapture& capture, const std::vector<Tensor>& outputs) {
  Values values;
  for (const Tensor& output : outputs) values.push_back(values_of(output));
  for (const auto& [n, leaf] : capture.leaves)
    if (leaf.grad.defined()) values.push_back(values_of(leaf.grad));
  for (const auto& [place, written] : capture.written) values.push_back(values_of(written.tensor));
  return values;
}

/// The result of f; whatever happens, everything is then as it was before.
template <class F>
auto attempt(const StepCapture& capture, F f) {
  struct Restore {
    const StepCapture& capture;
    ~Restore() { capture.restore(); }
  } restore{capture};
  return f();
}

Tensor copy_of(const Tensor& t) {
  Tensor copy = empty_like(t);
  std::memcpy(data(copy), data(t), bytes_of(node(t)));
  return copy;
}

/// The values of t, without history, that nothing but the step writes or reads.
Tensor owned(const Tensor& t) {
  const Node* n = node(t);
  const bool shared = !n->is_inline() && !(n->refs.unique() && n->buffer->refs.unique());
  return shared ? t.detach().clone() : t.detach();
}

/// While it lives, this thread's calls go to a list, and what they touch to a capture.
class Listen {
 public:
  Listen(CallList& to, StepCapture& capture) : observing_(&capture) { kernels::listener = &to; }
  ~Listen() { kernels::listener = nullptr; }
  Listen(const Listen&) = delete;
  Listen& operator=(const Listen&) = delete;

 private:
  Observing observing_;
};

/// While it lives, memory that is freed stays with an arena.
class Keep {
 public:
  Keep(Arena& arena, const CallList& calls) : arena_(arena) { arena.begin(calls.size()); }
  ~Keep() { arena_.end(); }
  Keep(const Keep&) = delete;
  Keep& operator=(const Keep&) = delete;

 private:
  Arena& arena_;
};

}  // namespace

/// One captured step, for inputs of certain shapes.
class Program {
 public:
  Program(const Function& f, const Tensor* const* example, std::size_t count);

  /// True if it can be replayed for such inputs, and what it uses is still where it was.
  bool fits(const Tensor* const* inputs, std::size_t count) const;
  void replay(const Tensor* const* inputs);
  std::vector<Tensor> results() const;
  /// The only result.
  Tensor result() const;
  std::size_t calls() const { return calls_.size(); }
  std::string text() const { return calls_.text(); }
  const Plan& plan_of_calls() const { return plan_; }
  std::size_t bytes() const { return arena_.bytes(); }

 private:
  struct Used {
    Tensor tensor;
    const void* data;
    bool requires_grad;
  };
  struct Leaf {
    Tensor tensor, grad;  // that backward stores into
    bool keeps;           // after the step it is still there
  };
  void record(const Function& f);
  void take_over(StepCapture& capture);
  void require_nothing_kept(std::int64_t more) const;
  void play();

  Arena arena_;  // outlives everything below
  std::vector<Tensor> inputs_, outputs_;
  CallList calls_;
  Plan plan_;
  std::vector<Used> used_;
  std::vector<Leaf> leaves_;
  std::vector<Tensor> written_;
  std::vector<std::pair<std::shared_ptr<bool>, bool>> flags_;  // as they were
};

Program::Program(const Function& f, const Tensor* const* example, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    if (example[i]->requires_grad())
      fail("capture", "input ", i,
           " requires a gradient; a plain tensor is required; make it a leaf inside "
           "the step (x.detach().requires_grad_())");
    const NoGrad guard;
    inputs_.push_back(empty_leaf(example[i]->shape(), example[i]->dtype()));
    std::memcpy(data(inputs_.back()), data(*example[i]), bytes_of(node(*example[i])));
    Node* const n = node(inputs_.back());
    n->observed = n->buffer->observed = true;  // their values are those of one call
  }
  record(f);
}

void Program::record(const Function& f) {
  // Once for what happens only the first time, such as moments that an optimizer makes.
  CallList unused;
  StepCapture first(unused);
  const Values expected = attempt(first, [&] {
    const Listen listen(unused, first);
    const std::vector<Tensor> outputs = f.outputs(inputs_);
    first.finish();
    return values_after(first, outputs);
  });
  StepCapture capture(calls_);
  attempt(capture, [&] {
    const std::int64_t before = thread_cache.tensors;
    {
      const Keep keep(arena_, calls_);
      const Listen listen(calls_, capture);
      for (const Tensor& output : f.outputs(inputs_)) outputs_.push_back(owned(output));
    }
    take_over(capture);
    require_nothing_kept(thread_cache.tensors - before - capture.tensors);
    if (values_after(capture, outputs_) != expected)
      fail("capture",
           "the step gave other values when it was called again from the same state; something "
           "outside tensors changes in it, such as a counter; a replay would not see that");
    plan_ = plan(calls_, arena_.take_freed());
    capture.restore();
    for (const Tensor& output : outputs_) std::memset(data(output), 0xff, bytes_of(node(output)));
    arena_.poison();
    play();
    if (values_after(capture, outputs_) != expected)
      fail("capture",
           "a replay gave other values than the step itself; something in it does not compute with "
           "kernels (such as a loss of labels that are prepared in a loop); make such values "
           "before the "
           "step, or run it without capture");
    return 0;
  });
}

void Program::require_nothing_kept(std::int64_t more) const {
  more -= static_cast<std::int64_t>(outputs_.size());
  for (const Leaf& leaf : leaves_) more -= leaf.keeps || leaf.grad.defined() ? 1 : 0;
  if (more > 0)
    fail("capture", "the step keeps ", more,
         " tensors that it made, and a replay would overwrite them; return them "
         "instead");
}

void Program::take_over(StepCapture& capture) {
  capture.finish();
  for (const auto& [n, leaf] : capture.leaves)
    leaves_.push_back({leaf.tensor, leaf.grad, node(leaf.tensor)->grad != nullptr});
  for (const auto& [place, written] : capture.written) written_.push_back(written.tensor);
  for (const auto& [place, flag] : capture.flags) flags_.push_back(flag);
  for (const auto& [n, tensor] : capture.used)
    used_.push_back({tensor, node(tensor)->data, node(tensor)->requires_grad});
}

void Program::play() {
  for (const Leaf& leaf : leaves_) put_grad(node(leaf.tensor), leaf.grad);
  for (const Tensor& t : written_) node(t)->bump_version();
  calls_.run();
  for (const Leaf& leaf : leaves_)
    if (!leaf.keeps) put_grad(node(leaf.tensor), {});
}

bool Program::fits(const Tensor* const* inputs, std::size_t count) const {
  if (count != inputs_.size()) return false;
  for (std::size_t i = 0; i < count; ++i)
    if (!same_type(node(*inputs[i]), node(inputs_[i]))) return false;
  for (const auto& [flag, value] : flags_)
    if (*flag != value) return false;
  return std::all_of(used_.begin(), used_.end(), [](const Used& used) {
    const Node* n = node(used.tensor);
    return n->data == used.data && n->requires_grad == used.requires_grad;
  });
}

void Program::replay(const Tensor* const* inputs) {
  for (std::size_t i = 0; i < inputs_.size(); ++i)
    std::memcpy(data(inputs_[i]), data(*inputs[i]), bytes_of(node(inputs_[i])));
  play();
}

std::vector<Tensor> Program::results() const {
  std::vector<Tensor> copies;
  for (const Tensor& output : outputs_) copies.push_back(copy_of(output));
  return copies;
}

Tensor Program::result() const {
  if (outputs_.size() != 1)
    fail("capture", "the step returned ", outputs_.size(),
         " tensors; one is required; get them with run()");
  return copy_of(outputs_.front());
}

struct CapturedState {
  /// Programs of the last few shapes, the one that ran last in front.
  static constexpr std::size_t most = 8;

  explicit CapturedState(Function f_) : f(std::move(f_)) {}

  Function f;
  std::deque<std::unique_ptr<Program>> programs;
  std::size_t captures = 0;

  Program& program_for(const Tensor* const* inputs, std::size_t count) {
    if (will_repeat()) fail("capture", "a captured step is called while another one is captured");
    if (mode.observer)
      fail("capture",
           "a captured step is called by a function under checkpoint(), which would repeat it; "
           "call it outside");
    for (std::size_t i = 0; i < programs.size(); ++i)
      if (programs[i]->fits(inputs, count)) {
        if (i) std::swap(programs[0], programs[i]);
        return *programs[0];
      }
    if (mode.anomaly)
      fail("capture", "anomaly mode is on, which looks at every operation; switch it off");
    programs.push_front(std::make_unique<Program>(f, inputs, count));
    ++captures;
    if (programs.size() > most) programs.pop_back();
    return *programs[0];
  }
};

}  // namespace detail

std::vector<Tensor> CapturedStep::run(const std::vector<Tensor>& inputs) const {
  std::vector<const Tensor*> pointers;
  for (const Tensor& input : inputs) pointers.push_back(&input);
  detail::Program& program = state_->program_for(pointers.data(), pointers.size());
  program.replay(pointers.data());
  return program.results();
}

Tensor CapturedStep::run_single(const Tensor* const* inputs, std::size_t count) const {
  detail::Program& program = state_->program_for(inputs, count);
  program.replay(inputs);
  return program.result();
}

std::size_t CapturedStep::calls() const { return state_->programs.front()->calls(); }
std::string CapturedStep::text() const { return state_->programs.front()->text(); }
std::size_t CapturedStep::fused() const { return state_->programs.front()->plan_of_calls().fused; }
std::size_t CapturedStep::dropped() const {
  return state_->programs.front()->plan_of_calls().dropped;
}
std::size_t CapturedStep::captures() const { return state_->captures; }
std::size_t CapturedStep::bytes() const {
  std::size_t total = 0;
  for (const auto& program : state_->programs) total += program->bytes();
  return total;
}

CapturedStep capture(Function f, const std::vector<Tensor>& example) {
  auto state = std::make_shared<detail::CapturedState>(std::move(f));
  CapturedStep step(std::move(state));
  std::vector<const Tensor*> pointers;
  for (const Tensor& input : example) pointers.push_back(&input);
  step.state_->program_for(pointers.data(), pointers.size());
  return step;
}

}  // namespace gradus
