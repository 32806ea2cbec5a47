#include <cmath>

#include "gradus/functional.hpp"
#include "gradus/ops.hpp"
#include "support/catch.hpp"
#include "support/table/op_table.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

using Real = long double;

/// n x n and n x k matrices, row-major.
struct Matrix {
  Index rows, columns;
  std::vector<Real> values;
  Matrix(Index m, Index n) : rows(m), columns(n), values(static_cast<std::size_t>(m * n), 0) {}
  Real& operator()(Index i, Index j) { return values[static_cast<std::size_t>(i * columns + j)]; }
  Real operator()(Index i, Index j) const {
    return values[static_cast<std::size_t>(i * columns + j)];
  }
};

/// The i-th matrix of an array, which repeats if there are fewer.
Matrix matrix_of(const Array& x, Index i) {
  const int rank = x.shape.size();
  Matrix out(x.shape[rank - 2], x.shape[rank - 1]);
  const Index size = out.rows * out.columns;
  for (Index e = 0; e < size; ++e)
    out.values[static_cast<std::size_t>(e)] =
        x.values[static_cast<std::size_t>((i * size) % x.numel() + e)];
  return out;
}

struct Elimination {
  Matrix solution;
  Real determinant;
};

/// Gauss-Jordan elimination with row pivots.
Elimination eliminate(Matrix a, Matrix b) {
  Real determinant = 1;
  for (Index c = 0; c < a.rows; ++c) {
    Index best = c;
    for (Index r = c; r < a.rows; ++r)
      if (std::abs(a(r, c)) > std::abs(a(best, c))) best = r;
    if (a(best, c) == 0) return {b, 0};
    if (best != c) determinant = -determinant;
    for (Index j = 0; j < a.columns; ++j) std::swap(a(c, j), a(best, j));
    for (Index j = 0; j < b.columns; ++j) std::swap(b(c, j), b(best, j));
    const Real pivot = a(c, c);
    determinant *= pivot;
    for (Index j = 0; j < a.columns; ++j) a(c, j) /= pivot;
    for (Index j = 0; j < b.columns; ++j) b(c, j) /= pivot;
    for (Index r = 0; r < a.rows; ++r) {
      if (r == c) continue;
      const Real factor = a(r, c);
      for (Index j = 0; j < a.columns; ++j) a(r, j) -= factor * a(c, j);
      for (Index j = 0; j < b.columns; ++j) b(r, j) -= factor * b(c, j);
    }
  }
  return {b, determinant};
}

Matrix identity(Index n) {
  Matrix out(n, n);
  for (Index i = 0; i < n; ++i) out(i, i) = 1;
  return out;
}

Index count_of(const Array& x) {
  Index count = 1;
  for (int i = 0; i < x.shape.size() - 2; ++i) count *= x.shape[i];
  return count;
}

/// f(matrix) for each matrix of x, one after the other, in `shape`.
template <class F>
Array each_matrix(const Array& x, const Shape& shape, F f) {
  Array out(shape);
  out.values.clear();
  for (Index i = 0; i < count_of(x); ++i)
    for (const Real v : f(matrix_of(x, i)).values) out.values.push_back(v);
  return out;
}

Array inverse_reference(const std::vector<Array>& x) {
  return each_matrix(x[0], x[0].shape,
                     [](const Matrix& a) { return eliminate(a, identity(a.rows)).solution; });
}

/// f(determinant) of each matrix.
template <class F>
auto determinants(F f) {
  return [f](const std::vector<Array>& x) {
    Shape batch = x[0].shape;
    batch.erase(batch.size() - 1);
    batch.erase(batch.size() - 1);
    return each_matrix(x[0], batch, [&](const Matrix& a) {
      Matrix out(1, 1);
      out(0, 0) = f(eliminate(a, Matrix(a.rows, 0)).determinant);
      return out;
    });
  };
}

Array cholesky_reference(const std::vector<Array>& x) {
  return each_matrix(x[0], x[0].shape, [](const Matrix& a) {
    Matrix l(a.rows, a.rows);
    for (Index i = 0; i < a.rows; ++i)
      for (Index j = 0; j <= i; ++j) {
        Real s = (a(i, j) + a(j, i)) / 2;
        for (Index k = 0; k < j; ++k) s -= l(i, k) * l(j, k);
        l(i, j) = i == j ? std::sqrt(s) : s / l(j, j);
      }
    return l;
  });
}

/// Invertible matrices: irregular, with weight on the diagonal; every third has its rows turned so
/// that pivots have to be looked for.
Input matrices(const Shape& shape, bool turned = true) {
  const Index n = shape.back();
  return {.shape = shape, .generate = [=](Index p) {
            const Index i = p / n % n, j = p % n, m = p / (n * n);
            const bool heavy = turned && m % 3 == 0 ? (i + 1) % n == j : i == j;
            return (heavy ? 2.5 : 0) + 0.9 * std::sin(1.7 * static_cast<double>(p) + 0.4);
          }};
}

/// Symmetric positive definite ones.
Input definite(const Shape& shape) {
  const Index n = shape.back();
  return {.shape = shape, .generate = [=](Index p) {
            const Index i = p / n % n, j = p % n, m = p / (n * n);
            const auto phase = static_cast<double>(m + i * j + i + j);
            return (i == j ? 3.0 : 0) + 0.9 * std::sin(1.3 * phase + 0.2);
          }};
}

std::vector<std::vector<Input>> stacks(Input (*make)(const Shape&)) {
  return {{make({1, 1})}, {make({2, 2})},       {make({3, 3})},   {make({2, 3, 3})},
          {make({0, 0})}, {make({2, 1, 2, 2})}, {make({0, 2, 2})}};
}

Input general(const Shape& shape) { return matrices(shape); }

}  // namespace

TEST_CASE("inverse agrees with elimination", "[ops]") {
  row({.name = "inverse",
       .f = [](const std::vector<Tensor>& x) { return inverse(x[0]); },
       .cases = stacks(general),
       .reference = inverse_reference});
}

TEST_CASE("determinants and their logarithms agree with elimination", "[ops]") {
  row({.name = "det",
       .f = [](const std::vector<Tensor>& x) { return det(x[0]); },
       .cases = stacks(general),
       .reference = determinants([](Real d) { return d; })});
  row({.name = "slogdet",
       .f = [](const std::vector<Tensor>& x) { return slogdet(x[0]).logabsdet; },
       .cases = stacks(general),
       .reference = determinants([](Real d) { return std::log(std::abs(d)); })});
  row({.name = "slogdet, its sign",
       .f = [](const std::vector<Tensor>& x) { return slogdet(x[0]).sign; },
       .cases = stacks(general),
       .reference = determinants([](Real d) -> Real { return d > 0 ? 1 : -1; }),
       .differentiable = false});
  row({.name = "logdet",
       .f = [](const std::vector<Tensor>& x) { return logdet(x[0]); },
       .cases = stacks(definite),
       .reference = determinants([](Real d) { return std::log(d); })});
}

TEST_CASE("det has exact derivatives at singular matrices", "[ops]") {
  const std::vector<double> rank2 = {1, 2, 3, 4, 5, 6, 7, 8, 9},
                            rank1 = {1, 2, 3, 2, 4, 6, 3, 6, 9};
  row({.name = "det of singular matrices",
       .f = [](const std::vector<Tensor>& x) { return det(x[0]); },
       .cases = {{{.shape = {1, 1}, .values = {0}}},
                 {{.shape = {2, 2}, .values = {0, 0, 0, 0}}},
                 {{.shape = {2, 2}, .values = {1, 2, 2, 4}}},
                 {{.shape = {3, 3}, .values = rank2}},
                 {{.shape = {3, 3}, .values = rank1}},
                 {{.shape = {3, 3}, .values = std::vector<double>(9, 0)}},
                 {{.shape = {2, 2, 2}, .values = {1, 1, 1, 1, 3, 1, 1, 3}}}},
       .reference = determinants([](Real d) { return d; }),
       .tolerance = 1e-12});
}

TEST_CASE("logarithms of singular and of negative determinants", "[ops]") {
  Tensor a = tensor({{{1, 2}, {2, 4}}, {{0, 1}, {1, 0}}, {{2, 0}, {0, 3}}}, float64);
  a.requires_grad_();
  const auto [sign, logabs] = slogdet(a);
  CHECK(sign.to_vector<double>() == std::vector<double>{0, -1, 1});
  CHECK(logabs.to_vector<double>()[0] == -std::numeric_limits<double>::infinity());
  CHECK(logabs.to_vector<double>()[1] == 0);
  const Tensor logs = logdet(a);
  CHECK(logs.to_vector<double>()[0] == -std::numeric_limits<double>::infinity());
  CHECK(std::isnan(logs.to_vector<double>()[1]));
  CHECK(logs.to_vector<double>()[2] == Approx(std::log(6.0)));
  const Tensor g = grad(logabs, {a}, {.grad_outputs = {ones({3}, float64)}})[0];
  CHECK(g.to_vector<double>() == std::vector<double>{0, 0, 0, 0, 0, 1, 1, 0, 0.5, 0, 0, 1.0 / 3});
  CHECK(slogdet(eye(400) * 1e-3).logabsdet.item() == Approx(400 * std::log(1e-3)));
}

TEST_CASE("cholesky agrees with its loops", "[ops]") {
  row({.name = "cholesky",
       .f = [](const std::vector<Tensor>& x) { return cholesky(x[0]); },
       .cases = stacks(definite),
       .reference = cholesky_reference});
  row({.name = "cholesky of matrices that are not symmetric",
       .f = [](const std::vector<Tensor>& x) { return cholesky(x[0]); },
       .cases = {{matrices({3, 3}, false)}, {{.shape = {2, 2}, .values = {4, 1, 2, 3}}}},
       .reference = cholesky_reference});
  row({.name = "cholesky, the upper factor",
       .f = [](const std::vector<Tensor>& x) { return transpose(cholesky(x[0], {.upper = true})); },
       .cases = {{definite({3, 3})}},
       .reference = cholesky_reference});
}

TEST_CASE("solve agrees with elimination", "[ops]") {
  const auto reference = [](const std::vector<Array>& x) {
    const int rank = x[1].shape.size();
    Array b = x[1];
    if (rank == 1 || rank < x[0].shape.size()) b.shape.push_back(1);
    const Array& longer = x[0].shape.size() >= b.shape.size() ? x[0] : b;
    Array out;
    out.shape = longer.shape;
    out.shape[out.shape.size() - 1] = b.shape.back();
    out.values.clear();
    for (Index i = 0; i < count_of(longer); ++i)
      for (const Real v : eliminate(matrix_of(x[0], i), matrix_of(b, i)).solution.values)
        out.values.push_back(v);
    if (b.shape.size() != rank) out.shape.erase(out.shape.size() - 1);
    return out;
  };
  row({.name = "solve",
       .f = [](const std::vector<Tensor>& x) { return solve(x[0], x[1]); },
       .cases = {{matrices({3, 3}), {.shape = {3, 2}}},
                 {matrices({1, 1}), {.shape = {1, 1}}},
                 {matrices({3, 3}), {.shape = {3}}},
                 {matrices({2, 2, 2}), {.shape = {2, 2, 3}}},
                 {matrices({3, 2, 2}), {.shape = {3, 2}}},
                 {matrices({2, 2}), {.shape = {3, 2, 1}}},
                 {matrices({2, 3, 3}), {.shape = {1, 3, 2}}},
                 {matrices({3, 3}), {.shape = {3, 0}}},
                 {matrices({0, 0}), {.shape = {0, 2}}}},
       .reference = reference});
  row({.name = "solve with a vector for all matrices of a batch",
       .f = [](const std::vector<Tensor>& x) { return solve(x[0], x[1]); },
       .cases = {{matrices({2, 3, 3}), {.shape = {3}}}},
       .reference = reference});
}

TEST_CASE("solve_triangular reads one triangle", "[ops]") {
  for (const bool upper : {false, true})
    row({.name = "solve_triangular",
         .f =
             [=](const std::vector<Tensor>& x) {
               return solve_triangular(x[0], x[1], {.upper = upper});
             },
         .cases = {{matrices({3, 3}, false), {.shape = {3, 2}}},
                   {matrices({2, 2, 2}, false), {.shape = {2, 2, 1}}},
                   {matrices({2, 2}, false), {.shape = {2, 2, 1}}},
                   {matrices({2, 2, 2}, false), {.shape = {2, 1}}}},
         .reference =
             [=](const std::vector<Array>& x) {
               const Array& longer = x[0].shape.size() > x[1].shape.size() ? x[0] : x[1];
               Array out;
               out.shape = longer.shape;
               out.shape[out.shape.size() - 1] = x[1].shape.back();
               out.values.clear();
               for (Index i = 0; i < count_of(longer); ++i) {
                 Matrix a = matrix_of(x[0], i);
                 for (Index r = 0; r < a.rows; ++r)
                   for (Index c = 0; c < a.rows; ++c)
                     if (upper ? c < r : c > r) a(r, c) = 0;
                 for (const Real v : eliminate(a, matrix_of(x[1], i)).solution.values)
                   out.values.push_back(v);
               }
               return out;
             }});
}

TEST_CASE("third derivatives of decompositions", "[ops]") {
  const Tensor a = make_tensor(definite({2, 2}), float64, 1);
  const Tensor b = tensor({0.5, -1}, float64);
  const auto all = [](const Tensor& x, const Tensor& y) {
    return sum(cholesky(x)) + sum(solve(x, y)) + det(x) + logdet(x) + sum(inverse(x));
  };
  CHECK(gradcheck(all, {a, b}, {.order = 3, .tolerance = 1e-4}));
}
