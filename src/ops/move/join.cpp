#include <algorithm>

#include "base/messages.hpp"
#include "gradus/ops/shape.hpp"
#include "kernels/move/copy.hpp"
#include "ops/common.hpp"

namespace gradus {

using detail::data;

namespace {

void require_some(const std::vector<Tensor>& tensors, const char* operation) {
  if (tensors.empty()) fail(operation, "no tensor was given; at least one is required");
}

/// The shape of the tensors joined along `axis`; throws if they do not fit.
Shape joined_shape(const std::vector<Tensor>& tensors, int axis) {
  Shape to = tensors[0].shape();
  for (std::size_t i = 1; i < tensors.size(); ++i) {
    Shape other = tensors[i].shape();
    const Index length = other.size() == to.size() ? other[axis] : 0;
    if (other.size() == to.size()) other[axis] = to[axis];
    if (!(other == to))
      fail("concat", "shapes ", tensors[0].shape(), " and, as number ", i, ", ", tensors[i].shape(),
           " were given; except along axis ", axis, " they must be equal; reshape or slice");
    to[axis] += length;
  }
  return to;
}

}  // namespace

Tensor concat(const std::vector<Tensor>& tensors, Index axis) {
  require_some(tensors, "concat");
  if (tensors[0].dim() == 0) fail("concat", "scalars have no axis to be joined along; use stack");
  const int a = normalize_axis(axis, tensors[0].dim(), "concat");
  std::vector<Tensor> parts = detail::in_one_dtype(tensors);
  const Shape shape = joined_shape(parts, a);
  const DType dtype = parts[0].dtype();
  Tensor out = detail::empty(shape, dtype);
  const detail::Lengths to = detail::split(shape, a);
  kernels::Out place = data(out);
  for (const Tensor& part : parts) {
    // Per outer position, one contiguous run of each part.
    const Index run = part.size(a) * to.inner;
    const Index dims[] = {to.outer, run}, strides[] = {to.axis * to.inner, 1};
    if (part.numel())
      kernels::run_strided<kernels::CopyInto>(dtype, data(part), place, 2, dims, strides);
    place = place.plus(run, dtype);
  }
  return record("concat", std::move(out), parts, [a](const Vjp& k) {
    std::vector<Tensor> grads(static_cast<std::size_t>(k.arity()));
    Index start = 0;
    for (int i = 0; i < k.arity(); ++i) {
      const Index end = start + k.in(i).size(a);
      if (k.wants(i)) grads[static_cast<std::size_t>(i)] = slice(k.grad, a, start, end);
      start = end;
    }
    return grads;
  });
}

Tensor stack(const std::vector<Tensor>& tensors, Index axis) {
  require_some(tensors, "stack");
  const Shape shape = tensors[0].shape();
  const int a = normalize_axis(axis, shape.size() + 1, "stack");
  std::vector<Tensor> parts;
  parts.reserve(tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (!(tensors[i].shape() == shape))
      fail("stack", "shapes ", shape, " and, as number ", i, ", ", tensors[i].shape(),
           " were given; they must be equal; use concat for different lengths");
    parts.push_back(unsqueeze(tensors[i], a));
  }
  return concat(parts, a);
}

namespace {

int axis_to_cut(const Tensor& x, Index axis, const char* operation) {
  if (x.dim() == 0) fail(operation, "a scalar has no axis to cut; reshape it to (1,) first");
  return normalize_axis(axis, x.dim(), operation);
}

std::vector<Tensor> pieces(const Tensor& x, Index size, int axis) {
  std::vector<Tensor> out;
  const Index length = x.size(axis);
  Index start = 0;
  do {
    out.push_back(slice(x, axis, start, std::min(start + size, length)));
    start += size;
  } while (start < length);
  return out;
}

}  // namespace

std::vector<Tensor> split(const Tensor& x, Index size, Index axis) {
  const int a = axis_to_cut(x, axis, "split");
  if (size < 1) fail("split", "pieces of length ", size, " were asked for; 1 or more is required");
  return pieces(x, size, a);
}

std::vector<Tensor> split(const Tensor& x, const std::vector<Index>& sizes, Index axis) {
  const int a = axis_to_cut(x, axis, "split");
  const Index length = x.size(a);
  Index left = length;
  for (const Index size : sizes) left = size < 0 || size > left ? -1 : left - size;
  if (left != 0)
    fail("split", "pieces whose lengths do not add up were given for axis ", a, " of length ",
         length, "; lengths of 0 or more with this sum are required");
  std::vector<Tensor> out;
  Index start = 0;
  for (const Index size : sizes) {
    out.push_back(slice(x, a, start, start + size));
    start += size;
  }
  return out;
}

std::vector<Tensor> chunk(const Tensor& x, Index chunks, Index axis) {
  const int a = axis_to_cut(x, axis, "chunk");
  if (chunks < 1) fail("chunk", chunks, " pieces were asked for; 1 or more is required");
  return pieces(x, std::max<Index>(1, (x.size(a) + chunks - 1) / chunks), a);
}

std::vector<Tensor> unbind(const Tensor& x, Index axis) {
  const int a = axis_to_cut(x, axis, "unbind");
  std::vector<Tensor> out;
  for (Index i = 0; i < x.size(a); ++i) out.push_back(select(x, a, i));
  return out;
}

std::vector<Tensor> meshgrid(const std::vector<Tensor>& tensors, const std::string& indexing) {
  require_some(tensors, "meshgrid");
  if (indexing != "ij" && indexing != "xy")
    fail("meshgrid", "indexing \"", indexing, "\" was given; \"ij\" or \"xy\" is required");
  Shape grid;
  for (const Tensor& t : tensors) {
    if (t.dim() > 1)
      fail("meshgrid", "a tensor of shape ", t.shape(),
           " was given; vectors or scalars are required; flatten it");
    grid.push_back(t.numel());
  }
  std::vector<Tensor> out;
  for (int i = 0; i < grid.size(); ++i) {
    Shape own = grid;
    for (int j = 0; j < grid.size(); ++j) own[j] = j == i ? grid[i] : 1;
    const Tensor full = expand(reshape(tensors[static_cast<std::size_t>(i)], own), grid);
    out.push_back(indexing == "xy" && grid.size() > 1 ? transpose(full, 0, 1) : full);
  }
  return out;
}

}  // namespace gradus
