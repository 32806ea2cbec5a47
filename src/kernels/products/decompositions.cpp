#include "kernels/products/decompositions.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kernels/products/blas.hpp"
#include "kernels/products/xtensor.hpp"
#include "kernels/products/zeros.hpp"

namespace gradus::kernels {

namespace {

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

/// LAPACK tells how much workspace it wants as a number of the matrix's type, which float32 rounds
/// beyond 2^24: matrices of more elements than this are decomposed in float64.
constexpr Index most_in_float32 = Index{1} << 22;

/// f(T(), W()) for the type T of a call's values and W of LAPACK's.
template <class F>
void with_types(DType t, Index elements, F f) {
  if (t == DType::float64) return f(double(), double());
  if (elements > most_in_float32) return f(float(), double());
  f(float(), float());
}

/// A matrix as LAPACK has it.
template <class T>
using Columns = xt::xtensor<T, 2, xt::layout_type::column_major>;
template <class T>
using Values = xt::xtensor<T, 1, xt::layout_type::column_major>;

/// A row-major matrix in memory.
template <class T>
auto rows(T* values, Index m, Index n) {
  return xt::adapt(values, at(m * n), xt::no_ownership(), std::array{at(m), at(n)});
}

template <class T, class Matrix>
void put(T* to, Index m, Index n, const Matrix& matrix) {
  auto out = rows(to, m, n);
  xt::noalias(out) = xt::cast<T>(matrix);
}

/// The transpose of a (m, n), which is how LAPACK sees it.
template <class W, class T>
Columns<W> transposed(const T* a, Index m, Index n) {
  Columns<W> out(std::array{at(n), at(m)});
  std::copy_n(a, m * n, out.data());
  return out;
}

template <class T>
void fill_with_nan(T* values, Index n) {
  if (values != nullptr) std::fill_n(values, n, std::numeric_limits<T>::quiet_NaN());
}

// Where xt::linalg hides LAPACK's verdict, xt::lapack has it.

template <class T>
Outcome qr(const Qr& call) {
  const Index m = call.m, n = call.n, l = std::min(m, n);
  const T* const a = call.a;
  fill_with_nan<T>(call.q, m * l);
  fill_with_nan<T>(call.r, l * n);
  if (!all_finite(call.type, a, m * n)) return Outcome::not_finite;
  if (l == 0) return Outcome::found;
  const BlasGuard guard;
  const auto [q, r] = xt::linalg::qr(rows(a, m, n));
  put<T>(call.q, m, l, q);
  put<T>(call.r, l, n, r);
  return Outcome::found;
}

template <class T, class W>
Outcome svd(const Svd& call) {
  const Index m = call.m, n = call.n, l = std::min(m, n);
  const T* const a = call.a;
  fill_with_nan<T>(call.u, m * l);
  fill_with_nan<T>(call.s, l);
  fill_with_nan<T>(call.vt, l * n);
  if (!all_finite(call.type, a, m * n)) return Outcome::not_finite;
  if (l == 0) return Outcome::found;
  const BlasGuard guard;
  // a^T = v diag(s) u^T; what is v by columns is v^T by rows.
  Columns<W> matrix = transposed<W>(a, m, n);
  const auto [info, v, s, ut] = xt::lapack::gesdd(matrix, call.u ? 'S' : 'N');
  if (info != 0) return Outcome::not_converged;
  std::copy_n(s.data(), l, static_cast<T*>(call.s));
  if (!call.u) return Outcome::found;
  std::copy_n(ut.data(), m * l, static_cast<T*>(call.u));
  std::copy_n(v.data(), l * n, static_cast<T*>(call.vt));
  return Outcome::found;
}

template <class T, class W>
Outcome eigh(const Eigh& call) {
  const Index n = call.n;
  const T* const a = call.a;
  fill_with_nan<T>(call.w, n);
  fill_with_nan<T>(call.v, n * n);
  for (Index i = 0; i < n; ++i)
    if (!all_finite(call.type, a + i * n, i + 1)) return Outcome::not_finite;
  if (n == 0) return Outcome::found;
  const BlasGuard guard;
  Columns<W> matrix = transposed<W>(a, n, n);
  Values<W> w(std::array{at(n)});
  if (xt::lapack::syevd(matrix, 'V', 'U', w) != 0) return Outcome::not_converged;
  std::copy_n(w.data(), n, static_cast<T*>(call.w));
  put<T>(call.v, n, n, matrix);
  return Outcome::found;
}

template <class T, class W>
Outcome lstsq(const Lstsq& call) {
  const Index m = call.m, n = call.n, k = call.k, l = std::min(m, n);
  const T *const a = call.a, *const b = call.b;
  *call.rank = 0;
  fill_with_nan<T>(call.x, n * k);
  fill_with_nan<T>(call.s, l);
  if (!all_finite(call.type, a, m * n) || !all_finite(call.type, b, m * k))
    return Outcome::not_finite;
  if (l == 0) {
    std::fill_n<T*>(call.x, n * k, T(0));
    return Outcome::found;
  }
  const BlasGuard guard;
  Columns<W> matrix = rows(a, m, n);
  // LAPACK refuses to have no right-hand side.
  Columns<W> solution(std::array{at(std::max(m, n)), at(std::max(k, Index{1}))}, W(0));
  Values<W> s(std::array{at(l)});
  xt::view(solution, xt::range(0, m), xt::range(0, k)) = rows(b, m, k);
  const double rcond =
      call.rcond < 0 ? static_cast<double>(std::numeric_limits<T>::epsilon()) : call.rcond;
  xt::blas_index_t rank = 0;
  if (xt::lapack::gelsd(matrix, solution, s, rank, rcond) != 0) return Outcome::not_converged;
  *call.rank = rank;
  std::copy_n(s.data(), l, static_cast<T*>(call.s));
  put<T>(call.x, n, k, xt::view(solution, xt::range(0, n), xt::range(0, k)));
  return Outcome::found;
}

}  // namespace

void Qr::describe(Description& d) const {
  const Index l = std::min(m, n);
  d.number("m", m).number("n", n).reads("a", a, m * n).writes("q", q, m * l);
  d.writes("r", r, l * n).writes("outcome", outcome, 1);
}

void Svd::describe(Description& d) const {
  const Index l = std::min(m, n);
  d.number("m", m).number("n", n).reads("a", a, m * n).writes("u", u, m * l).writes("s", s, l);
  d.writes("vt", vt, l * n).writes("outcome", outcome, 1);
}

void Eigh::describe(Description& d) const {
  d.number("n", n).reads("a", a, n * n).writes("w", w, n).writes("v", v, n * n);
  d.writes("outcome", outcome, 1);
}

void Lstsq::describe(Description& d) const {
  d.number("m", m).number("n", n).number("k", k).number("rcond", rcond).reads("a", a, m * n);
  d.reads("b", b, m * k).writes("x", x, n * k).writes("s", s, std::min(m, n));
  d.writes("rank", rank, 1).writes("outcome", outcome, 1);
}

void execute(const Qr& call) {
  with_floating(call.type, [&]<class T>(T) { *call.outcome = qr<T>(call); });
}

void execute(const Svd& call) {
  with_types(call.type, call.m * call.n,
             [&]<class T, class W>(T, W) { *call.outcome = svd<T, W>(call); });
}

void execute(const Eigh& call) {
  with_types(call.type, call.n * call.n,
             [&]<class T, class W>(T, W) { *call.outcome = eigh<T, W>(call); });
}

void execute(const Lstsq& call) {
  with_types(call.type, std::max(call.m, call.k) * std::max(call.n, call.k),
             [&]<class T, class W>(T, W) { *call.outcome = lstsq<T, W>(call); });
}

}  // namespace gradus::kernels
