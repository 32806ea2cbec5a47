// Products too small to be worth a call of BLAS.
#pragma once
#include "kernels/simd.hpp"

namespace gradus::kernels {

// R rows of c at once, up to one batch of columns: c[i, :] += a[i, p] b[p, :].
template <int R, class T>
inline void small_rows(Index k, const T* a, Index row_a, Index step_a, const T* b, Index ldb,
                       Index cols, T beta, T* c, Index ldc) noexcept {
  const bool whole = cols == lanes<T>;
  Batch<T> sum[R];
  for (int i = 0; i < R; ++i) sum[i] = Batch<T>(T(0));
  for (Index p = 0; p < k; ++p) {
    const Batch<T> row = whole ? load(b + p * ldb) : load_part(b + p * ldb, cols);
    for (int i = 0; i < R; ++i) {
      sum[i] = multiply_add(Batch<T>(a[i * row_a + p * step_a]), row, sum[i]);
    }
  }
  for (int i = 0; i < R; ++i) {
    T* out = c + i * ldc;
    if (beta != T(0)) {
      sum[i] = multiply_add(Batch<T>(beta), whole ? load(out) : load_part(out, cols), sum[i]);
    }
    if (whole) {
      store(out, sum[i]);
    } else {
      store_part(out, sum[i], cols);
    }
  }
}

constexpr Index small_limit = 16;  // of n and k

/// c = op(a) op(b) + beta c for k, n <= 16 and few rows; false where BLAS is the better choice.
template <class T>
bool small_gemm(bool ta, bool tb, Index m, Index n, Index k, const T* a, Index lda, const T* b,
                Index ldb, T beta, T* c, Index ldc) noexcept {
  if (n > small_limit || k > small_limit || m > 64) return false;
  const Index row_a = ta ? 1 : lda, step_a = ta ? lda : 1;
  if (n == 1) {
    const Index step_b = tb ? 1 : ldb;
    for (Index i = 0; i < m; ++i) {
      T sum = 0;
      for (Index p = 0; p < k; ++p) sum += a[i * row_a + p * step_a] * b[p * step_b];
      c[i * ldc] = beta == T(0) ? sum : sum + beta * c[i * ldc];
    }
    return true;
  }
  T turned[small_limit * small_limit];
  if (tb) {  // (n, k) -> (k, n)
    for (Index p = 0; p < k; ++p) {
      for (Index j = 0; j < n; ++j) turned[p * n + j] = b[j * ldb + p];
    }
    b = turned;
    ldb = n;
  }
  for (Index j = 0; j < n; j += lanes<T>) {
    const Index cols = n - j < lanes<T> ? n - j : lanes<T>;
    Index i = 0;
    for (; i + 4 <= m; i += 4) {
      small_rows<4>(k, a + i * row_a, row_a, step_a, b + j, ldb, cols, beta, c + i * ldc + j, ldc);
    }
    for (; i < m; ++i) {
      small_rows<1>(k, a + i * row_a, row_a, step_a, b + j, ldb, cols, beta, c + i * ldc + j, ldc);
    }
  }
  return true;
}

}  // namespace gradus::kernels
