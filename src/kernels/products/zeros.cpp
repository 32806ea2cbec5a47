#include "kernels/products/zeros.hpp"

#include <cmath>
#include <vector>

#include "kernels/rows/row_loops.hpp"

namespace gradus::kernels {
namespace {

template <class T>
bool is_finite(const T* x, Index n) noexcept {
  Batch<T> sum(T(0));
  each_batch<T>(n, [&](Index i, auto whole, Index count) {
    const Batch<T> v = read(x + i, whole, count);
    sum = sum + (v - v);
  });
  return sum_lanes(sum) == T(0);
}

/// op(x) (rows, cols) as it is stored.
template <class T>
bool is_finite(const T* x, bool transposed, Index rows, Index cols, Index ld) noexcept {
  if (transposed) std::swap(rows, cols);
  for (Index i = 0; i < rows; ++i)
    if (!is_finite(x + i * ld, cols)) return false;
  return true;
}

// What is not finite in b is so in a whole column of c, and in a in a whole row: 0 or not, no
// factor makes a finite term with it. So one row or column tells.
template <class T>
bool is_usual(const Gemm& g) noexcept {
  const T* const c = g.c;
  if (g.m == 0 || g.n == 0) return true;
  bool finite = !has(g.zeros, Zeros::first) || is_finite(c, g.n);
  for (Index i = 0; has(g.zeros, Zeros::second) && i < g.m && finite; ++i)
    finite = std::isfinite(c[i * g.ldc]);
  return finite;
}

template <class T>
struct Product : Gemm {
  explicit Product(const Gemm& call) : Gemm(call) {}

  const T* first() const { return a; }
  const T* second() const { return b; }
  T left(Index i, Index p) const { return first()[transpose_a ? p * lda + i : i * lda + p]; }
  T right(Index p, Index j) const { return second()[transpose_b ? j * ldb + p : p * ldb + j]; }

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

  void mend() const {
    T* const to = c;
    if (m * n * k > 4096) multiply_used();
    for (Index i = 0; i < m; ++i)
      for (Index j = 0; j < n; ++j)
        if (!std::isfinite(to[i * ldc + j])) to[i * ldc + j] = element(i, j);
  }

  /// The product without the places p at which a factor that counts has zeros only: all of a row
  /// that a mask hides, so that few elements are left to compute one by one.
  void multiply_used() const {
    const bool ta = transpose_a, tb = transpose_b;
    std::vector<T> x = stored(first(), ta ? k : m, ta ? m : k, lda),
                   y = stored(second(), tb ? n : k, tb ? k : n, ldb);
    for (Index p = 0; p < k; ++p) {
      bool a_zero = has(zeros, Zeros::first), b_zero = has(zeros, Zeros::second);
      for (Index i = 0; a_zero && i < m; ++i) a_zero = left(i, p) == T(0);
      for (Index j = 0; b_zero && j < n; ++j) b_zero = right(p, j) == T(0);
      for (Index j = 0; a_zero && j < n; ++j)
        y[static_cast<std::size_t>(tb ? j * k + p : p * n + j)] = 0;
      for (Index i = 0; b_zero && i < m; ++i)
        x[static_cast<std::size_t>(ta ? p * m + i : i * k + p)] = 0;
    }
    execute(Gemm{type, ta, tb, m, n, k, x.data(), ta ? m : k, y.data(), tb ? k : n, 0, c, ldc});
  }
  static std::vector<T> stored(const T* x, Index rows, Index cols, Index ld) {
    std::vector<T> out;
    for (Index i = 0; i < rows; ++i) out.insert(out.end(), x + i * ld, x + i * ld + cols);
    return out;
  }

  bool factors_finite() const noexcept {
    return (!has(zeros, Zeros::first) || is_finite(second(), transpose_b, k, n, ldb)) &&
           (!has(zeros, Zeros::second) || is_finite(first(), transpose_a, m, k, lda));
  }

  /// The product added to c, where a sum is mended first.
  void add() const {
    if (factors_finite()) [[likely]]
      return plain_gemm(*this);
    std::vector<T> product(static_cast<std::size_t>(m * n));
    Product apart = *this;
    apart.beta = 0;
    apart.c = product.data();
    apart.ldc = n;
    zero_gemm(apart);
    T* const to = c;
    for (Index i = 0; i < m; ++i)
      for (Index j = 0; j < n; ++j)
        to[i * ldc + j] =
            static_cast<T>(beta) * to[i * ldc + j] + product[static_cast<std::size_t>(i * n + j)];
  }
};

}  // namespace

bool all_finite(DType t, const void* x, Index n) noexcept {
  bool finite = true;
  with_floating(t, [&]<class T>(T) { finite = is_finite(static_cast<const T*>(x), n); });
  return finite;
}

void zero_gemm(const Gemm& call) {
  if (call.beta != 0) return with_floating(call.type, [&]<class T>(T) { Product<T>(call).add(); });
  plain_gemm(call);
  mend(call);
}

void mend(const Gemm& product) {
  with_floating(product.type, [&]<class T>(T) {
    if (!is_usual<T>(product)) [[unlikely]]
      Product<T>(product).mend();
  });
}

void mend(const GemmBatched& products) {
  for (Index i = 0; i < products.batch; ++i) mend(products.at(i));
}

}  // namespace gradus::kernels
