#include "gradus/ops.hpp"
#include "gradus/ops/index.hpp"
#include "ops/products/lines.hpp"
#include "support/catch.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

/// An input of given integers.
Input integers(const Shape& shape, const std::vector<double>& values) {
  return {.shape = shape, .dtype = int64, .values = values};
}

struct Pick {
  Shape shape, index_shape;
  int axis;
  std::vector<double> index;
};
const Pick vectors[] = {
    {{4}, {3}, 0, {3, 0, 3}},    {{3, 4}, {2}, 0, {2, 2}},     {{3, 4}, {5}, 1, {0, 3, 1, 1, 0}},
    {{2, 3, 4}, {2}, 1, {2, 0}}, {{2, 3, 20}, {2}, 1, {1, 0}}, {{0, 3}, {2}, 1, {2, 0}},
    {{2, 3}, {}, 1, {2}}};
const Pick tables[] = {{{4}, {3}, 0, {3, 0, 3}},
                       {{2, 3}, {2, 2}, 1, {2, 0, 1, 1}},
                       {{2, 3}, {3, 3}, 0, {1, 0, 1, 0, 0, 0, 1, 1, 1}},
                       {{3, 3}, {2, 2}, 0, {2, 0, 2, 1}},
                       {{2, 3, 2}, {1, 2, 2}, 1, {2, 0, 2, 1}}};

}  // namespace

TEST_CASE("index_select and index_add agree with naive loops", "[ops]") {
  for (const Pick& p : vectors) {
    Shape part = p.shape;
    part[p.axis] = numel(p.index_shape);
    row({.name = "index_select",
         .f = [&](const Tensors& x) { return index_select(x[0], p.axis, x[1]); },
         .cases = {{{.shape = p.shape}, integers(p.index_shape, p.index)}},
         .reference =
             [&](const Arrays& x) {
               return rearrange(x[0], part, [&](IndexList at) {
                 at[p.axis] = static_cast<Index>(p.index[static_cast<std::size_t>(at[p.axis])]);
                 return at;
               });
             }});
    row({.name = "index_add",
         .f = [&](const Tensors& x) { return index_add(x[0], p.axis, x[1], x[2]); },
         .cases = {{{.shape = p.shape}, integers(p.index_shape, p.index), {.shape = part}}},
         .reference =
             [&](const Arrays& x) {
               Array out = x[0];
               for_each_index(part, [&](IndexList at) {
                 const long double value = x[2].at(at);
                 at[p.axis] = static_cast<Index>(p.index[static_cast<std::size_t>(at[p.axis])]);
                 out.at(at) += value;
               });
               return out;
             }});
  }
}

TEST_CASE("gather and scatter_add agree with naive loops", "[ops]") {
  for (const Pick& p : tables) {
    row({.name = "gather",
         .f = [&](const Tensors& x) { return gather(x[0], p.axis, x[1]); },
         .cases = {{{.shape = p.shape}, integers(p.index_shape, p.index)}},
         .reference =
             [&](const Arrays& x) {
               return rearrange(x[0], p.index_shape, [&](IndexList at) {
                 at[p.axis] = static_cast<Index>(x[1].at(at));
                 return at;
               });
             }});
    Shape longer = p.index_shape;
    longer[0] += 1;
    for (const Shape& source : {p.index_shape, longer})
      row({.name = "scatter_add",
           .f = [&](const Tensors& x) { return scatter_add(x[0], p.axis, x[1], x[2]); },
           .cases = {{{.shape = p.shape}, integers(p.index_shape, p.index), {.shape = source}}},
           .reference =
               [&](const Arrays& x) {
                 Array out = x[0];
                 for_each_index(p.index_shape, [&](IndexList at) {
                   const long double value = x[2].at(at);
                   at[p.axis] = static_cast<Index>(x[1].at(at));
                   out.at(at) += value;
                 });
                 return out;
               }});
  }
}

TEST_CASE("take_along_dim broadcasts and counts from the end", "[ops]") {
  const Pick picks[] = {{{3, 4}, {3, 2}, 1, {0, -1, 2, 2, 3, -4}},
                        {{3, 4}, {1, 2}, 1, {0, -1}},
                        {{1, 4}, {3, 1}, 1, {0, 3, -2}},
                        {{2, 3, 2}, {1, 1, 2}, 1, {2, -3}}};
  for (const Pick& p : picks) {
    Shape to = p.shape;
    for (int i = 0; i < to.size(); ++i)
      to[i] = i == p.axis ? p.index_shape[i] : std::max(to[i], p.index_shape[i]);
    row({.name = "take_along_dim",
         .f = [&](const Tensors& x) { return take_along_dim(x[0], x[1], p.axis); },
         .cases = {{{.shape = p.shape}, integers(p.index_shape, p.index)}},
         .reference =
             [&](const Arrays& x) {
               return rearrange(x[0], to, [&](IndexList at) {
                 const auto place = static_cast<Index>(x[1].broadcast_at(at));
                 for (int i = 0; i < to.size(); ++i)
                   if (p.shape[i] == 1) at[i] = 0;
                 at[p.axis] = place < 0 ? place + p.shape[p.axis] : place;
                 return at;
               });
             }});
  }
}

TEST_CASE("index_put agrees with naive loops, also for places written twice", "[ops]") {
  struct Case {
    Shape values;
    std::vector<double> rows, columns;  // of a (3, 4, 2) tensor
  };
  const Case cases[] = {{{3, 2}, {0, 2, 0}, {1, -1, 1}},
                        {{3, 1}, {-1, 1, 0}, {0, 0, 0}},
                        {{}, {0, 0}, {3, 2}},
                        {{0, 2}, {}, {}},
                        {{4, 2}, {2, 2, 2, 2}, {1, 1, -3, 1}}};
  for (const Case& c : cases)
    for (const bool accumulate : {false, true}) {
      const auto count = static_cast<Index>(c.rows.size());
      row({.name = "index_put",
           .f =
               [=](const Tensors& x) {
                 return index_put(x[0], {x[2], x[3]}, x[1], {.accumulate = accumulate});
               },
           .cases = {{{.shape = {3, 4, 2}},
                      {.shape = c.values},
                      integers({count}, c.rows),
                      integers({count}, c.columns)}},
           .reference =
               [&](const Arrays& x) {
                 Array out = x[0];
                 for_each_index({count, 2}, [&](const IndexList& at) {
                   const auto i = static_cast<std::size_t>(at[0]);
                   const Index r = static_cast<Index>(c.rows[i] + (c.rows[i] < 0 ? 3 : 0));
                   const Index k = static_cast<Index>(c.columns[i] + (c.columns[i] < 0 ? 4 : 0));
                   long double& place = out.at({r, k, at[1]});
                   place = (accumulate ? place : 0) + x[1].broadcast_at(at);
                 });
                 return out;
               }});
    }
  row({.name = "index_put of single elements",
       .f =
           [](const Tensors& x) {
             return index_put(x[0], {x[2], x[3]}, x[1]);
           },
       .cases = {{{.shape = {2, 3}},
                  {.shape = {2, 2}},
                  integers({2, 1}, {0, 1}),
                  integers({2}, {2, 0})}},
       .reference =
           [](const Arrays& x) {
             Array out = x[0];
             for (const Index i : {0, 1})
               for (const Index j : {0, 1}) out.at({i, j == 0 ? 2 : 0}) = x[1].at({i, j});
             return out;
           }});
}

TEST_CASE("masked_select takes elements in row-major order", "[ops]") {
  struct Case {
    Shape shape, mask_shape;
    std::vector<double> mask;
  };
  const Case cases[] = {{{5}, {5}, {1, 0, 0, 1, 1}},
                        {{2, 3}, {3}, {0, 1, 1}},
                        {{3}, {2, 1}, {1, 0}},
                        {{2, 3}, {2, 3}, {0, 0, 0, 0, 0, 0}},
                        {{}, {}, {1}}};
  for (const Case& c : cases)
    row({.name = "masked_select",
         .f = [&](const Tensors& x) { return masked_select(x[0], x[1]); },
         .cases = {{{.shape = c.shape},
                    {.shape = c.mask_shape, .dtype = boolean, .values = c.mask}}},
         .reference =
             [&](const Arrays& x) {
               Line chosen;
               for_each_index(broadcast_shapes(c.shape, c.mask_shape, "test"), [&](const auto& at) {
                 if (x[1].broadcast_at(at) != 0) chosen.push_back(x[0].broadcast_at(at));
               });
               return Array({static_cast<Index>(chosen.size())}, chosen);
             }});
}

TEST_CASE("one_hot and nonzero agree with naive loops", "[ops]") {
  for (const Index classes : {Index{-1}, Index{4}})
    for (const Shape& shape : {Shape{}, Shape{3}, Shape{2, 2}}) {
      Input labels{.shape = shape, .dtype = int64, .generate = [](Index i) {
                     return static_cast<double>((i * 2 + 1) % 4);
                   }};
      row({.name = "one_hot",
           .f = [&](const Tensors& x) { return one_hot(x[0], classes); },
           .cases = {{labels}},
           .reference =
               [&](const Arrays& x) {
                 Index width = classes;
                 for (const long double v : x[0].values)
                   if (classes < 0) width = std::max(width, static_cast<Index>(v) + 1);
                 Shape to = shape;
                 to.push_back(width);
                 Array out(to);
                 for_each_index(shape, [&](IndexList at) {
                   const auto label = static_cast<Index>(x[0].at(at));
                   at.push_back(label);
                   out.at(at) = 1;
                 });
                 return out;
               },
           .differentiable = false,
           .result = int64});
    }
  for (const DType dtype : {boolean, int64, float64})
    for (const Shape& shape : {Shape{}, Shape{6}, Shape{3, 4}, Shape{0, 2}, Shape{2, 2, 2}})
      row({.name = "nonzero",
           .f = [](const Tensors& x) { return nonzero(x[0]); },
           .cases = {{{.shape = shape,
                       .dtype = dtype,
                       .generate = [](Index i) { return static_cast<double>(i % 3 != 1); }}}},
           .reference =
               [&](const Arrays& x) {
                 Line places;
                 Index count = 0;
                 for_each_index(shape, [&](const IndexList& at) {
                   if (x[0].at(at) == 0) return;
                   ++count;
                   places.insert(places.end(), at.begin(), at.end());
                 });
                 return Array({count, shape.size()}, places);
               },
           .differentiable = false,
           .result = int64});
}
