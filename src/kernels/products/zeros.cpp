#include "kernels/products/zeros.hpp"

#include <cmath>
#include <vector>

#include "base/tape.hpp"
#include "kernels/products/gemm.hpp"
#include "kernels/simd.hpp"

namespace gradus::kernels {
namespace {

template <class T>
bool is_finite(const T* x, Index n) noexcept {
  Batch<T> sum(T(0));
  Index i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>) {
    const Batch<T> v = load(x + i);
    sum = sum + (v - v);
  }
  if (i < n) {
    const Batch<T> v = load_part(x + i, n - i);
    sum = sum + (v - v);
  }
  return sum_lanes(sum) == T(0);
}

/// op(x) (rows, cols) as it is stored.
template <class T>
bool is_finite(const T* x, bool transposed, Index rows, Index cols, Index ld) noexcept {
  const Index height = transposed ? cols : rows, width = transposed ? rows : cols;
  for (Index i = 0; i < height; ++i)
    if (!is_finite(x + i * ld, width)) return false;
  return true;
}

template <class T>
struct Product {
  Zeros zeros;
  bool ta, tb;
  Index m, n, k;
  const T* a;
  Index lda;
  const T* b;
  Index ldb;

  T left(Index i, Index p) const { return ta ? a[p * lda + i] : a[i * lda + p]; }
  T right(Index p, Index j) const { return tb ? b[j * ldb + p] : b[p * ldb + j]; }

  T element(Index i, Index j) const noexcept {
    double sum = 0;
    for (Index p = 0; p < k && !std::isnan(sum); ++p) {
      const T x = left(i, p), y = right(p, j);
      if (has(zeros, Zeros::first) && x == T(0)) continue;
      if (has(zeros, Zeros::second) && y == T(0)) continue;
      sum += static_cast<double>(x) * static_cast<double>(y);
    }
    return static_cast<T>(sum);
  }

  void mend(T* c, Index ldc) const {
    if (m == 0 || n == 0) return;
    // What is not finite in b is so in a whole column of c, and in a in a whole row: 0 or not, no
    // factor makes a finite term with it. So one row or column tells.
    bool finite = !has(zeros, Zeros::first) || is_finite(c, n);
    for (Index i = 0; has(zeros, Zeros::second) && i < m && finite; ++i)
      finite = std::isfinite(c[i * ldc]);
    if (finite) [[likely]]
      return;
    if (m * n * k > 4096) multiply_used(c, ldc);
    for (Index i = 0; i < m; ++i)
      for (Index j = 0; j < n; ++j)
        if (!std::isfinite(c[i * ldc + j])) c[i * ldc + j] = element(i, j);
  }

  /// The product without the places p at which a factor that counts has zeros only: all of a row
  /// that a mask hides, so that few elements are left to compute one by one.
  void multiply_used(T* c, Index ldc) const {
    std::vector<T> x = stored(a, ta ? k : m, ta ? m : k, lda),
                   y = stored(b, tb ? n : k, tb ? k : n, ldb);
    for (Index p = 0; p < k; ++p) {
      bool a_zero = has(zeros, Zeros::first), b_zero = has(zeros, Zeros::second);
      for (Index i = 0; a_zero && i < m; ++i) a_zero = left(i, p) == T(0);
      for (Index j = 0; b_zero && j < n; ++j) b_zero = right(p, j) == T(0);
      for (Index j = 0; a_zero && j < n; ++j)
        y[static_cast<std::size_t>(tb ? j * k + p : p * n + j)] = 0;
      for (Index i = 0; b_zero && i < m; ++i)
        x[static_cast<std::size_t>(ta ? p * m + i : i * k + p)] = 0;
    }
    gemm(sizeof(T) == 4 ? DType::float32 : DType::float64, ta, tb, m, n, k, x.data(), ta ? m : k,
         y.data(), tb ? k : n, 0, c, ldc);
  }
  static std::vector<T> stored(const T* x, Index rows, Index cols, Index ld) {
    std::vector<T> out;
    for (Index i = 0; i < rows; ++i) out.insert(out.end(), x + i * ld, x + i * ld + cols);
    return out;
  }

  bool factors_finite() const noexcept {
    return (!has(zeros, Zeros::first) || is_finite(b, tb, k, n, ldb)) &&
           (!has(zeros, Zeros::second) || is_finite(a, ta, m, k, lda));
  }
};

template <class T>
void run(DType t, const Product<T>& p, double beta, T* c, Index ldc) {
  const auto multiply = [&](double factor, T* to, Index ld) {
    gemm(t, p.ta, p.tb, p.m, p.n, p.k, p.a, p.lda, p.b, p.ldb, factor, to, ld);
  };
  if (beta == 0) {
    multiply(0, c, ldc);
    return p.mend(c, ldc);
  }
  if (p.factors_finite()) [[likely]]
    return multiply(beta, c, ldc);
  std::vector<T> product(static_cast<std::size_t>(p.m * p.n));
  multiply(0, product.data(), p.n);
  p.mend(product.data(), p.n);
  for (Index i = 0; i < p.m; ++i)
    for (Index j = 0; j < p.n; ++j)
      c[i * ldc + j] =
          static_cast<T>(beta) * c[i * ldc + j] + product[static_cast<std::size_t>(i * p.n + j)];
}

template <class T>
Product<T> product_of(Zeros zeros, bool ta, bool tb, Index m, Index n, Index k, const void* a,
                      Index lda, const void* b, Index ldb) noexcept {
  return {zeros, ta, tb, m, n, k, static_cast<const T*>(a), lda, static_cast<const T*>(b), ldb};
}

}  // namespace

bool all_finite(DType t, const void* x, Index n) noexcept {
  return t == DType::float32 ? is_finite(static_cast<const float*>(x), n)
                             : is_finite(static_cast<const double*>(x), n);
}

void zero_gemm(DType t, Zeros zeros, bool ta, bool tb, Index m, Index n, Index k, const void* a,
               Index lda, const void* b, Index ldb, double beta, void* c, Index ldc) {
  if (detail::tape) [[unlikely]]
    return detail::remember(
        [=] { zero_gemm(t, zeros, ta, tb, m, n, k, a, lda, b, ldb, beta, c, ldc); });
  if (t == DType::float32)
    run(t, product_of<float>(zeros, ta, tb, m, n, k, a, lda, b, ldb), beta, static_cast<float*>(c),
        ldc);
  else
    run(t, product_of<double>(zeros, ta, tb, m, n, k, a, lda, b, ldb), beta,
        static_cast<double*>(c), ldc);
}

namespace {

template <class T>
void mend_batch(Zeros zeros, bool ta, bool tb, Index batch, Index m, Index n, Index k,
                const void* a, Index stride_a, const void* b, Index stride_b, void* c,
                Index stride_c) {
  const Index lda = ta ? m : k, ldb = tb ? k : n;
  for (Index i = 0; i < batch; ++i)
    product_of<T>(zeros, ta, tb, m, n, k, static_cast<const T*>(a) + i * stride_a, lda,
                  static_cast<const T*>(b) + i * stride_b, ldb)
        .mend(static_cast<T*>(c) + i * stride_c, n);
}

}  // namespace

void zero_gemm_batched(DType t, Zeros zeros, bool ta, bool tb, Index batch, Index m, Index n,
                       Index k, const void* a, Index stride_a, const void* b, Index stride_b,
                       void* c, Index stride_c) {
  if (detail::tape) [[unlikely]]
    return detail::remember([=] {
      zero_gemm_batched(t, zeros, ta, tb, batch, m, n, k, a, stride_a, b, stride_b, c, stride_c);
    });
  gemm_batched(t, ta, tb, batch, m, n, k, a, stride_a, b, stride_b, 0, c, stride_c);
  if (t == DType::float32)
    mend_batch<float>(zeros, ta, tb, batch, m, n, k, a, stride_a, b, stride_b, c, stride_c);
  else
    mend_batch<double>(zeros, ta, tb, batch, m, n, k, a, stride_a, b, stride_b, c, stride_c);
}

template <class T>
void mend_product(bool ta, bool tb, Index m, Index n, Index k, const T* a, Index lda, const T* b,
                  Index ldb, T* c, Index ldc) {
  Product<T>{Zeros::first, ta, tb, m, n, k, a, lda, b, ldb}.mend(c, ldc);
}
template void mend_product(bool, bool, Index, Index, Index, const float*, Index, const float*,
                           Index, float*, Index);

}  // namespace gradus::kernels
