#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gradus/function.hpp"

namespace gradus {

namespace detail {
struct CapturedState;
}

/// A step that was recorded once and is repeated without the graph: see capture().
class CapturedStep {
 public:
  /// Repeats the step on `inputs` and returns copies of its results. The same bits as f(inputs),
  /// also in parameters, gradients, buffers and optimizers. Inputs of other shapes or dtypes,
  /// parameters that were replaced since (set_data, frozen or not), and modules whose training flag
  /// was switched, are captured anew.
  std::vector<Tensor> run(const std::vector<Tensor>& inputs) const;
  /// The only result.
  template <class... Rest>
  requires(std::is_same_v<Rest, Tensor>&&...) Tensor operator()(const Tensor& x,
                                                                const Rest&... rest) const {
    const Tensor* const inputs[] = {&x, &rest...};
    return run_single(inputs, 1 + sizeof...(rest));
  }

  /// How many calls of kernels a replay makes, for the shapes that came last; a fused chain is one.
  std::size_t calls() const;
  /// How many of the recorded calls became parts of fused chains.
  std::size_t fused() const;
  /// How many of the recorded calls were left out, since nothing (no function on the host, such as
  /// an optimizer's step, either) reads what they compute before it is freed.
  std::size_t dropped() const;
  /// The calls of kernels, a line each: the name, the operands with what they are to the call (<-
  /// it reads, -> it writes, <> both), their place among the step's memory and their bytes, the
  /// numbers.
  std::string text() const;
  /// Bytes that the step keeps between replays, for all shapes together.
  std::size_t bytes() const;
  /// How often the step was captured.
  std::size_t captures() const;

 private:
  friend CapturedStep capture(Function f, const std::vector<Tensor>& example);
  explicit CapturedStep(std::shared_ptr<detail::CapturedState> state) : state_(std::move(state)) {}
  Tensor run_single(const Tensor* const* inputs, std::size_t count) const;

  std::shared_ptr<detail::CapturedState> state_;
};

/// Records what f does with inputs like `example` (forward pass, backward pass, step of an
/// optimizer), so that it can be repeated at the cost of its kernels alone:
///
///     auto step = capture([&](const Tensor& x, const Tensor& y) {
///       const Tensor loss = cross_entropy(model(x), y);
///       optimizer.zero_grad();
///       loss.backward();
///       optimizer.step();
///       return loss;
///     }, {x, y});
///     for (auto [x, y] : loader) step(x, y);
///
/// Elementwise operations whose result nothing reads are left out. Chains of them over more than a
/// few thousand elements run together, a tile that fits into the cache at a time, and what nothing
/// reads outside its chain stays in the cache.
///
/// f is called twice to record it, and a replay has to give the same bits, so take a typical
/// example rather than zeros; parameters, gradients, buffers, optimizers and generators are then as
/// they were before. Everything f refers to has to outlive the step, and a replay has to come from
/// one thread at a time. Learning rates are those of the moment. Numbers that a function returns to
/// the host, such as the norm that clip_grad_norm measures, are those of the recording: go by them
/// between replays. Throws for what cannot be repeated: reading values (item,
/// to_vector, data, and operations whose shapes follow from values, such as nonzero), hooks,
/// anomaly mode, tensors that are made of numbers of the host, decompositions, gradients that are
/// summed over calls, a second gradient of a parameter after a step or clipping has used the first,
/// tensors that f keeps, seeding a generator, schedulers, rates that the step itself sets, and
/// LBFGS.
CapturedStep capture(Function f, const std::vector<Tensor>& example);

}  // namespace gradus
