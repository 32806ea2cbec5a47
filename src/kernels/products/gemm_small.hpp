// Products too small to be worth a call of BLAS.
#pragma once
#include "kernels/products/gemm.hpp"
#include "kernels/simd.hpp"

namespace gradus::kernels {

/// The first `cols` elements, at most a batch of them; 0 elsewhere.
template <class T>
inline Batch<T> load_columns(const T* p, Index cols) noexcept {
  return cols == lanes<T> ? load(p) : load_part(p, cols);
}
template <class T>
inline void store_columns(T* p, const Batch<T>& v, Index cols) noexcept {
  if (cols == lanes<T>)
    store(p, v);
  else
    store_part(p, v, cols);
}
/// p = v + beta p, without reading p when beta is 0.
template <class T>
inline void add_to(T* p, Index cols, T beta, Batch<T> v) noexcept {
  if (beta != T(0)) v = multiply_add(Batch<T>(beta), load_columns(p, cols), v);
  store_columns(p, v, cols);
}

// done(i, sum of a[i, p] b[p, :] over p) for R rows at once, up to one batch of columns.
template <int R, class T, class F>
inline void small_rows(Index k, const T* a, Index row_a, Index step_a, const T* b, Index ldb,
                       Index cols, F done) noexcept {
  Batch<T> sum[R];
  for (int i = 0; i < R; ++i) sum[i] = Batch<T>(T(0));
  for (Index p = 0; p < k; ++p) {
    const Batch<T> row = load_columns(b + p * ldb, cols);
    for (int i = 0; i < R; ++i) {
      sum[i] = multiply_add(Batch<T>(a[i * row_a + p * step_a]), row, sum[i]);
    }
  }
  for (int i = 0; i < R; ++i) done(Index{i}, sum[i]);
}

// The same for m rows.
template <class T, class F>
inline void small_columns(Index m, Index k, const T* a, Index row_a, Index step_a, const T* b,
                          Index ldb, Index cols, F done) noexcept {
  Index i = 0;
  const auto from_i = [&i, done](Index r, Batch<T> sum) { done(i + r, sum); };
  for (; i + 4 <= m; i += 4) small_rows<4>(k, a + i * row_a, row_a, step_a, b, ldb, cols, from_i);
  for (; i < m; ++i) small_rows<1>(k, a + i * row_a, row_a, step_a, b, ldb, cols, from_i);
}

constexpr Index small_limit = 16;  // of n and k

/// c = op(a) op(b) + beta c for k, n <= 16 and few rows; false where BLAS is the better choice.
template <class T>
bool small_gemm(const Gemm& g) noexcept {
  const Index m = g.m, n = g.n, k = g.k, ldc = g.ldc;
  if (n > small_limit || k > small_limit || m > 64) return false;
  const Index row_a = g.transpose_a ? 1 : g.lda, step_a = g.transpose_a ? g.lda : 1;
  const T *const a = g.a, *b = g.b, beta = static_cast<T>(g.beta);
  T* const c = g.c;
  Index ldb = g.ldb;
  if (n == 1) {
    const Index step_b = g.transpose_b ? 1 : ldb;
    for (Index i = 0; i < m; ++i) {
      T sum = 0;
      for (Index p = 0; p < k; ++p) sum += a[i * row_a + p * step_a] * b[p * step_b];
      c[i * ldc] = beta == T(0) ? sum : sum + beta * c[i * ldc];
    }
    return true;
  }
  T turned[small_limit * small_limit];
  if (g.transpose_b) {  // (n, k) -> (k, n)
    for (Index p = 0; p < k; ++p) {
      for (Index j = 0; j < n; ++j) turned[p * n + j] = b[j * ldb + p];
    }
    b = turned;
    ldb = n;
  }
  for (Index j = 0; j < n; j += lanes<T>) {
    const Index cols = n - j < lanes<T> ? n - j : lanes<T>;
    small_columns(m, k, a, row_a, step_a, b + j, ldb, cols,
                  [=](Index i, Batch<T> sum) { add_to(c + i * ldc + j, cols, beta, sum); });
  }
  return true;
}

}  // namespace gradus::kernels
