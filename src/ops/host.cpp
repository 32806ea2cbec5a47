#include "ops/host.hpp"

#include "autograd/capture.hpp"
#include "kernels/move/copy.hpp"

namespace gradus::detail {

bool will_repeat() { return is_capturing(); }
void repeat(const std::function<void()>& work) { replayable(work); }
void refuse_repetition(const char* operation, const char* reason) {
  refuse_capture(operation, reason);
}
void before_host_change(const void* owner,
                        const std::function<std::function<void()>()>& make_undo) {
  before_change(owner, make_undo);
}

const void* memory_of(const Tensor& x) {
  switch (x.dtype()) {
    case DType::boolean:
      return x.data<bool>();
    case DType::int64:
      return x.data<std::int64_t>();
    case DType::float32:
      return x.data<float>();
    case DType::float64:
      break;
  }
  return x.data<double>();
}

Tensor rows_at(const Tensor& x, const Index* rows, Index count) {
  Shape shape = x.shape();
  const Index length = shape[0];
  const Index inner = length ? x.numel() / length : 0;
  shape[0] = count;
  Tensor out = empty_leaf(shape, x.dtype());
  if (out.numel())
    kernels::run(
        kernels::IndexSelect{x.dtype(), data(x), rows, count, data(out), 1, length, inner});
  return out;
}

}  // namespace gradus::detail
