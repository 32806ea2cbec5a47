#include <cmath>

#include "gradus/ops/linalg.hpp"
#include "support/catch.hpp"
#include "support/table/op_table.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

/// x as a stack of matrices op(x): vectors become a row (left) or a column (right).
Array as_matrices(const Array& x, bool left, bool transposed) {
  if (x.shape.size() == 1) {
    const Index n = x.shape[0];
    return Array(left ? Shape{1, n} : Shape{n, 1}, x.values);
  }
  if (!transposed) return x;
  const int rank = x.shape.size();
  Shape to = x.shape;
  std::swap(to[rank - 1], to[rank - 2]);
  Array out(to);
  for_each_index(to, [&](const IndexList& index) {
    IndexList source = index;
    std::swap(source[rank - 1], source[rank - 2]);
    out.at(index) = x.at(source);
  });
  return out;
}

Array naive_product(const Array& a, const Array& b, bool ta, bool tb) {
  const Array x = as_matrices(a, true, ta), y = as_matrices(b, false, tb);
  const int i = x.shape.size(), j = y.shape.size();
  const Index inner = x.shape[i - 1];
  Shape shape = broadcast_shapes(Shape(x.shape.data(), static_cast<std::size_t>(i - 2)),
                                 Shape(y.shape.data(), static_cast<std::size_t>(j - 2)), "test");
  shape.push_back(x.shape[i - 2]);
  shape.push_back(y.shape[j - 1]);
  Array out(shape);
  const int rank = shape.size();
  for_each_index(shape, [&](const IndexList& index) {
    for (Index k = 0; k < inner; ++k) {
      IndexList p = index, q = index;
      p[rank - 1] = k;
      q[rank - 2] = k;
      out.at(index) += x.broadcast_at(p) * y.broadcast_at(q);
    }
  });
  if (b.shape.size() == 1) out.shape.erase(rank - 1);
  if (a.shape.size() == 1) out.shape.erase(out.shape.size() - (b.shape.size() == 1 ? 1 : 2));
  return out;
}

Shape transposed(Shape shape, bool flag) {
  if (flag && shape.size() > 1) std::swap(shape[shape.size() - 1], shape[shape.size() - 2]);
  return shape;
}

void check_product(const Shape& a, const Shape& b) {
  for (const bool ta : {false, true})
    for (const bool tb : {false, true})
      row({.name = std::string("matmul") + (ta ? " of a transposed" : "") +
                   (tb ? " with b transposed" : ""),
           .f =
               [=](const std::vector<Tensor>& x) {
                 return matmul(x[0], x[1], {.transpose_a = ta, .transpose_b = tb});
               },
           .cases = {{{.shape = transposed(a, ta)}, {.shape = transposed(b, tb)}}},
           .reference =
               [=](const std::vector<Array>& x) { return naive_product(x[0], x[1], ta, tb); }});
}

}  // namespace

TEST_CASE("matmul of matrices agrees with three loops", "[ops]") {
  check_product({1, 1}, {1, 1});
  check_product({2, 3}, {3, 4});
  check_product({1, 5}, {5, 1});
  check_product({5, 1}, {1, 5});
  check_product({4, 9}, {9, 2});
}

TEST_CASE("matmul takes vectors as rows and columns", "[ops]") {
  check_product({3}, {3});
  check_product({1}, {1});
  check_product({3}, {3, 2});
  check_product({2, 3}, {3});
  check_product({3}, {2, 3, 2});
  check_product({2, 2, 3}, {3});
}

TEST_CASE("matmul broadcasts batches both ways", "[ops]") {
  check_product({2, 2, 3}, {2, 3, 2});
  check_product({2, 2, 3}, {3, 2});
  check_product({2, 3}, {2, 3, 2});
  check_product({1, 2, 3}, {2, 3, 2});
  check_product({2, 2, 3}, {1, 3, 2});
  check_product({2, 1, 2, 3}, {3, 3, 1});
  check_product({2, 1, 1, 2}, {1, 2, 2, 2});
}

TEST_CASE("matmul of nothing is nothing, or zeros", "[ops]") {
  check_product({0, 3}, {3, 2});
  check_product({2, 3}, {3, 0});
  check_product({2, 0}, {0, 2});
  check_product({0}, {0});
  check_product({0, 2, 3}, {3, 2});
  check_product({0, 2, 3}, {1, 3, 2});
  check_product({2, 2, 0}, {2, 0, 2});
}

TEST_CASE("matmul of a matrix with itself", "[ops]") {
  for (const bool ta : {false, true})
    for (const bool tb : {false, true})
      row({.name = "matmul",
           .f =
               [=](const std::vector<Tensor>& x) {
                 return matmul(x[0], x[0], {.transpose_a = ta, .transpose_b = tb});
               },
           .cases = {{{.shape = {3, 3}}}, {{.shape = {2, 2, 2}}}},
           .reference =
               [=](const std::vector<Array>& x) { return naive_product(x[0], x[0], ta, tb); }});
}

TEST_CASE("matmul of larger matrices", "[ops]") {
  for (const auto& [m, k, n] : {std::array<Index, 3>{33, 17, 29}, {64, 64, 64}, {7, 130, 5}})
    for (const bool ta : {false, true})
      for (const bool tb : {false, true})
        row({.name = "matmul",
             .f =
                 [=](const std::vector<Tensor>& x) {
                   return matmul(x[0], x[1], {.transpose_a = ta, .transpose_b = tb});
                 },
             .cases = {{{.shape = transposed({m, k}, ta), .differentiable = false},
                        {.shape = transposed({k, n}, tb), .differentiable = false}}},
             .reference =
                 [=](const std::vector<Array>& x) { return naive_product(x[0], x[1], ta, tb); },
             .differentiable = false});
}

TEST_CASE("products of vectors and matrices under their own names", "[ops]") {
  const auto product = [](const std::vector<Array>& x) {
    return naive_product(x[0], x[1], false, false);
  };
  row({.name = "dot",
       .f = [](const std::vector<Tensor>& x) { return dot(x[0], x[1]); },
       .cases = {{{.shape = {4}}, {.shape = {4}}},
                 {{.shape = {1}}, {.shape = {1}}},
                 {{.shape = {0}}, {.shape = {0}}}},
       .reference = product});
  row({.name = "dot of a vector with itself",
       .f = [](const std::vector<Tensor>& x) { return dot(x[0], x[0]); },
       .cases = {{{.shape = {3}}}},
       .reference =
           [&](const std::vector<Array>& x) {
             return product({x[0], x[0]});
           }});
  row({.name = "mv",
       .f = [](const std::vector<Tensor>& x) { return mv(x[0], x[1]); },
       .cases = {{{.shape = {2, 3}}, {.shape = {3}}}, {{.shape = {2, 0}}, {.shape = {0}}}},
       .reference = product});
  row({.name = "bmm",
       .f = [](const std::vector<Tensor>& x) { return bmm(x[0], x[1]); },
       .cases = {{{.shape = {3, 2, 4}}, {.shape = {3, 4, 2}}},
                 {{.shape = {1, 2, 1}}, {.shape = {1, 1, 3}}},
                 {{.shape = {0, 2, 3}}, {.shape = {0, 3, 2}}}},
       .reference = product});
  row({.name = "outer",
       .f = [](const std::vector<Tensor>& x) { return outer(x[0], x[1]); },
       .cases = {{{.shape = {3}}, {.shape = {2}}}, {{.shape = {1}}, {.shape = {0}}}},
       .reference =
           [](const std::vector<Array>& x) {
             Array out(Shape{x[0].numel(), x[1].numel()});
             for_each_index(out.shape,
                            [&](const IndexList& i) { out.at(i) = x[0].at(i[0]) * x[1].at(i[1]); });
             return out;
           }});
  row({.name = "trace",
       .f = [](const std::vector<Tensor>& x) { return trace(x[0]); },
       .cases =
           {{{.shape = {3, 3}}}, {{.shape = {2, 4}}}, {{.shape = {4, 1}}}, {{.shape = {0, 2}}}},
       .reference =
           [](const std::vector<Array>& x) {
             Array out(Shape{});
             for (Index i = 0; i < x[0].shape[0] && i < x[0].shape[1]; ++i)
               out.values[0] += x[0].at({i, i});
             return out;
           }});
}

TEST_CASE("addmm scales and broadcasts its input", "[ops]") {
  struct Scales {
    double beta, alpha;
  };
  for (const auto [beta, alpha] : {Scales{1, 1}, {0.5, -2}, {-1.25, 1}})
    row({.name = "addmm",
         .f = [=](const std::vector<Tensor>& x) { return addmm(x[0], x[1], x[2], beta, alpha); },
         .cases = {{{.shape = {2, 4}}, {.shape = {2, 3}}, {.shape = {3, 4}}},
                   {{.shape = {4}}, {.shape = {2, 3}}, {.shape = {3, 4}}},
                   {{.shape = {2, 1}}, {.shape = {2, 3}}, {.shape = {3, 4}}},
                   {{.shape = {}}, {.shape = {1, 1}}, {.shape = {1, 1}}},
                   {{.shape = {2, 2}}, {.shape = {2, 0}}, {.shape = {0, 2}}}},
         .reference =
             [=](const std::vector<Array>& x) {
               Array out = naive_product(x[1], x[2], false, false);
               for_each_index(out.shape, [&](const IndexList& i) {
                 out.at(i) = static_cast<long double>(alpha) * out.at(i) +
                             static_cast<long double>(beta) * x[0].broadcast_at(i);
               });
               return out;
             }});
  const Tensor nan = full({2}, std::nan(""));
  CHECK(addmm(nan, ones({2, 3}), ones({3, 2}), 0, 2).to_vector<float>() ==
        std::vector<float>{6, 6, 6, 6});
}
