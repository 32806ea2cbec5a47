#include "gradus/ops/shape.hpp"

#include <algorithm>

#include "base/messages.hpp"
#include "kernels/move/copy.hpp"
#include "ops/common.hpp"

namespace gradus {

using detail::data;

namespace {

using detail::strides_of;

/// x read with strides from element `start` on, written out.
Tensor read_strided(const Tensor& x, const Shape& shape, const Shape& strides, Index start) {
  const DType type = x.dtype();
  Tensor out = detail::as_copied(detail::empty(shape, type));
  if (out.numel())
    kernels::run_strided<kernels::CopyStrided>(type, kernels::In(data(x)).plus(start, type),
                                               data(out), shape.size(), shape.data(),
                                               strides.data());
  return out;
}

}  // namespace

Tensor reshape(const Tensor& x, const Shape& shape) {
  Shape to = shape;
  const Index count = x.numel();
  int unknown = -1;
  Index known = 1;
  bool fits = true;
  for (int i = 0; i < to.size(); ++i) {
    if (to[i] == -1 && unknown < 0)
      unknown = i;
    else if (to[i] < 0)
      fail("reshape", "the shape ", shape, " was given; lengths are 0 or more, and one may be -1");
    else
      fits &= !__builtin_mul_overflow(known, to[i], &known);
  }
  if (unknown >= 0 && known != 0) to[unknown] = count / known;
  if (unknown >= 0 && known == 0)
    fail("reshape", "the shape ", shape, " was given for a tensor of shape ", x.shape(),
         "; beside a length of 0 a length of -1 can be anything; name it");
  if (!fits || numel(to) != count)
    fail("reshape", "a tensor of shape ", x.shape(), " does not fit into ", shape,
         "; both must have ", count, " elements");
  return record("reshape", detail::alias(x, to), {x},
                [from = x.shape()](const Vjp& k) { return reshape(k.grad, from); });
}

Tensor expand(const Tensor& x, const Shape& shape) {
  const Shape from = x.shape();
  Shape to = shape;
  const int extra = to.size() - from.size();
  const auto refuse = [&](const std::string& why) {
    fail("expand", "a tensor of shape ", from, " cannot be expanded to ", shape, "; ", why);
  };
  if (extra < 0) refuse("these are fewer axes; reshape or sum it");
  for (int i = 0; i < to.size(); ++i) {
    const Index have = i >= extra ? from[i - extra] : 1;
    if (to[i] == -1 && i < extra)
      refuse("axis " + text_of(i) + " is new and has no length to keep; name it");
    if (to[i] == -1) to[i] = have;
    if (to[i] < 0) refuse("lengths are 0 or more, or -1 to keep one");
    if (have != to[i] && have != 1)
      refuse("aligned at the right, only axes of length 1 can be repeated, and axis " +
             text_of(i - extra) + " has length " + text_of(have));
  }
  if (to == from) return x;
  const Shape full = strides_of(from);
  Shape strides = to;
  for (int i = 0; i < to.size(); ++i)
    strides[i] = i >= extra && from[i - extra] == to[i] ? full[i - extra] : 0;
  return record("expand", read_strided(x, to, strides, 0), {x},
                [](const Vjp& k) { return k.grad; });
}

Tensor permute(const Tensor& x, const Axes& axes) {
  const Shape from = x.shape();
  if (axes.size() != from.size())
    fail("permute", "axes ", axes, " were given for a tensor of shape ", from,
         "; each axis must be named exactly once");
  normalize_axes(axes, from.size(), "permute");
  const Shape full = strides_of(from);
  Axes inverse = axes;
  Shape to, strides;
  for (int i = 0; i < axes.size(); ++i) {
    const int axis = normalize_axis(axes[i], from.size(), "permute");
    to.push_back(from[axis]);
    strides.push_back(full[axis]);
    inverse[axis] = i;
  }
  return record("permute", read_strided(x, to, strides, 0), {x},
                [inverse](const Vjp& k) { return permute(k.grad, inverse); });
}

Tensor movedim(const Tensor& x, const Axes& source, const Axes& destination) {
  const int rank = x.dim();
  if (source.size() != destination.size())
    fail("movedim", "axes ", source, " and places ", destination,
         " were given; their numbers must be equal");
  if (source.empty() || rank == 0) return x;
  normalize_axes(source, rank, "movedim");
  normalize_axes(destination, rank, "movedim");
  Axes order;
  bool moved[max_rank] = {}, taken[max_rank] = {};
  for (int i = 0; i < rank; ++i) order.push_back(0);
  for (int i = 0; i < source.size(); ++i) {
    const int from = normalize_axis(source[i], rank, "movedim");
    const int to = normalize_axis(destination[i], rank, "movedim");
    order[to] = from;
    moved[from] = taken[to] = true;
  }
  for (int to = 0, from = 0; to < rank; ++to) {
    if (taken[to]) continue;
    while (moved[from]) ++from;
    order[to] = from++;
  }
  return permute(x, order);
}

Tensor transpose(const Tensor& x, Index axis0, Index axis1) {
  const int rank = x.dim();
  if (rank < 2 && axis0 == -2 && axis1 == -1)
    fail("transpose", "a tensor of shape ", x.shape(),
         " was given; at least two axes are required; reshape it to a row or a column");
  Axes order;
  for (int i = 0; i < rank; ++i) order.push_back(i);
  const int i = normalize_axis(axis0, rank, "transpose"),
            j = normalize_axis(axis1, rank, "transpose");
  if (rank == 0) return x;
  order[i] = j;
  order[j] = i;
  return permute(x, order);
}

namespace {

/// Where a slice lies in its tensor.
struct Places {
  Shape shape;
  int axis;
  Index start, step;
};

/// Writes or adds g at the places of a slice of `to`.
template <class Call>
void at_places(const Tensor& g, const Tensor& to, const Places& p) {
  if (g.numel() == 0) return;
  Shape strides = strides_of(p.shape);
  const kernels::Out first = kernels::Out(data(to)).plus(p.start * strides[p.axis], g.dtype());
  strides[p.axis] *= p.step;
  kernels::run_strided<Call>(g.dtype(), data(g), first, p.shape.size(), g.shape().data(),
                             strides.data());
}

/// Zeros with g at the places of a slice.
Tensor unslice(const Tensor& g, const Places& p) {
  Tensor out = zeros(p.shape, g.dtype());
  at_places<kernels::CopyInto>(g, out, p);
  return record("unslice", std::move(out), {g}, [p, count = g.shape()[p.axis]](const Vjp& k) {
    const Index last = p.start + count * p.step;
    return slice(k.grad, p.axis, p.start, last < 0 ? -p.shape[p.axis] - 1 : last, p.step);
  });
}

}  // namespace

Tensor slice(const Tensor& x, Index axis, Index start, Index end, Index step) {
  const Shape from = x.shape();
  const int a = normalize_axis(axis, from.size(), "slice");
  if (from.empty()) fail("slice", "a scalar has no axis to slice; reshape it to (1,) first");
  if (step == 0) fail("slice", "the step 0 was given; any other step is allowed");
  const Index length = from[a];
  step = std::clamp(step, -std::max<Index>(length, 1), std::max<Index>(length, 1));  // no overflow
  const Index low = step > 0 ? 0 : -1, high = step > 0 ? length : length - 1;
  const auto place = [&](Index i) { return std::clamp(i < 0 ? i + length : i, low, high); };
  const Index first = place(start), last = place(end);
  const Index span = step > 0 ? last - first : first - last;
  Shape to = from;
  to[a] = std::max<Index>(0, (span + std::abs(step) - 1) / std::abs(step));
  Shape strides = strides_of(from);
  const Index offset = first * strides[a];
  strides[a] *= step;
  const Places places{from, a, first, step};
  return record("slice", read_strided(x, to, strides, offset), {x}, [places](const Vjp& k) {
    if (Tensor total = detail::accumulator(k, 0); total.defined()) {
      // Straight into the sum that is already there: many slices of one tensor stay cheap.
      at_places<kernels::AddInto>(k.grad, total, places);
      return Tensor();
    }
    return unslice(k.grad, places);
  });
}

Tensor select(const Tensor& x, Index axis, Index index) {
  const Shape from = x.shape();
  if (from.empty()) fail("select", "a scalar has no axis to index; use item()");
  const int a = normalize_axis(axis, from.size(), "select");
  const Index length = from[a];
  if (index < -length || index >= length)
    fail("select", "index ", index, " was given for axis ", a, " of length ", length,
         " of a tensor of shape ", from,
         (length ? "; " + text_of(-length) + " to " + text_of(length - 1) + " are allowed"
                 : "; the axis is empty; check how the tensor was made"));
  const Index at = index < 0 ? index + length : index;
  Shape to = from;
  to.erase(a);
  return reshape(slice(x, a, at, at + 1), to);
}

Tensor flatten(const Tensor& x, Index start, Index end) {
  const Shape from = x.shape();
  const int first = normalize_axis(start, from.size(), "flatten");
  const int last = normalize_axis(end, from.size(), "flatten");
  if (first > last)
    fail("flatten", "axes ", start, " to ", end, " were given for a tensor of shape ", from,
         "; the first must not lie behind the last");
  if (from.empty()) return reshape(x, {1});
  Shape to;
  Index joined = 1;
  for (int i = 0; i < from.size(); ++i) {
    if (i >= first && i <= last) joined *= from[i];
    if (i < first || i > last) to.push_back(from[i]);
    if (i == last) to.push_back(joined);
  }
  return reshape(x, to);
}

Tensor unflatten(const Tensor& x, Index axis, const Shape& lengths) {
  const Shape from = x.shape();
  if (from.empty()) fail("unflatten", "a scalar has no axis to split; reshape it");
  const int a = normalize_axis(axis, from.size(), "unflatten");
  Shape inner = lengths;
  Index known = 1;
  int unknown = -1;
  for (int i = 0; i < lengths.size(); ++i) {
    if (lengths[i] == -1 && unknown < 0)
      unknown = i;
    else
      known *= lengths[i];
  }
  if (unknown >= 0 && known > 0) inner[unknown] = from[a] / known;
  if (inner.empty() || known < 0 || (unknown >= 0 && known == 0) || numel(inner) != from[a])
    fail("unflatten", "axis ", a, " of length ", from[a], " of a tensor of shape ", from,
         " cannot become ", lengths,
         "; the product of the lengths, of which one may be -1, must be ", from[a]);
  Shape to = from;
  to.erase(a);
  for (int i = 0; i < inner.size(); ++i) to.insert(a + i, inner[i]);
  return reshape(x, to);
}

Tensor unsqueeze(const Tensor& x, Index axis) {
  Shape to = x.shape();
  const int at = normalize_axis(axis, to.size() + 1, "unsqueeze");
  to.insert(at, 1);
  return reshape(x, to);
}

Tensor squeeze(const Tensor& x, const Axes& axes) {
  const Shape from = x.shape();
  if (axes.empty()) return x;
  const Axes drop = normalize_axes(axes, from.size(), "squeeze");
  Shape to = from;
  for (int i = drop.size() - 1; i >= 0; --i)
    if (const int axis = static_cast<int>(drop[i]); from[axis] == 1) to.erase(axis);
  return reshape(x, to);
}

Tensor Tensor::reshape(const Shape& shape) const { return gradus::reshape(*this, shape); }
Tensor Tensor::operator[](Index index) const { return select(*this, 0, index); }

}  // namespace gradus
