#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "autograd/events.hpp"

// The door for the layers above, which compute on the host beside the operations (updates of
// parameters, averages of them, batches): what they tell of it, and rows of a tensor.
namespace gradus::detail {

/// Work of the host among the calls of kernels, the only call that holds a closure.
struct HostWork {
  static constexpr const char* name = "host";
  const std::function<void()>* work;
  const kernels::Description* touches;
  void describe(kernels::Description& d) const { d = *touches; }
};
void execute(const HostWork& call);

/// True while an observer hears the calls of kernels, to make them again: work on the host then
/// goes through repeated().
inline bool will_repeat() { return kernels::listener && mode.observer; }

/// The values that work on the host touches.
struct Touches {
  std::vector<Tensor> reads = {}, updates = {};
};
void repeat(const std::function<void()>& work, const Touches& touches);
/// The result of work(), which is called now and in every replay.
template <class F>
auto repeated(const F& work, const Touches& touches) {
  using Result = decltype(work());
  if constexpr (std::is_void_v<Result>) {
    repeat(work, touches);
  } else {
    const auto result = std::make_shared<Result>();
    repeat([work, result] { *result = work(); }, touches);
    return *result;
  }
}

/// What data<T>() gives, of a tensor of any dtype.
const void* host_values(const Tensor& x);
/// x[rows[0]], x[rows[1]], … in memory of its own, for places that are known to be right.
Tensor rows_at(const Tensor& x, const Index* rows, Index count);

}  // namespace gradus::detail
