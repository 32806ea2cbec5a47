#include <cmath>
#include <numeric>

#include "gradus/ops.hpp"
#include "gradus/ops/sort.hpp"
#include "ops/products/lines.hpp"
#include "support/catch.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

const std::pair<Shape, Index> lines[] = {{{1}, 0},    {{9}, -1},      {{3, 4}, 0},   {{3, 4}, 1},
                                         {{0, 3}, 1}, {{2, 5, 3}, 1}, {{2, 5, 3}, 2}};

int axis_of(const Shape& shape, Index axis) {
  return static_cast<int>(axis < 0 ? axis + shape.size() : axis);
}

Line sorted(Line line, bool descending) {
  std::sort(line.begin(), line.end());
  if (descending) std::reverse(line.begin(), line.end());
  return line;
}

Line order(const Line& line, bool descending) {
  std::vector<std::size_t> at(line.size());
  std::iota(at.begin(), at.end(), 0);
  std::stable_sort(at.begin(), at.end(), [&](std::size_t a, std::size_t b) {
    return descending ? line[a] > line[b] : line[a] < line[b];
  });
  return Line(at.begin(), at.end());
}

}  // namespace

TEST_CASE("sorting agrees with the standard library", "[ops]") {
  for (const auto& [shape, axis] : lines)
    for (const bool descending : {false, true}) {
      const int a = axis_of(shape, axis);
      row({.name = "sort",
           .f = [&, i = axis](
                    const Tensors& x) { return sort(x[0], i, {.descending = descending}).values; },
           .cases = {{{.shape = shape, .distinct = true}}},
           .reference =
               [&, n = shape[a]](const Arrays& x) {
                 return map_lines(x[0], a, n, [&](const Line& l) { return sorted(l, descending); });
               }});
      for (const DType dtype : {float64, int64, boolean})
        row({.name = "argsort",
             .f = [&, i = axis](
                      const Tensors& x) { return argsort(x[0], i, {.descending = descending}); },
             .cases = {{{.shape = shape, .low = -2, .high = 3, .dtype = dtype}}},
             .reference =
                 [&, n = shape[a]](const Arrays& x) {
                   return map_lines(x[0], a, n,
                                    [&](const Line& l) { return order(l, descending); });
                 },
             .differentiable = false,
             .result = int64});
      for (const Index k : {Index{0}, Index{1}, shape[a] / 2 + 1, shape[a]}) {
        if (k > shape[a]) continue;
        row({.name = "topk",
             .f =
                 [&, i = axis](const Tensors& x) {
                   return topk(x[0], k, i, {.largest = descending}).values;
                 },
             .cases = {{{.shape = shape, .distinct = true}}},
             .reference =
                 [&](const Arrays& x) {
                   return map_lines(x[0], a, k,
                                    [&](const Line& l) { return sorted(l, descending); });
                 }});
      }
    }
}

TEST_CASE("values of one rank agree with sorting", "[ops]") {
  for (const auto& [shape, axis] : lines)
    for (const bool keepdim : {false, true}) {
      const Index n = shape[axis_of(shape, axis)];
      for (const Index k : {Index{1}, n / 2 + 1, n}) {
        if (k > n) continue;
        row({.name = "kthvalue",
             .f =
                 [&, i = axis](const Tensors& x) {
                   return kthvalue(x[0], k, i, {.keepdim = keepdim}).values;
                 },
             .cases = {{{.shape = shape, .distinct = true}}},
             .reference =
                 [&, i = axis](const Arrays& x) {
                   return reduce_lines(x[0], i, keepdim, [&](const Line& l) {
                     return sorted(l, false)[static_cast<std::size_t>(k - 1)];
                   });
                 }});
      }
      row({.name = "median along an axis",
           .f = [&, i = axis](
                    const Tensors& x) { return median(x[0], i, {.keepdim = keepdim}).values; },
           .cases = {{{.shape = shape, .distinct = true}}},
           .reference =
               [&, i = axis](const Arrays& x) {
                 return reduce_lines(x[0], i, keepdim, [](const Line& l) {
                   return sorted(l, false)[(l.size() - 1) / 2];
                 });
               }});
    }
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{4}, Shape{3, 5}})
    row({.name = "median of everything",
         .f = [](const Tensors& x) { return median(x[0]); },
         .cases = {{{.shape = shape, .distinct = true}}},
         .reference =
             [](const Arrays& x) {
               return reduce_lines(x[0], {}, false, [](const Line& l) {
                 return sorted(l, false)[(l.size() - 1) / 2];
               });
             }});
}

TEST_CASE("a scalar is sorted like an axis of length 1", "[ops]") {
  const Tensor x = tensor(3.0);
  CHECK(sort(x).values.shape() == Shape{});
  CHECK(topk(x, 1).indices.item() == 0);
  CHECK(kthvalue(x, 1).values.item() == 3);
  CHECK(median(x, 0).values.shape() == Shape{});
  CHECK(argsort(x).shape() == Shape{});
}

TEST_CASE("indices of sorted values find these values", "[ops]") {
  const Tensor x = tensor({{3, 1, 2, 1}, {5, 9, 9, 0}});
  const auto check = [&](const ValuesIndices& r, Index axis) {
    CHECK(gather(x, axis, r.indices).to_vector<double>() == r.values.to_vector<double>());
  };
  check(sort(x, 1), 1);
  check(sort(x, 0, {.descending = true}), 0);
  check(topk(x, 2, 1), 1);
  check(kthvalue(x, 2, 1, {.keepdim = true}), 1);
  check(median(x, 1, {.keepdim = true}), 1);
  check(max(x, 1, {.keepdim = true}), 1);
  check(min(x, 0, {.keepdim = true}), 0);
  CHECK(sort(x, 1).indices.to_vector<Index>() == std::vector<Index>{1, 3, 2, 0, 3, 0, 1, 2});
  CHECK(topk(x, 2, 1).indices.to_vector<Index>() == std::vector<Index>{0, 2, 1, 2});
}

TEST_CASE("NaN sorts as the largest value and wins in medians", "[ops]") {
  const double nan = std::nan("");
  for (const DType dtype : {float32, float64}) {
    const Tensor x = tensor({2, nan, 1, nan, 3}, dtype);
    CHECK(argsort(x).to_vector<Index>() == std::vector<Index>{2, 0, 4, 1, 3});
    CHECK(argsort(x, 0, {.descending = true}).to_vector<Index>() ==
          std::vector<Index>{1, 3, 4, 0, 2});
    CHECK(topk(x, 2).indices.to_vector<Index>() == std::vector<Index>{1, 3});
    CHECK(kthvalue(x, 3).values.item() == 3);
    CHECK(std::isnan(median(x).item()));
    CHECK(median(x, 0).indices.item() == 1);
  }
}

TEST_CASE("ties share the gradient of the median of everything", "[ops]") {
  Tensor x = tensor({1, 2, 2, 7}).requires_grad_();
  CHECK(grad(median(x), {x})[0].to_vector<double>() == std::vector<double>{0, 0.5, 0.5, 0});
}
