#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <vector>

#include "support/table/op_table.hpp"

// Naive references for operations along axes and for rearrangements.
namespace gradus::test {

using Tensors = std::vector<Tensor>;
using Arrays = std::vector<Array>;
using Line = std::vector<long double>;

/// The values at each position of the axes that stay, each in row-major order.
inline Array reduce_lines(const Array& x, const Axes& axes, bool keepdim,
                          const std::function<long double(const Line&)>& f) {
  const int rank = x.shape.size();
  Shape kept, flat;
  for (int i = 0; i < rank; ++i) {
    const bool reduced = axes.empty() || std::any_of(axes.begin(), axes.end(), [&](Index a) {
                           return a == i || a + rank == i;
                         });
    kept.push_back(reduced ? 1 : x.shape[i]);
    if (!reduced) flat.push_back(x.shape[i]);
  }
  Array out(kept);
  std::vector<Line> lines(out.values.size());
  for_each_index(x.shape, [&](const IndexList& index) {
    IndexList at = index;
    for (int i = 0; i < rank; ++i)
      if (kept[i] == 1) at[i] = 0;
    lines[out.offset(at)].push_back(x.at(index));
  });
  for (std::size_t i = 0; i < lines.size(); ++i) out.values[i] = f(lines[i]);
  if (!keepdim) out.shape = flat;
  return out;
}

/// f(line) for each line along one axis, with `count` results each.
inline Array map_lines(const Array& x, int axis, Index count,
                       const std::function<Line(const Line&)>& f) {
  Shape shape = x.shape, starts = x.shape;
  shape[axis] = count;
  starts[axis] = 1;
  Array out(shape);
  for_each_index(starts, [&](const IndexList& start) {
    Line line;
    IndexList at = start;
    for (at[axis] = 0; at[axis] < x.shape[axis]; ++at[axis]) line.push_back(x.at(at));
    const Line result = f(line);
    for (at[axis] = 0; at[axis] < count; ++at[axis])
      out.at(at) = result[static_cast<std::size_t>(at[axis])];
  });
  return out;
}

/// An array of shape `to` whose values come from the places of x that `source` names, or are
/// `fill`.
inline Array rearrange(const Array& x, const Shape& to,
                       const std::function<std::optional<IndexList>(const IndexList&)>& source,
                       long double fill = 0) {
  Array out(to);
  for_each_index(to, [&](const IndexList& index) {
    const auto from = source(index);
    out.at(index) = from ? x.at(*from) : fill;
  });
  return out;
}

/// The text of the Error that f() throws; "" if it throws none.
template <class F>
std::string error_of(F f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace gradus::test
