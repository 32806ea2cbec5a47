#pragma once

#include <functional>
#include <memory>

#include "gradus/tensor.hpp"

// For the layers above, which compute on the host beside the operations: updates of parameters,
// averages of them, batches.
namespace gradus::detail {

/// True if what this thread does will be done again: work on the host then goes through repeated().
bool will_repeat();
void repeat(const std::function<void()>& work);
/// The result of work(), which is called now and in every repetition.
template <class F>
auto repeated(const F& work) {
  using Result = decltype(work());
  if constexpr (std::is_void_v<Result>) {
    repeat(work);
  } else {
    const auto result = std::make_shared<Result>();
    repeat([work, result] { *result = work(); });
    return *result;
  }
}
/// Throws if what this thread does will be done again: `operation` cannot be, because of `reason`.
void refuse_repetition(const char* operation, const char* reason);

/// Something is about to change that no tensor shows; `make_undo` returns what puts it back.
void before_host_change(const void* owner, const std::function<std::function<void()>()>& make_undo);

/// The values of a tensor of any dtype.
const void* memory_of(const Tensor& x);
/// x[rows[0]], x[rows[1]], … in memory of its own, for places that are known to be right.
Tensor rows_at(const Tensor& x, const Index* rows, Index count);

}  // namespace gradus::detail
