#include "gradus/ops.hpp"
#include "ops/products/lines.hpp"
#include "support/catch.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

using Source = std::function<std::optional<IndexList>(const IndexList&)>;

/// A row for an operation whose values are those of its input in other places.
void moved_row(const std::string& row_name, std::function<Tensor(const Tensor&)> f,
               const Shape& from, const Shape& to, Source source, long double fill = 0) {
  const Row r{.name = row_name,
              .f = [f](const Tensors& x) { return f(x[0]); },
              .cases = {{{.shape = from}}},
              .reference = [=](const Arrays& x) { return rearrange(x[0], to, source, fill); }};
  row(r);
}

/// The same, where only the shape changes.
void reshaped_row(const std::string& row_name, std::function<Tensor(const Tensor&)> f,
                  const Shape& from, const Shape& to) {
  const Row r{.name = row_name,
              .f = [f](const Tensors& x) { return f(x[0]); },
              .cases = {{{.shape = from}}},
              .reference = [=](const Arrays& x) { return Array(to, x[0].values); }};
  row(r);
}

Source along(int axis, std::function<Index(Index)> place) {
  return [=](IndexList at) {
    at[axis] = place(at[axis]);
    return at;
  };
}

}  // namespace

TEST_CASE("axes are joined, split, added and dropped", "[ops]") {
  const auto flat = [](Index i, Index j) {
    return [=](const Tensor& x) { return flatten(x, i, j); };
  };
  reshaped_row("flatten", flat(0, -1), {}, {1});
  reshaped_row("flatten", flat(0, -1), {2, 3, 4}, {24});
  reshaped_row("flatten", flat(1, -1), {2, 3, 4}, {2, 12});
  reshaped_row("flatten", flat(-3, -2), {2, 3, 4}, {6, 4});
  reshaped_row("flatten", flat(1, 1), {2, 3, 4}, {2, 3, 4});
  reshaped_row("flatten", flat(1, 2), {2, 0, 4}, {2, 0});
  const auto cut = [](Index axis, const Shape& lengths) {
    return [=](const Tensor& x) { return unflatten(x, axis, lengths); };
  };
  reshaped_row("unflatten", cut(0, {2, 3}), {6}, {2, 3});
  reshaped_row("unflatten", cut(-1, {2, -1}), {3, 4}, {3, 2, 2});
  reshaped_row("unflatten", cut(0, {0, 2}), {0, 4}, {0, 2, 4});
  const auto add = [](Index axis) { return [=](const Tensor& x) { return unsqueeze(x, axis); }; };
  reshaped_row("unsqueeze", add(0), {}, {1});
  reshaped_row("unsqueeze", add(-1), {2, 3}, {2, 3, 1});
  reshaped_row("unsqueeze", add(1), {2, 3}, {2, 1, 3});
  reshaped_row("unsqueeze", add(-3), {2, 3}, {1, 2, 3});
  const auto drop = [](const Axes& axes) {
    return [=](const Tensor& x) { return squeeze(x, axes) * 1; };
  };
  reshaped_row("squeeze", drop(0), {1, 3}, {3});
  reshaped_row("squeeze", drop(1), {1, 3}, {1, 3});
  reshaped_row("squeeze", drop({0, -1}), {1, 3, 1}, {3});
  reshaped_row("squeeze", drop({}), {1, 3}, {1, 3});
  reshaped_row("squeeze", drop(0), {}, {});
  const Tensor x = zeros({2, 1, 3});
  for (const Tensor& view : {flatten(x), unsqueeze(x, 0), squeeze(x, 1), unflatten(x, 2, {3, 1})})
    CHECK(view.data<float>() == x.data<float>());
}

TEST_CASE("tensors are joined along an old or a new axis", "[ops]") {
  for (const auto& [a, b, axis] : {std::tuple<Shape, Shape, int>{{2}, {3}, 0},
                                   {{2, 3}, {1, 3}, 0},
                                   {{2, 3}, {2, 2}, 1},
                                   {{2, 2, 3}, {2, 1, 3}, 1},
                                   {{0, 3}, {2, 3}, 0},
                                   {{2, 0}, {2, 3}, 1}}) {
    Shape to = a;
    const Index first = a[axis];
    to[axis] += b[axis] + first;
    const auto reference = [&, k = axis, end = a[axis] + b[axis]](const Arrays& x) {
      Array out(to);
      for_each_index(to, [&](const IndexList& at) {
        IndexList from = at;
        const int part = at[k] < first ? 0 : at[k] < end ? 1 : 2;
        from[k] -= part == 0 ? 0 : part == 1 ? first : end;
        out.at(at) = x[part == 1].at(from);
      });
      return out;
    };
    row({.name = "concat",
         .f =
             [&, k = axis](const Tensors& x) {
               return concat({x[0], x[1], x[0]}, k);
             },
         .cases = {{{.shape = a}, {.shape = b}}},
         .reference = reference});
    row({.name = "cat",
         .f =
             [&, k = axis](const Tensors& x) {
               return cat({x[0], x[1], x[0]}, k - to.size());
             },
         .cases = {{{.shape = a}, {.shape = b}}},
         .reference = reference});
  }
  for (const auto& [shape, axis] :
       {std::pair<Shape, int>{{}, 0}, {{3}, 0}, {{3}, 1}, {{2, 3}, 1}, {{2, 3}, 2}, {{0, 2}, 0}}) {
    Shape to = shape;
    to.insert(axis, 2);
    row({.name = "stack",
         .f =
             [&, k = axis](const Tensors& x) {
               return stack({x[0], x[1]}, k);
             },
         .cases = {{{.shape = shape}, {.shape = shape}}},
         .reference =
             [&, k = axis](const Arrays& x) {
               Array out(to);
               for_each_index(to, [&](IndexList at) {
                 long double& place = out.at(at);
                 const auto part = static_cast<std::size_t>(at[k]);
                 at.erase(k);
                 place = x[part].at(at);
               });
               return out;
             }});
  }
  CHECK(concat({zeros({1}, int64), zeros({1}, float64), zeros({1})}).dtype() == float64);
  const Tensor a = tensor({1, 2}), b = tensor({3, 4});
  CHECK(stack({a, b}, -1).to_vector<float>() == std::vector<float>{1, 3, 2, 4});
  CHECK(stack({a, b}, -2).to_vector<float>() == std::vector<float>{1, 2, 3, 4});
}

TEST_CASE("tensors are cut along an axis", "[ops]") {
  const auto part = [](std::vector<Tensor> (*cut)(const Tensor&, Index, Index), Index n, Index axis,
                       std::size_t i) {
    return [=](const Tensor& x) { return cut(x, n, axis)[i]; };
  };
  moved_row("split", part(split, 2, 0, 1), {5, 3}, {2, 3}, along(0, [](Index i) { return i + 2; }));
  moved_row("split", part(split, 2, 0, 2), {5, 3}, {1, 3}, along(0, [](Index i) { return i + 4; }));
  moved_row("split", part(split, 9, -1, 0), {2, 3}, {2, 3}, along(1, [](Index i) { return i; }));
  moved_row("split", part(split, 2, 0, 0), {0, 3}, {0, 3}, along(0, [](Index i) { return i; }));
  moved_row("chunk", part(chunk, 3, 1, 2), {2, 7}, {2, 1}, along(1, [](Index i) { return i + 6; }));
  moved_row("chunk", part(chunk, 2, 0, 1), {4}, {2}, along(0, [](Index i) { return i + 2; }));
  for (const std::size_t i : {0U, 1U, 2U}) {
    const std::vector<Index> sizes = {1, 0, 3}, starts = {0, 1, 1};
    moved_row(
        "split by sizes", [=](const Tensor& x) { return split(x, sizes, 1)[i]; }, {2, 4},
        {2, sizes[i]}, along(1, [=](Index at) { return at + starts[i]; }));
  }
  moved_row(
      "unbind", [](const Tensor& x) { return unbind(x, 1)[2]; }, {2, 3, 4}, {2, 4},
      [](const IndexList& at) {
        return IndexList{at[0], 2, at[1]};
      });
  row({.name = "unbind, every part used",
       .f =
           [](const Tensors& x) {
             Tensor total = x[0][0] * 0;
             for (const Tensor& t : unbind(x[0])) total = total * 0.5 + t * t;
             return total;
           },
       .cases = {{{.shape = {4, 3}}}},
       .reference =
           [](const Arrays& x) {
             Array out(Shape{3});
             for (Index i = 0; i < 4; ++i)
               for (Index j = 0; j < 3; ++j)
                 out.at({j}) = out.at({j}) / 2 + x[0].at({i, j}) * x[0].at({i, j});
             return out;
           }});
  CHECK(split(zeros({5}), 2).size() == 3);
  CHECK(chunk(zeros({5}), 4).size() == 3);
  CHECK(unbind(zeros({0, 2})).empty());
}

TEST_CASE("axes are moved", "[ops]") {
  const auto move = [](const Axes& a, const Axes& b) {
    return [=](const Tensor& x) { return movedim(x, a, b) * 1; };
  };
  moved_row("movedim", move(0, -1), {2, 3, 4}, {3, 4, 2}, [](const IndexList& at) {
    return IndexList{at[2], at[0], at[1]};
  });
  moved_row("movedim", move({0, 1}, {2, 0}), {2, 3, 4}, {3, 4, 2}, [](const IndexList& at) {
    return IndexList{at[2], at[0], at[1]};
  });
  moved_row("movedim", move(2, 1), {2, 3, 4}, {2, 4, 3}, [](const IndexList& at) {
    return IndexList{at[0], at[2], at[1]};
  });
  moved_row("movedim", move({}, {}), {2}, {2}, [](const IndexList& at) { return at; });
}

TEST_CASE("values are repeated, flipped and rolled", "[ops]") {
  for (const auto& [from, repeats] : {std::pair<Shape, Shape>{{}, {}},
                                      {{}, {3}},
                                      {{3}, {2}},
                                      {{3}, {2, 2}},
                                      {{2, 3}, {1, 2}},
                                      {{2, 3}, {2, 0}},
                                      {{2, 1}, {3, 2}},
                                      {{2, 1, 2, 1, 2}, {2, 1, 1, 3, 2}}}) {
    Shape to = repeats;
    const int extra = to.size() - from.size();
    for (int i = 0; i < from.size(); ++i) to[i + extra] *= from[i];
    const Source source = [=, f = from](const IndexList& at) {
      IndexList place = f;
      for (int i = 0; i < f.size(); ++i) place[i] = at[i + extra] % f[i];
      return place;
    };
    moved_row(
        "repeat", [r = repeats](const Tensor& x) { return repeat(x, r); }, from, to, source);
    moved_row(
        "tile", [r = repeats](const Tensor& x) { return tile(x, r); }, from, to, source);
  }
  moved_row(
      "tile", [](const Tensor& x) { return tile(x, {2}); }, {2, 3}, {2, 6},
      along(1, [](Index i) { return i % 3; }));
  const auto mirror = [](const Axes& axes) {
    return [=](const Tensor& x) { return flip(x, axes) * 1; };
  };
  moved_row("flip", mirror(0), {4}, {4}, along(0, [](Index i) { return 3 - i; }));
  moved_row("flip", mirror(-1), {2, 3}, {2, 3}, along(1, [](Index i) { return 2 - i; }));
  moved_row("flip", mirror({0, 2}), {2, 3, 4}, {2, 3, 4}, [](const IndexList& at) {
    return IndexList{1 - at[0], at[1], 3 - at[2]};
  });
  moved_row("flip", mirror({}), {2}, {2}, along(0, [](Index i) { return i; }));
  moved_row("flip", mirror(0), {0, 2}, {0, 2}, along(0, [](Index i) { return i; }));
  const auto turn = [](const Axes& shifts, const Axes& axes) {
    return [=](const Tensor& x) { return roll(x, shifts, axes) * 1; };
  };
  moved_row("roll", turn(2, 0), {5}, {5}, along(0, [](Index i) { return (i + 3) % 5; }));
  moved_row("roll", turn(-7, 0), {5}, {5}, along(0, [](Index i) { return (i + 7) % 5; }));
  moved_row("roll", turn(5, 0), {5}, {5}, along(0, [](Index i) { return i; }));
  moved_row("roll", turn(1, {}), {5}, {5}, along(0, [](Index i) { return (i + 4) % 5; }));
  moved_row("roll", turn({1, -1}, {0, 1}), {2, 3}, {2, 3}, [](const IndexList& at) {
    return IndexList{(at[0] + 1) % 2, (at[1] + 1) % 3};
  });
  moved_row("roll", turn(1, {}), {2, 3}, {2, 3}, [](const IndexList& at) {
    const Index place = (at[0] * 3 + at[1] + 5) % 6;
    return IndexList{place / 3, place % 3};
  });
}

TEST_CASE("tensors are padded and cropped", "[ops]") {
  const auto widen = [](const std::vector<Index>& amounts, const std::string& mode, double value) {
    return [=](const Tensor& x) { return pad(x, amounts, mode, value) * 1; };
  };
  const auto inside = [](Index before, Index length) {
    return [=](IndexList at) -> std::optional<IndexList> {
      at[at.size() - 1] -= before;
      if (at.back() < 0 || at.back() >= length) return std::nullopt;
      return at;
    };
  };
  moved_row("pad", widen({1, 2}, "constant", 0), {3}, {6}, inside(1, 3));
  moved_row("pad", widen({1, 2}, "constant", 7.5), {2, 3}, {2, 6}, inside(1, 3), 7.5);
  moved_row("pad", widen({-1, 2}, "constant", 1), {3}, {4}, inside(-1, 3), 1);
  moved_row("pad", widen({-1, -1}, "constant", 1), {3}, {1}, inside(-1, 3), 1);
  moved_row("pad", widen({2, 1}, "constant", -1), {0}, {3}, inside(2, 0), -1);
  moved_row("pad", widen({}, "constant", 0), {3}, {3}, inside(0, 3));
  moved_row(
      "pad", widen({0, 1, 2, 0}, "constant", 3), {2, 3}, {4, 4},
      [](const IndexList& at) -> std::optional<IndexList> {
        if (at[0] < 2 || at[1] > 2) return std::nullopt;
        return IndexList{at[0] - 2, at[1]};
      },
      3);
  moved_row("pad by reflection", widen({2, 1}, "reflect", 0), {2, 3}, {2, 6},
            along(1, [](Index i) { return std::vector<Index>{2, 1, 0, 1, 2, 1}[i]; }));
  moved_row("pad with the edge", widen({2, 3}, "replicate", 0), {2, 2}, {2, 7},
            along(1, [](Index i) { return std::vector<Index>{0, 0, 0, 1, 1, 1, 1}[i]; }));
  moved_row("pad in a circle", widen({2, 3}, "circular", 0), {2, 3}, {2, 8},
            along(1, [](Index i) { return (i + 1) % 3; }));
  moved_row("pad by reflection", widen({0, 0, 1, -1}, "reflect", 0), {4, 2}, {4, 2},
            along(0, [](Index i) {
              return std::vector<Index>{1, 0, 1, 2}[i];
            }));
}

TEST_CASE("windows slide along an axis", "[ops]") {
  const auto windows = [](Index axis, Index size, Index step) {
    return [=](const Tensor& x) { return unfold(x, axis, size, step); };
  };
  for (const auto& [size, step] : {std::pair<Index, Index>{2, 1}, {3, 1}, {2, 2}, {1, 3}, {5, 1}}) {
    const Index count = (5 - size) / step + 1;
    moved_row("unfold", windows(0, size, step), {5}, {count, size},
              [s = step](const IndexList& at) { return IndexList{at[0] * s + at[1]}; });
    moved_row("unfold", windows(1, size, step), {2, 5, 3}, {2, count, 3, size},
              [s = step](const IndexList& at) {
                return IndexList{at[0], at[1] * s + at[3], at[2]};
              });
  }
}

TEST_CASE("triangles and diagonals", "[ops]") {
  for (const Index k : {-3, -1, 0, 1, 2, 5})
    for (const Shape& shape : {Shape{3, 4}, Shape{4, 3}, Shape{2, 3, 3}, Shape{0, 3}}) {
      const int r = shape.size() - 2;
      moved_row(
          "triu", [k](const Tensor& x) { return triu(x, k); }, shape, shape,
          [=](const IndexList& at) -> std::optional<IndexList> {
            if (at[r + 1] - at[r] < k) return std::nullopt;
            return at;
          });
      moved_row(
          "tril", [k](const Tensor& x) { return tril(x, k); }, shape, shape,
          [=](const IndexList& at) -> std::optional<IndexList> {
            if (at[r + 1] - at[r] > k) return std::nullopt;
            return at;
          });
    }
  for (const Index k : {-2, 0, 1, 9}) {
    const Index down = std::max<Index>(0, -k), right = std::max<Index>(0, k);
    const Index length = std::max<Index>(0, std::min<Index>(3 - down, 4 - right));
    const Source on_diagonal = [=](const IndexList& at) {
      return IndexList{at[0] + down, at[0] + right};
    };
    moved_row(
        "diagonal", [k](const Tensor& x) { return diagonal(x, k); }, {3, 4}, {length}, on_diagonal);
    moved_row(
        "diag", [k](const Tensor& x) { return diag(x, k); }, {3, 4}, {length}, on_diagonal);
    moved_row(
        "diagonal", [k](const Tensor& x) { return diagonal(x, k, -1, 0); }, {4, 2, 3}, {2, length},
        [=](const IndexList& at) {
          return IndexList{at[1] + right, at[0], at[1] + down};
        });
    moved_row(
        "diag", [k](const Tensor& x) { return diag(x, k); }, {2},
        {2 + std::abs(k), 2 + std::abs(k)},
        [=](const IndexList& at) -> std::optional<IndexList> {
          if (at[1] - at[0] != k) return std::nullopt;
          return IndexList{at[0] - down};
        });
  }
}

TEST_CASE("vectors span a grid", "[ops]") {
  for (const bool swapped : {false, true})
    row({.name = "meshgrid",
         .f =
             [=](const Tensors& x) {
               const auto grid = meshgrid({x[0], x[1], x[2]}, swapped ? "xy" : "ij");
               return grid[0] * grid[0] + grid[1] * grid[2];
             },
         .cases = {{{.shape = {2}}, {.shape = {3}}, {.shape = {}}}},
         .reference =
             [=](const Arrays& x) {
               Array out(swapped ? Shape{3, 2, 1} : Shape{2, 3, 1});
               for_each_index(out.shape, [&](const IndexList& at) {
                 const long double a = x[0].at({at[swapped]}), b = x[1].at({at[!swapped]});
                 out.at(at) = a * a + b * x[2].values[0];
               });
               return out;
             }});
}
