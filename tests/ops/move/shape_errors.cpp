#include <limits>

#include "gradus/ops.hpp"
#include "ops/products/lines.hpp"
#include "support/catch.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

/// The error of f() begins with [operation] and holds `text`.
template <class F>
void refused(const std::string& operation, const std::string& text, F f) {
  const std::string error = error_of(f);
  INFO(error);
  CHECK(error.find("[" + operation + "] ") == 0);
  CHECK(error.find(text) != std::string::npos);
}

Tensor places(const Values& values) { return tensor(values, int64); }

Tensor scalar() { return tensor(1.0); }
Tensor table() { return zeros({2, 3}); }

}  // namespace

TEST_CASE("reductions refuse what has no value", "[ops]") {
  const Tensor empty = zeros({0, 3}), whole = zeros({2}, int64);
  refused("amax", "(0, 3)", [&] { amax(empty); });
  refused("amin", "axis 0 is empty", [&] { amin(empty, 0); });
  refused("max", "(0, 3)", [&] { max(empty); });
  refused("max", "axis 0 is empty", [&] { max(empty, 0); });
  refused("min", "axis 0 is empty", [&] { min(empty, -2); });
  refused("argmax", "(0, 3)", [&] { argmax(empty); });
  refused("argmin", "axis 0 is empty", [&] { argmin(empty, 0); });
  refused("median", "(0, 3)", [&] { median(empty); });
  refused("median", "axis 0 is empty", [&] { median(empty, 0); });
  refused("norm", "(0, 3)", [&] { norm(empty, std::numeric_limits<double>::infinity()); });
  refused("norm", "p = NaN", [&] { norm(table(), std::numeric_limits<double>::quiet_NaN()); });
  refused("norm", "int64", [&] { norm(whole); });
  refused("mean", "int64", [&] { mean(whole); });
  refused("var", "int64", [&] { var(whole); });
  refused("stddev", "int64", [&] { stddev(whole); });
  refused("prod", "axis 5", [&] { prod(table(), 5); });
  refused("any", "axis -3", [&] { any(table(), -3); });
  refused("count_nonzero", "twice", [&] { count_nonzero(table(), {0, -2}); });
  refused("argmax", "axis 1", [&] { argmax(scalar(), 1); });
  refused("max", "axis 1", [&] { max(scalar(), 1); });
  refused("logsumexp", "axis 2", [&] { logsumexp(table(), 2); });
}

TEST_CASE("scans and sorts refuse axes and counts that do not exist", "[ops]") {
  refused("cumsum", "axis 2", [&] { cumsum(table(), 2); });
  refused("cumprod", "axis -3", [&] { cumprod(table(), -3); });
  refused("logcumsumexp", "axis 1", [&] { logcumsumexp(scalar(), 1); });
  refused("sort", "axis 2", [&] { sort(table(), 2); });
  refused("topk", "k = 4", [&] { topk(table(), 4); });
  refused("topk", "k = -1", [&] { topk(table(), -1); });
  refused("kthvalue", "k = 0", [&] { kthvalue(table(), 0); });
  refused("kthvalue", "k = 3", [&] { kthvalue(table(), 3, 0); });
}

TEST_CASE("rearrangements refuse shapes that do not fit", "[ops]") {
  refused("flatten", "axes 1 to 0", [&] { flatten(table(), 1, 0); });
  refused("unflatten", "length 3", [&] { unflatten(table(), 1, {2, 2}); });
  refused("unflatten", "length 3", [&] { unflatten(table(), 1, {-1, 2}); });
  refused("unflatten", "scalar", [&] { unflatten(scalar(), 0, {1}); });
  refused("unsqueeze", "axis 3", [&] { unsqueeze(table(), 3); });
  refused("squeeze", "axis 2", [&] { squeeze(table(), 2); });
  refused("concat", "no tensor", [&] { concat({}); });
  refused("concat", "use stack", [&] { concat({scalar(), scalar()}); });
  refused("concat", "(2, 3) and, as number 1, (3, 2)", [&] { concat({table(), zeros({3, 2})}); });
  refused("concat", "(3,)", [&] { concat({table(), zeros({3})}); });
  refused("stack", "no tensor", [&] { stack({}); });
  refused("stack", "axis 3", [&] { stack({table(), table()}, 3); });
  refused("stack", "axis -4", [&] { stack({table(), table()}, -4); });
  refused("stack", "use concat", [&] { stack({table(), zeros({3})}); });
  refused("split", "length 0", [&] { split(table(), 0); });
  refused("split", "add up", [&] { split(table(), {1, 2}, 0); });
  refused("split", "add up", [&] { split(table(), std::vector<Index>{3, -1}, 0); });
  refused("split", "scalar", [&] { split(scalar(), 1); });
  refused("chunk", "0 pieces", [&] { chunk(table(), 0); });
  refused("unbind", "scalar", [&] { unbind(scalar()); });
  refused("meshgrid", "no tensor", [&] { meshgrid({}); });
  refused("meshgrid", "\"ab\"", [&] { meshgrid({zeros({2})}, "ab"); });
  refused("meshgrid", "(2, 3)", [&] { meshgrid({table()}); });
  refused("movedim", "(0,) and places (0, 1)", [&] { movedim(table(), 0, {0, 1}); });
  refused("movedim", "twice", [&] { movedim(table(), {0, 0}, {0, 1}); });
  refused("repeat", "(2,)", [&] { repeat(table(), {2}); });
  refused("repeat", "(2, -1)", [&] { repeat(table(), {2, -1}); });
  refused("flip", "twice", [&] { flip(table(), {0, 0}); });
  refused("roll", "(1, 2)", [&] { roll(table(), {1, 2}); });
  refused("roll", "axis 2", [&] { roll(table(), 1, 2); });
  refused("pad", "\"mirror\"", [&] { pad(table(), {1, 1}, "mirror"); });
  refused("pad", "3 amounts", [&] { pad(table(), {1, 1, 1}); });
  refused("pad", "6 amounts", [&] { pad(table(), {1, 1, 1, 1, 1, 1}); });
  refused("pad", "-2 and -2", [&] { pad(table(), {-2, -2}); });
  refused("pad", "at most 2", [&] { pad(table(), {3, 0}, "reflect"); });
  refused("pad", "at most 3", [&] { pad(table(), {0, 4}, "circular"); });
  refused("pad", "length 0", [&] { pad(zeros({0}), {1, 0}, "replicate"); });
  refused("unfold", "windows of 4", [&] { unfold(table(), 1, 4, 1); });
  refused("unfold", "0 apart", [&] { unfold(table(), 1, 2, 0); });
  refused("diagonal", "two different axes", [&] { diagonal(table(), 0, 1, -1); });
  refused("diag", "()", [&] { diag(scalar()); });
  refused("triu", "(3,)", [&] { triu(zeros({3})); });
  refused("tril", "(3,)", [&] { tril(zeros({3})); });
}

TEST_CASE("indices are checked, and the offending one is named", "[ops]") {
  const Tensor wrong = places({{0, 1}, {7, 0}}), grid = places({{0, 1}, {1, 0}});
  refused("index_select", "index 3 was given at position (1,)", [&] {
    index_select(table(), 1, places({0, 3}));
  });
  refused("index_select", "index -1", [&] { index_select(table(), 1, places({-1})); });
  refused("index_select", "float32", [&] { index_select(table(), 1, tensor({0})); });
  refused("index_select", "(2, 2)", [&] { index_select(table(), 1, grid); });
  refused("index_select", "scalar", [&] { index_select(scalar(), 0, places({0})); });
  refused("index_select", "no place", [&] { index_select(zeros({0}), 0, places({0})); });
  refused("gather", "index 7 was given at position (1, 0) for axis 1 of length 3",
          [&] { gather(table(), 1, wrong); });
  refused("gather", "index -1", [&] { gather(table(), 1, places({{-1}})); });
  refused("gather", "(3, 1)", [&] { gather(table(), 1, places({{0}, {0}, {0}})); });
  refused("gather", "(1,)", [&] { gather(table(), 1, places({0})); });
  refused("gather", "scalar", [&] { gather(scalar(), 0, places({0})); });
  refused("scatter_add", "index 7", [&] { scatter_add(table(), 1, wrong, zeros({2, 2})); });
  refused("scatter_add", "(1, 2)", [&] { scatter_add(table(), 1, grid, zeros({1, 2})); });
  refused("scatter_add", "scalar", [&] { scatter_add(scalar(), 0, places({0}), zeros({1})); });
  refused("index_add", "index 3", [&] { index_add(table(), 1, places({3}), zeros({2, 1})); });
  refused("index_add", "(2, 2)", [&] { index_add(table(), 1, places({1}), zeros({2, 2})); });
  refused("index_add", "scalar", [&] { index_add(scalar(), 0, places({0}), zeros({1})); });
  refused("take_along_dim", "index -4", [&] { take_along_dim(table(), places({{-4}}), 1); });
  refused("take_along_dim", "(1,)", [&] { take_along_dim(table(), places({0}), 1); });
  refused("take_along_dim", "do not broadcast", [&] {
    take_along_dim(table(), places({{0}, {0}, {0}}), 1);
  });
  refused("take_along_dim", "scalar", [&] { take_along_dim(scalar(), places({0}), 0); });
  refused("index_put", "0 indices", [&] { index_put(table(), {}, scalar()); });
  refused("index_put", "index 2", [&] { index_put(table(), {places({2})}, scalar()); });
  refused("index_put", "index -4", [&] {
    index_put(table(), {places({0}), places({-4})}, scalar());
  });
  refused("index_put", "3 indices", [&] {
    const Tensor i = places({0});
    index_put(table(), {i, i, i}, scalar());
  });
  refused("masked_select", "float32", [&] { masked_select(table(), table()); });
  refused("masked_select", "do not broadcast",
          [&] { masked_select(table(), zeros({2}, boolean)); });
  refused("one_hot", "label 3 was given at position (1,)", [&] { one_hot(places({0, 3}), 2); });
  refused("one_hot", "label -1", [&] { one_hot(places({0, -1})); });
  refused("one_hot", "num_classes = -2", [&] { one_hot(places({0}), -2); });
  refused("one_hot", "0 labels", [&] { one_hot(zeros({0}, int64)); });
  refused("one_hot", "float32", [&] { one_hot(table()); });
}
