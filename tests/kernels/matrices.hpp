// Row-major matrices, and their algebra in long double.
#pragma once
#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "kernels/call.hpp"
#include "support/catch.hpp"

namespace gradus::test {

using kernels::Index;

/// A row-major matrix.
template <class T>
struct Matrix {
  Index m, n;
  std::vector<T> values;

  Matrix(Index rows, Index columns, std::vector<T> given = {})
      : m(rows), n(columns), values(std::move(given)) {
    values.resize(static_cast<std::size_t>(m * n));
  }
  T& operator()(Index i, Index j) { return values[static_cast<std::size_t>(i * n + j)]; }
  T operator()(Index i, Index j) const { return values[static_cast<std::size_t>(i * n + j)]; }
  const T* data() const { return values.data(); }
  T* data() { return values.data(); }
};

using Exact = Matrix<long double>;

template <class T>
Exact exact(const Matrix<T>& a) {
  return {a.m, a.n, {a.values.begin(), a.values.end()}};
}

inline Exact transpose(const Exact& a) {
  Exact out(a.n, a.m);
  for (Index i = 0; i < a.m; ++i)
    for (Index j = 0; j < a.n; ++j) out(j, i) = a(i, j);
  return out;
}

inline Exact operator*(const Exact& a, const Exact& b) {
  REQUIRE(a.n == b.m);
  Exact out(a.m, b.n);
  for (Index i = 0; i < a.m; ++i)
    for (Index k = 0; k < a.n; ++k)
      for (Index j = 0; j < b.n; ++j) out(i, j) += a(i, k) * b(k, j);
  return out;
}

template <class T>
Exact diagonal(const std::vector<T>& values) {
  const auto n = static_cast<Index>(values.size());
  Exact out(n, n);
  for (Index i = 0; i < n; ++i) out(i, i) = values[static_cast<std::size_t>(i)];
  return out;
}

inline Exact identity(Index n) {
  return diagonal(std::vector<long double>(static_cast<std::size_t>(n), 1));
}

/// The largest |a - b|; infinite where one of them is no number.
inline double distance(const Exact& a, const Exact& b) {
  REQUIRE(a.m == b.m);
  REQUIRE(a.n == b.n);
  double largest = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    const double d = static_cast<double>(std::abs(a.values[i] - b.values[i]));
    largest = d <= largest ? largest : std::isnan(d) ? INFINITY : d;
  }
  return largest;
}

}  // namespace gradus::test
