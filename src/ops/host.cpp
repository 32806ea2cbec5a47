#include "ops/host.hpp"

#include "autograd/node.hpp"
#include "kernels/move/copy.hpp"

namespace gradus::detail {

void execute(const HostWork& call) { (*call.work)(); }

void repeat(const std::function<void()>& work, const Touches& touches) {
  kernels::Description d;
  for (const Tensor& t : touches.reads) d.reads("read", data(t), t.dtype(), t.numel());
  for (const Tensor& t : touches.updates) {
    d.type = t.dtype();
    d.updates("updated", data(t), t.numel());
  }
  const PauseArena aside;
  kernels::run(HostWork{&work, &d});
}

const void* host_values(const Tensor& x) {
  const Node* n = node(x);
  host_reads(x, "data");
  return n->data;
}

Tensor rows_at(const Tensor& x, const Index* rows, Index count) {
  Shape shape = x.shape();
  const Index length = shape[0];
  const Index inner = length ? x.numel() / length : 0;
  shape[0] = count;
  Tensor out = empty_leaf(shape, x.dtype());
  if (out.numel())
    kernels::run(
        kernels::IndexSelect{x.dtype(), data(x), rows, count, data(out), {1, length, inner}});
  return out;
}

}  // namespace gradus::detail
