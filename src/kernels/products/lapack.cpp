#include "kernels/products/lapack.hpp"

#include <cblas.h>
#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/messages.hpp"
#include "gradus/error.hpp"
#include "kernels/products/blas.hpp"

// LAPACK reads memory by columns: it sees the transpose of our matrix. So its upper triangle is
// our lower one, and its P L U of the transpose is our U^T L^T P^T.
extern "C" {
void spotrf_(const char* uplo, const blasint* n, float* a, const blasint* lda, blasint* info);
void dpotrf_(const char* uplo, const blasint* n, double* a, const blasint* lda, blasint* info);
void sgetrf_(const blasint* m, const blasint* n, float* a, const blasint* lda, blasint* pivots,
             blasint* info);
void dgetrf_(const blasint* m, const blasint* n, double* a, const blasint* lda, blasint* pivots,
             blasint* info);
}

namespace gradus::kernels {

// Once for all instruction sets, as is the code that defines them.
constinit std::atomic<int> BlasCallers::now{0}, BlasCallers::provided{0};

std::mutex& BlasGuard::mutex() {
  static std::mutex instance;
  return instance;
}

void BlasCallers::provide(int callers) {
  // What OpenBLAS maps for a caller, on the processors that it knows.
  constexpr std::size_t scratch = std::size_t{128} << 20, room = std::size_t{1} << 20;
  static std::mutex one_at_a_time;
  const std::lock_guard guard(one_at_a_time);
  const int more = callers - provided;
  if (more <= 0) return;
  const std::size_t bytes = static_cast<std::size_t>(more) * scratch + room;
  void* const memory =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    fail("memory", bytes,
         " bytes of scratch memory for OpenBLAS could not be had; free some memory, "
         "or raise the limit (ulimit -v)");
  ::munmap(memory, bytes);
  provided = callers;
}

namespace {

template <class T>
void trsm(bool upper, bool transposed, bool unit, Index n, Index k, const T* a, T* x) {
  form_for<T>(cblas_strsm, cblas_dtrsm)(CblasRowMajor, CblasLeft, upper ? CblasUpper : CblasLower,
                                        transposed ? CblasTrans : CblasNoTrans,
                                        unit ? CblasUnit : CblasNonUnit, static_cast<blasint>(n),
                                        static_cast<blasint>(k), 1, a, static_cast<blasint>(n), x,
                                        static_cast<blasint>(k));
}

template <class T>
Index run(const Cholesky& call) {
  const Index n = call.n;
  T* const a = call.a;
  const auto order = static_cast<blasint>(n);
  blasint info = 0;
  form_for<T>(spotrf_, dpotrf_)("U", &order, a, &order, &info);
  // OpenBLAS goes on after a NaN, and after an infinity, which makes one further on.
  for (Index i = 0; info == 0 && i < n; ++i)
    if (!std::isfinite(a[i * n + i])) info = static_cast<blasint>(i + 1);
  for (Index i = 0; i < n; ++i) std::fill(a + i * n + i + 1, a + (i + 1) * n, T(0));
  return info;
}

template <class T>
Index run(const Lu& call) {
  const auto order = static_cast<blasint>(call.n);
  std::vector<blasint> places(static_cast<std::size_t>(call.n));  // from 1
  blasint info = 0;
  form_for<T>(sgetrf_, dgetrf_)(&order, &order, call.a, &order, places.data(), &info);
  std::transform(places.begin(), places.end(), call.pivots,
                 [](blasint place) { return place - 1; });
  return info;
}

/// f(j) for each column j of x (n, k) that has an infinity or NaN.
template <class T, class F>
void for_bad_columns(Index n, Index k, const T* x, F f) {
  for (Index j = 0; j < k; ++j)
    for (Index i = 0; i < n; ++i)
      if (!std::isfinite(x[i * k + j])) {
        f(j);
        break;
      }
}

template <class T>
void run(const LuSolve& call) {
  const Index n = call.n, k = call.k, *const pivots = call.pivots;
  const T *const a = call.a, *const b = call.b;
  T* const x = call.x;
  const auto exchange = [=](Index i) {
    if (pivots[i] != i) std::swap_ranges(x + i * k, (x + i * k) + k, x + pivots[i] * k);
  };
  if (call.transposed) {  // a^T = P^T U^T L^T
    for (Index i = 0; i < n; ++i) exchange(i);
    trsm(true, true, true, n, k, a, x);
    trsm(false, true, false, n, k, a, x);
  } else {
    trsm(false, false, false, n, k, a, x);
    trsm(true, false, true, n, k, a, x);
    for (Index i = n; i-- > 0;) exchange(i);
  }
  if (b == nullptr) return;
  for_bad_columns(n, k, x, [=](Index j) {
    for (Index i = 0; i < n; ++i)
      if (b[i * k + j] != T(0)) return;
    for (Index i = 0; i < n; ++i) x[i * k + j] = 0;
  });
}

template <class T>
void run(const TriangularSolve& call) {
  const bool transposed = call.transposed, backwards = call.upper != transposed;
  const Index n = call.n, k = call.k;
  const T *const a = call.a, *const b = call.b;
  T* const x = call.x;
  trsm(call.upper, transposed, false, n, k, a, x);
  if (b == nullptr) return;
  for_bad_columns(n, k, x, [=](Index j) {
    for (Index step = 0; step < n; ++step) {
      const Index i = backwards ? n - 1 - step : step;
      T sum = b[i * k + j];
      for (Index p = backwards ? i + 1 : 0; p < (backwards ? n : i); ++p)
        if (const T known = x[p * k + j]; known != T(0))
          sum -= (transposed ? a[p * n + i] : a[i * n + p]) * known;
      x[i * k + j] = sum == T(0) ? T(0) : sum / a[i * n + i];
    }
  });
}

}  // namespace

void execute(const Cholesky& call) {
  *call.minor = 0;
  if (call.n == 0) return;
  const BlasGuard guard;
  with_floating(call.type, [&]<class T>(T) { *call.minor = run<T>(call); });
}

void execute(const Lu& call) {
  *call.zero_pivot = 0;
  if (call.n == 0) return;
  const BlasGuard guard;
  with_floating(call.type, [&]<class T>(T) { *call.zero_pivot = run<T>(call); });
}

void execute(const LuSolve& call) {
  if (call.n == 0 || call.k == 0) return;
  const BlasGuard guard;
  with_floating(call.type, [&]<class T>(T) { run<T>(call); });
}

void execute(const TriangularSolve& call) {
  if (call.n == 0 || call.k == 0) return;
  const BlasGuard guard;
  with_floating(call.type, [&]<class T>(T) { run<T>(call); });
}

}  // namespace gradus::kernels
