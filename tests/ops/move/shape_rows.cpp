#include "gradus/ops/shape.hpp"
#include "support/catch.hpp"
#include "support/table/op_table.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

using Tensors = std::vector<Tensor>;
using Arrays = std::vector<Array>;

}  // namespace

TEST_CASE("reshape keeps the values in their order", "[ops]") {
  struct Case {
    Shape from, to, result;
  };
  const Case cases[] = {{{}, {}, {}},
                        {{}, {1}, {1}},
                        {{1}, {}, {}},
                        {{6}, {2, 3}, {2, 3}},
                        {{2, 3}, {-1}, {6}},
                        {{2, 3}, {3, -1}, {3, 2}},
                        {{2, 3}, {2, 3}, {2, 3}},
                        {{0, 3}, {3, 0}, {3, 0}},
                        {{0, 3}, {-1, 3}, {0, 3}},
                        {{2, 3, 4}, {1, 2, 1, 3, 4}, {1, 2, 1, 3, 4}}};
  for (const auto& [from, to, result] : cases)
    row({.name = "reshape",
         .f = [&](const Tensors& x) { return reshape(x[0], to); },
         .cases = {{{.shape = from}}},
         .reference = [&](const Arrays& x) { return Array(result, x[0].values); }});
}

TEST_CASE("expand repeats axes of length 1", "[ops]") {
  struct Case {
    Shape from, to, result;
  };
  const Case cases[] = {{{}, {3}, {3}},
                        {{}, {}, {}},
                        {{1}, {4}, {4}},
                        {{3}, {2, 3}, {2, 3}},
                        {{2, 1}, {2, 3}, {2, 3}},
                        {{2, 1}, {-1, 3}, {2, 3}},
                        {{1, 3}, {2, -1}, {2, 3}},
                        {{1}, {0}, {0}},
                        {{2, 1, 3}, {4, 2, 5, 3}, {4, 2, 5, 3}},
                        {{0, 1}, {0, 3}, {0, 3}}};
  for (const auto& [from, to, result] : cases)
    row({.name = "expand",
         .f = [&](const Tensors& x) { return expand(x[0], to); },
         .cases = {{{.shape = from}}},
         .reference =
             [&](const Arrays& x) {
               Array out(result);
               for_each_index(result,
                              [&](const IndexList& i) { out.at(i) = x[0].broadcast_at(i); });
               return out;
             }});
}

TEST_CASE("permute and transpose reorder the axes", "[ops]") {
  struct Case {
    Shape from;
    Axes axes;
  };
  const Case cases[] = {{{}, {}},
                        {{3}, {0}},
                        {{2, 3}, {1, 0}},
                        {{2, 3}, {-1, -2}},
                        {{2, 3}, {0, 1}},
                        {{2, 3, 4}, {2, 0, 1}},
                        {{2, 3, 4}, {1, 2, 0}},
                        {{2, 3, 4}, {0, 2, 1}},
                        {{2, 0, 4}, {2, 1, 0}},
                        {{2, 1, 3, 2, 1}, {4, 3, 0, 2, 1}},
                        {{17, 5}, {1, 0}}};
  for (const auto& [from, axes] : cases)
    row({.name = "permute",
         .f = [&](const Tensors& x) { return permute(x[0], axes); },
         .cases = {{{.shape = from}}},
         .reference =
             [&](const Arrays& x) {
               const int rank = from.size();
               Shape to = from;
               for (int i = 0; i < rank; ++i)
                 to[i] = from[static_cast<int>((axes[i] + rank) % rank)];
               Array out(to);
               for_each_index(to, [&](const IndexList& index) {
                 IndexList source = index;
                 for (int i = 0; i < rank; ++i)
                   source[static_cast<int>((axes[i] + rank) % rank)] = index[i];
                 out.at(index) = x[0].at(source);
               });
               return out;
             }});

  struct Swap {
    Shape from;
    int i, j;
  };
  const Swap swaps[] = {{{2, 3}, -2, -1},   {{2, 3}, 0, 0}, {{2, 3, 4}, -2, -1}, {{2, 3, 4}, 0, 2},
                        {{2, 3, 4}, 1, -3}, {{3}, 0, 0},    {{}, 0, 0},          {{0, 4}, 0, 1}};
  for (const auto& [from, i, j] : swaps)
    row({.name = "transpose",
         .f = [&](const Tensors& x) { return transpose(x[0], i, j); },
         .cases = {{{.shape = from}}},
         .reference =
             [&](const Arrays& x) {
               const int rank = from.size();
               if (rank == 0) return x[0];
               const int a = (i + rank) % rank, b = (j + rank) % rank;
               Shape to = from;
               std::swap(to[a], to[b]);
               Array out(to);
               for_each_index(to, [&](const IndexList& index) {
                 IndexList source = index;
                 std::swap(source[a], source[b]);
                 out.at(index) = x[0].at(source);
               });
               return out;
             }});
}

TEST_CASE("slice and select pick positions of one axis", "[ops]") {
  struct Case {
    Shape from;
    Index axis, start, end, step;
    std::vector<Index> picked;
  };
  const Case cases[] = {{{5}, 0, 1, 4, 1, {1, 2, 3}},
                        {{5}, 0, 0, 5, 2, {0, 2, 4}},
                        {{5}, 0, -2, 99, 1, {3, 4}},
                        {{5}, 0, -99, 2, 1, {0, 1}},
                        {{5}, 0, 3, 3, 1, {}},
                        {{5}, 0, 4, 1, 1, {}},
                        {{5}, 0, 4, 0, -1, {4, 3, 2, 1}},
                        {{5}, 0, 4, -6, -2, {4, 2, 0}},
                        {{5}, 0, 99, -99, -3, {4, 1}},
                        {{5}, 0, 3, -6, -3, {3, 0}},
                        {{6}, 0, 1, 6, 3, {1, 4}},
                        {{5}, 0, 0, 5, 99, {0}},
                        {{1}, 0, 0, 1, 1, {0}},
                        {{0}, 0, 0, 3, 1, {}},
                        {{0}, 0, 3, -9, -1, {}},
                        {{2, 3}, 0, 1, 2, 1, {1}},
                        {{2, 3}, 1, 2, -4, -1, {2, 1, 0}},
                        {{2, 3}, -1, 0, 3, 2, {0, 2}},
                        {{2, 3, 4}, 1, 1, 3, 1, {1, 2}},
                        {{2, 3, 4}, 2, 3, -5, -2, {3, 1}},
                        {{2, 0, 4}, 2, 0, 2, 1, {0, 1}},
                        {{2, 2, 2, 5, 2}, 3, 0, 5, 2, {0, 2, 4}}};
  for (const auto& c : cases)
    row({.name = "slice",
         .f = [&](const Tensors& x) { return slice(x[0], c.axis, c.start, c.end, c.step); },
         .cases = {{{.shape = c.from}}},
         .reference =
             [&](const Arrays& x) {
               const int axis = static_cast<int>(c.axis + c.from.size()) % c.from.size();
               Shape to = c.from;
               to[axis] = static_cast<Index>(c.picked.size());
               Array out(to);
               for_each_index(to, [&](const IndexList& index) {
                 IndexList source = index;
                 source[axis] = c.picked[static_cast<std::size_t>(index[axis])];
                 out.at(index) = x[0].at(source);
               });
               return out;
             }});

  struct Pick {
    Shape from;
    Index axis, index, position;
  };
  const Pick picks[] = {{{5}, 0, 2, 2},       {{5}, 0, -1, 4},    {{1}, 0, 0, 0},
                        {{2, 3}, 0, 1, 1},    {{2, 3}, 1, -3, 0}, {{2, 3}, -1, 1, 1},
                        {{2, 3, 4}, 1, 2, 2}, {{3, 0}, 0, 1, 1}};
  for (const auto& p : picks)
    row({.name = "select",
         .f = [&](const Tensors& x) { return select(x[0], p.axis, p.index); },
         .cases = {{{.shape = p.from}}},
         .reference =
             [&](const Arrays& x) {
               const int axis = static_cast<int>(p.axis + p.from.size()) % p.from.size();
               Shape to = p.from;
               to.erase(axis);
               Array out(to);
               for_each_index(to, [&](const IndexList& index) {
                 IndexList source = index;
                 source.insert(axis, p.position);
                 out.at(index) = x[0].at(source);
               });
               return out;
             }});
}

TEST_CASE("a reshaped tensor shares the memory of its source", "[ops]") {
  const Tensor x = arange(6);
  CHECK(reshape(x, {2, 3}).data<float>() == x.data<float>());
}
