#include <algorithm>
#include <cstring>

#include "base/messages.hpp"
#include "gradus/ops/index.hpp"
#include "ops/move/indexing.hpp"

namespace gradus {

using detail::data;
using detail::indices_of;

namespace {

/// A vector of int64.
Tensor index_vector(const std::vector<Index>& places) { return from_vector(places); }

}  // namespace

Tensor take_along_dim(const Tensor& x, const Tensor& index, Index axis) {
  detail::require_axis(x, "take_along_dim");
  const int a = normalize_axis(axis, x.dim(), "take_along_dim");
  Shape from = x.shape(), to = index.shape();
  if (from.size() != to.size())
    fail("take_along_dim", "an index of shape ", to, " was given for a tensor of shape ", from,
         "; the same number of axes is required; unsqueeze the index");
  detail::check_indices(index, from[a], a, true, "take_along_dim");
  const Index length = from[a], count = to[a];
  from[a] = to[a] = 1;
  Shape shape = broadcast_shapes(from, to, "take_along_dim");
  shape[a] = count;
  const Tensor places = expand(where(index < 0, index + static_cast<double>(length), index), shape);
  shape[a] = length;
  return detail::gather_along(expand(x, shape), a, places);
}

Tensor index_add(const Tensor& x, Index axis, const Tensor& index, const Tensor& source) {
  detail::require_axis(x, "index_add");
  const int a = normalize_axis(axis, x.dim(), "index_add");
  Shape shape = x.shape();
  const Index length = shape[a];
  shape[a] = index.numel();
  if (index.dim() > 1 || !(source.shape() == shape))
    fail("index_add", "an index of shape ", index.shape(), " and a source of shape ",
         source.shape(), " were given for a tensor of shape ", x.shape(),
         "; a vector and a source of shape ", shape, " are required");
  detail::check_indices(index, length, a, false, "index_add");
  return x + detail::add_along(detail::to_arithmetic(source), a, index, length);
}

Tensor scatter_add(const Tensor& x, Index axis, const Tensor& index, const Tensor& source) {
  detail::require_axis(x, "scatter_add");
  const int a = normalize_axis(axis, x.dim(), "scatter_add");
  const Shape from = source.shape(), at = index.shape(), to = x.shape();
  bool fits = from.size() == at.size() && to.size() == at.size();
  for (int i = 0; fits && i < to.size(); ++i) fits = at[i] <= from[i] && (i == a || at[i] <= to[i]);
  if (!fits)
    fail("scatter_add", "an index of shape ", at, " and a source of shape ", from,
         " were given for a tensor of shape ", to,
         "; the same number of axes, and an index not longer than the source nor, except axis ", a,
         ", than the tensor, are required");
  detail::check_indices(index, to[a], a, false, "scatter_add");
  Tensor part = detail::to_arithmetic(source);
  std::vector<Index> missing;
  for (int i = to.size() - 1; i >= 0; --i) {
    if (at[i] < from[i]) part = slice(part, i, 0, at[i]);
    missing.push_back(0);
    missing.push_back(i == a ? 0 : to[i] - at[i]);
  }
  return x + pad(detail::scatter_along(part, a, index, to[a]), missing);
}

namespace {

/// The rows that the indices of the leading axes name, with all indices broadcast to `shape`.
std::vector<Index> rows_of(const Tensor& x, const std::vector<Tensor>& indices, Shape& shape) {
  if (indices.empty() || static_cast<int>(indices.size()) > x.dim())
    fail("index_put", indices.size(), " indices were given for a tensor of shape ", x.shape(),
         "; 1 up to the number of axes are required");
  shape = indices[0].shape();
  for (std::size_t i = 0; i < indices.size(); ++i) {
    detail::host_reads(indices[i], "index_put");
    detail::check_indices(indices[i], x.size(static_cast<Index>(i)), static_cast<int>(i), true,
                          "index_put");
    shape = broadcast_shapes(shape, indices[i].shape(), "index_put");
  }
  std::vector<Index> rows(static_cast<std::size_t>(numel(shape)), 0);
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const Index length = x.size(static_cast<Index>(i));
    const Tensor places = expand(indices[i], shape);
    const Index* at = indices_of(places);
    for (std::size_t j = 0; j < rows.size(); ++j)
      rows[j] = rows[j] * length + at[j] + (at[j] < 0 ? length : 0);
  }
  return rows;
}

/// Of several places that are equal, the last.
std::vector<Index> last_of_each(const std::vector<Index>& rows, Index count) {
  std::vector<Index> last(static_cast<std::size_t>(count), -1), out;
  for (std::size_t i = 0; i < rows.size(); ++i)
    last[static_cast<std::size_t>(rows[i])] = static_cast<Index>(i);
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (last[static_cast<std::size_t>(rows[i])] == static_cast<Index>(i))
      out.push_back(static_cast<Index>(i));
  return out;
}

/// x (N, M) with the rows of values (K, M) at K different places.
Tensor put_rows(const Tensor& x, const Tensor& rows, const Tensor& values) {
  Tensor out = detail::empty_like(x);
  const auto bytes = size_of(x.dtype()), row = static_cast<std::size_t>(x.size(1)) * bytes;
  if (x.numel()) std::memcpy(data(out), data(x), static_cast<std::size_t>(x.numel()) * bytes);
  const Index* at = indices_of(rows);
  for (Index i = 0; row > 0 && i < rows.numel(); ++i)
    std::memcpy(static_cast<char*>(data(out)) + static_cast<std::size_t>(at[i]) * row,
                static_cast<const char*>(data(values)) + static_cast<std::size_t>(i) * row, row);
  return record("index_put", std::move(out), {x, rows, values}, [](const Vjp& k) -> Grads<3> {
    const Tensor& places = k.in(1);
    return {k.wants(0) ? put_rows(k.grad, places, zeros_like(k.in(2))) : Tensor(), Tensor(),
            k.wants(2) ? detail::select_along(k.grad, 0, places) : Tensor()};
  });
}

}  // namespace

Tensor index_put(const Tensor& x, const std::vector<Tensor>& indices, const Tensor& values,
                 IndexPutOptions options) {
  Shape shape;
  const std::vector<Index> rows = rows_of(x, indices, shape);
  const DType dtype = detail::promote(x, values);
  Index height = 1, width = 1;
  for (int i = 0; i < x.dim(); ++i) {
    const bool named = i < static_cast<int>(indices.size());
    (named ? height : width) *= x.size(i);
    if (!named) shape.push_back(x.size(i));
  }
  const auto count = static_cast<Index>(rows.size());
  const Tensor table = reshape(x.to(dtype), {height, width});
  const Tensor block = reshape(expand(values.to(dtype), shape), {count, width});
  if (options.accumulate) return reshape(index_add(table, 0, index_vector(rows), block), x.shape());
  const std::vector<Index> kept = last_of_each(rows, height);
  std::vector<Index> places;
  for (const Index i : kept) places.push_back(rows[static_cast<std::size_t>(i)]);
  const Tensor written =
      kept.size() == rows.size() ? block : detail::select_along(block, 0, index_vector(kept));
  return reshape(put_rows(table, index_vector(places), written), x.shape());
}

Tensor masked_select(const Tensor& x, const Tensor& mask) {
  detail::require_dtype(mask, boolean, "masked_select", "a mask");
  const Shape shape = broadcast_shapes(x.shape(), mask.shape(), "masked_select");
  detail::host_reads(mask, "masked_select");
  const Tensor chosen = expand(mask, shape);
  const bool* flags = chosen.data<bool>();
  std::vector<Index> places;
  for (Index i = 0; i < chosen.numel(); ++i)
    if (flags[i]) places.push_back(i);
  return detail::select_along(reshape(expand(x, shape), {-1}), 0, index_vector(places));
}

Tensor nonzero(const Tensor& x) {
  const NoGrad guard;
  detail::host_reads(x, "nonzero");
  const Tensor truth = x.to(boolean);
  const bool* flags = truth.data<bool>();
  const Shape shape = x.shape();
  std::vector<Index> places;
  Index count = 0;
  for (Index n = 0; n < truth.numel(); ++n) {
    if (!flags[n]) continue;
    ++count;
    places.resize(places.size() + static_cast<std::size_t>(shape.size()));
    Index rest = n;
    for (int i = shape.size() - 1; i >= 0; --i) {
      places[places.size() - static_cast<std::size_t>(shape.size() - i)] = rest % shape[i];
      rest /= shape[i];
    }
  }
  return from_vector(places, {count, shape.size()});
}

}  // namespace gradus
