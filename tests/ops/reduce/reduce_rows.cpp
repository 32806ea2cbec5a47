#include "gradus/ops/reduce.hpp"
#include "support/catch.hpp"
#include "support/table/op_table.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

bool is_reduced(int axis, int rank, const Axes& axes) {
  if (axes.empty()) return true;
  for (const Index a : axes)
    if (a == axis || a + rank == axis) return true;
  return false;
}

/// The sum, or the mean, by adding each element to the place its index has without the axes.
Array naive_sum(const Array& x, const Axes& axes, bool keepdim, bool mean) {
  Shape kept, flat;
  for (int i = 0; i < x.shape.size(); ++i) {
    const bool reduced = is_reduced(i, x.shape.size(), axes);
    if (!reduced) flat.push_back(x.shape[i]);
    kept.push_back(reduced ? 1 : x.shape[i]);
  }
  Array out(kept);
  for_each_index(x.shape, [&](const IndexList& index) {
    IndexList at = index;
    for (int i = 0; i < at.size(); ++i)
      if (kept[i] == 1) at[i] = 0;
    out.at(at) += x.at(index);
  });
  if (mean)
    for (long double& v : out.values) v *= static_cast<long double>(out.numel()) / x.numel();
  if (!keepdim) out.shape = flat;
  return out;
}

using OverAxes = std::pair<Shape, Axes>;

const OverAxes sums[] = {{{}, {}},
                         {{}, {0}},
                         {{1}, {}},
                         {{5}, {}},
                         {{5}, {0}},
                         {{37}, {-1}},
                         {{1, 4}, {0}},
                         {{1, 4}, {1}},
                         {{2, 3}, {}},
                         {{2, 3}, {0}},
                         {{2, 3}, {1}},
                         {{2, 3}, {0, 1}},
                         {{2, 3}, {-2}},
                         {{2, 3, 4}, {0}},
                         {{2, 3, 4}, {1}},
                         {{2, 3, 4}, {2}},
                         {{2, 3, 4}, {}},
                         {{2, 3, 4}, {2, 0}},
                         {{2, 3, 4}, {0, 1}},
                         {{2, 1, 3, 2}, {0, 3, 2}},
                         {{19, 3}, {0}},
                         {{2, 2, 1, 3, 2}, {0, 2, 4}}};

}  // namespace

TEST_CASE("sum and mean agree with naive loops", "[ops]") {
  for (const auto& [shape, axes] : sums)
    for (const bool keepdim : {false, true}) {
      row({.name = "sum",
           .f = [&](const std::vector<Tensor>& x) { return sum(x[0], axes, {.keepdim = keepdim}); },
           .cases = {{{.shape = shape}}},
           .reference =
               [&](const std::vector<Array>& x) { return naive_sum(x[0], axes, keepdim, false); }});
      row({.name = "mean",
           .f =
               [&](const std::vector<Tensor>& x) { return mean(x[0], axes, {.keepdim = keepdim}); },
           .cases = {{{.shape = shape}}},
           .reference =
               [&](const std::vector<Array>& x) { return naive_sum(x[0], axes, keepdim, true); }});
    }
}

TEST_CASE("the sum of nothing is 0", "[ops]") {
  const OverAxes empties[] = {{{0}, {}},     {{0, 3}, {0}},   {{0, 3}, {1}},
                              {{3, 0}, {1}}, {{2, 0, 3}, {}}, {{2, 0, 3}, {1, 2}}};
  for (const auto& [shape, axes] : empties)
    for (const bool keepdim : {false, true})
      row({.name = "sum",
           .f = [&](const std::vector<Tensor>& x) { return sum(x[0], axes, {.keepdim = keepdim}); },
           .cases = {{{.shape = shape}}},
           .reference =
               [&](const std::vector<Array>& x) { return naive_sum(x[0], axes, keepdim, false); }});
}

TEST_CASE("masks and integers are summed as int64", "[ops]") {
  for (const DType dtype : {boolean, int64})
    row({.name = "sum",
         .f = [](const std::vector<Tensor>& x) { return sum(x[0], 1); },
         .cases = {{{.shape = {3, 21}, .low = -9, .high = 9, .dtype = dtype}}},
         .reference = [](const std::vector<Array>& x) { return naive_sum(x[0], 1, false, false); },
         .differentiable = false,
         .result = int64});
}
