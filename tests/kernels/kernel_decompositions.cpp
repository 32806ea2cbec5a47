#include <cmath>
#include <limits>
#include <random>
#include <thread>
#include <tuple>
#include <vector>

#include "kernels/matrices.hpp"
#include "kernels/products/decompositions.hpp"
#include "support/catch.hpp"

using namespace gradus;
using namespace gradus::kernels;
using namespace gradus::test;

namespace {

template <class T>
constexpr DType dtype = std::is_same_v<T, float> ? DType::float32 : DType::float64;

double size_of_values(const Exact& a) { return distance(a, Exact(a.m, a.n)); }

/// What rounding may cost in a decomposition of a.
template <class T>
double rounding(const Matrix<T>& a) {
  return 8 * std::numeric_limits<T>::epsilon() * std::sqrt(static_cast<double>(a.m * a.n) + 1) *
         static_cast<double>(std::max(size_of_values(exact(a)), 0.0));
}
template <class T>
double rounding(Index n) {
  return 16 * std::numeric_limits<T>::epsilon() * static_cast<double>(n + 1);
}

template <class T>
Matrix<T> random(Index m, Index n, unsigned seed, double scale = 1) {
  std::mt19937 source(seed);
  std::normal_distribution<double> pick;
  Matrix<T> out(m, n);
  for (T& x : out.values) x = static_cast<T>(scale * pick(source));
  return out;
}

/// Matrices of many shapes: tall, wide, of low rank, of zeros, of large and small numbers.
template <class T>
std::vector<Matrix<T>> examples() {
  std::vector<Matrix<T>> all;
  unsigned seed = 0;
  for (const auto& [m, n] : std::vector<std::pair<Index, Index>>{
           {1, 1}, {2, 2}, {3, 5}, {5, 3}, {1, 7}, {7, 1}, {20, 20}, {40, 9}, {9, 70}, {65, 64}})
    all.push_back(random<T>(m, n, ++seed));
  for (const auto& [m, n] : std::vector<std::pair<Index, Index>>{{6, 6}, {8, 5}, {5, 8}}) {
    all.emplace_back(m, n);   // of zeros
    Matrix<T> product(m, n);  // of rank 2
    seed += 2;
    const Exact exactly = exact(random<T>(m, 2, seed)) * exact(random<T>(2, n, seed + 1));
    for (std::size_t i = 0; i < product.values.size(); ++i)
      product.values[i] = static_cast<T>(exactly.values[i]);
    all.push_back(product);
  }
  const double large = std::is_same_v<T, float> ? 1e30 : 1e300;
  all.push_back(random<T>(6, 4, ++seed, large));
  all.push_back(random<T>(4, 6, ++seed, 1 / large));
  return all;
}

template <class T>
struct QrOf {
  Matrix<T> q, r;
  Outcome outcome;

  explicit QrOf(const Matrix<T>& a) : q(a.m, std::min(a.m, a.n)), r(std::min(a.m, a.n), a.n) {
    run(Qr{dtype<T>, a.m, a.n, a.data(), q.data(), r.data(), &outcome});
  }
};

template <class T>
struct SvdOf {
  Matrix<T> u, vt;
  std::vector<T> s;
  Outcome outcome;

  explicit SvdOf(const Matrix<T>& a, bool values_alone = false)
      : u(a.m, std::min(a.m, a.n)),
        vt(std::min(a.m, a.n), a.n),
        s(static_cast<std::size_t>(std::min(a.m, a.n))) {
    run(Svd{dtype<T>, a.m, a.n, a.data(), values_alone ? nullptr : u.data(), s.data(),
            values_alone ? nullptr : vt.data(), &outcome});
  }
};

template <class T>
struct EighOf {
  std::vector<T> w;
  Matrix<T> v;
  Outcome outcome;

  explicit EighOf(const Matrix<T>& a) : w(static_cast<std::size_t>(a.n)), v(a.n, a.n) {
    run(Eigh{dtype<T>, a.n, a.data(), w.data(), v.data(), &outcome});
  }
};

template <class T>
struct LstsqOf {
  Matrix<T> x;
  std::vector<T> s;
  Index rank = -1;
  Outcome outcome;

  LstsqOf(const Matrix<T>& a, const Matrix<T>& b, double rcond = -1)
      : x(a.n, b.n), s(static_cast<std::size_t>(std::min(a.m, a.n))) {
    run(Lstsq{dtype<T>, a.m, a.n, b.n, a.data(), b.data(), rcond, x.data(), s.data(), &rank,
              &outcome});
  }
};

template <class T>
bool all_nan(const std::vector<T>& values) {
  return std::all_of(values.begin(), values.end(), [](T x) { return std::isnan(x); });
}

template <class T>
Matrix<T> symmetric(const Matrix<T>& a) {
  Matrix<T> out(a.n, a.n);
  for (Index i = 0; i < a.n; ++i)
    for (Index j = 0; j <= i; ++j) out(i, j) = out(j, i) = a(i % a.m, j);
  return out;
}

}  // namespace

TEMPLATE_TEST_CASE("qr gives orthonormal columns times an upper triangle", "[decomposition]", float,
                   double) {
  for (const Matrix<TestType>& a : examples<TestType>()) {
    INFO(a.m << " x " << a.n);
    const QrOf<TestType> found(a);
    CHECK(found.outcome == Outcome::found);
    const Exact q = exact(found.q), r = exact(found.r);
    CHECK(distance(q * r, exact(a)) <= rounding(a));
    CHECK(distance(transpose(q) * q, identity(q.n)) <= rounding<TestType>(q.m));
    for (Index i = 0; i < r.m; ++i)
      for (Index j = 0; j < std::min(i, r.n); ++j) CHECK(r(i, j) == 0);
  }
}

TEMPLATE_TEST_CASE(
    "svd gives orthonormal columns and rows, and descending values that are not "
    "negative",
    "[decomposition]", float, double) {
  for (const Matrix<TestType>& a : examples<TestType>()) {
    INFO(a.m << " x " << a.n);
    const SvdOf<TestType> found(a);
    CHECK(found.outcome == Outcome::found);
    const Exact u = exact(found.u), vt = exact(found.vt);
    CHECK(distance(u * diagonal(found.s) * vt, exact(a)) <= rounding(a));
    CHECK(distance(transpose(u) * u, identity(u.n)) <= rounding<TestType>(u.m));
    CHECK(distance(vt * transpose(vt), identity(vt.m)) <= rounding<TestType>(vt.n));
    CHECK(std::is_sorted(found.s.rbegin(), found.s.rend()));
    CHECK(found.s.back() >= 0);

    const SvdOf<TestType> alone(a, true);
    CHECK(alone.outcome == Outcome::found);
    CHECK(distance(diagonal(alone.s), diagonal(found.s)) <= rounding(a));
  }
}

TEMPLATE_TEST_CASE("eigh gives orthogonal eigenvectors and ascending eigenvalues",
                   "[decomposition]", float, double) {
  for (const Matrix<TestType>& example : examples<TestType>()) {
    const Matrix<TestType> a = symmetric(example);
    INFO(a.m << " x " << a.n);
    const EighOf<TestType> found(a);
    CHECK(found.outcome == Outcome::found);
    const Exact v = exact(found.v);
    CHECK(distance(v * diagonal(found.w) * transpose(v), exact(a)) <= rounding(a));
    CHECK(distance(transpose(v) * v, identity(v.n)) <= rounding<TestType>(v.n));
    CHECK(std::is_sorted(found.w.begin(), found.w.end()));
  }
}

TEMPLATE_TEST_CASE("a solution by lstsq has the least residual, and is the shortest of those",
                   "[decomposition]", float, double) {
  unsigned seed = 100;
  for (const Matrix<TestType>& a : examples<TestType>()) {
    INFO(a.m << " x " << a.n);
    const double scale = size_of_values(exact(a));
    const Matrix<TestType> b = random<TestType>(a.m, 3, ++seed, scale);
    const LstsqOf<TestType> found(a, b, 1e-5);
    CHECK(found.outcome == Outcome::found);
    // With a = u s v^T to its rank, x = v s^-1 u^T b, which has no part outside of v.
    const SvdOf<TestType> svd(a);
    CHECK(distance(diagonal(found.s), diagonal(svd.s)) <= rounding(a));
    Index rank = 0;
    for (const TestType s : svd.s) rank += s > TestType(1e-5) * svd.s[0];
    CHECK(found.rank == rank);
    Exact inverse(static_cast<Index>(svd.s.size()), static_cast<Index>(svd.s.size()));
    double least = 1;
    for (Index i = 0; i < rank; ++i) {
      inverse(i, i) = 1 / static_cast<long double>(svd.s[static_cast<std::size_t>(i)]);
      least = static_cast<double>(svd.s[static_cast<std::size_t>(i)]) / scale;
    }
    const Exact want = transpose(exact(svd.vt)) * (inverse * (transpose(exact(svd.u)) * exact(b)));
    const double tolerance = 64 * rounding<TestType>(a.m + a.n) / least / least;
    CHECK(distance(exact(found.x), want) <= tolerance);
  }
}

TEMPLATE_TEST_CASE("decompositions of small matrices have the values known from paper",
                   "[decomposition]", float, double) {
  using T = TestType;
  const double close = 8 * std::numeric_limits<T>::epsilon();
  const auto approx = [&](double x) { return Approx(x).epsilon(close).margin(close); };
  const Matrix<T> a(2, 2, {3, 0, 4, 5});
  const QrOf<T> qr(a);
  CHECK(std::abs(qr.r(0, 0)) == approx(5));
  CHECK(std::abs(qr.r(0, 1)) == approx(4));
  CHECK(std::abs(qr.r(1, 1)) == approx(3));
  CHECK(qr.q(0, 0) / qr.q(1, 0) == approx(0.75));

  const SvdOf<T> svd(a);
  CHECK(svd.s[0] == approx(std::sqrt(45)));
  CHECK(svd.s[1] == approx(std::sqrt(5)));
  CHECK(svd.u(1, 0) / svd.u(0, 0) == approx(3));
  CHECK(svd.vt(0, 0) / svd.vt(0, 1) == approx(1));

  const EighOf<T> eigh(Matrix<T>(2, 2, {2, 1, 1, 2}));
  CHECK(eigh.w[0] == approx(1));
  CHECK(eigh.w[1] == approx(3));
  CHECK(eigh.v(0, 0) / eigh.v(1, 0) == approx(-1));
  CHECK(eigh.v(0, 1) / eigh.v(1, 1) == approx(1));

  // y = 1 + 2 t through three points
  const LstsqOf<T> line(Matrix<T>(3, 2, {1, 0, 1, 1, 1, 2}), Matrix<T>(3, 1, {1, 3, 5}));
  CHECK(line.x(0, 0) == approx(1));
  CHECK(line.x(1, 0) == approx(2));
  CHECK(line.rank == 2);
  const LstsqOf<T> shortest(Matrix<T>(1, 2, {1, 1}), Matrix<T>(1, 1, {2}));
  CHECK(shortest.x(0, 0) == approx(1));
  CHECK(shortest.x(1, 0) == approx(1));

  const SvdOf<T> negative(Matrix<T>(1, 1, {-3}));
  CHECK(negative.s[0] == approx(3));
  CHECK(negative.u(0, 0) * negative.vt(0, 0) == approx(-1));
  const EighOf<T> single(Matrix<T>(1, 1, {-3}));
  CHECK(single.w[0] == approx(-3));
  CHECK(std::abs(single.v(0, 0)) == approx(1));
}

TEST_CASE("lstsq takes singular values up to rcond times the largest for zeros") {
  const Matrix<double> a(2, 2, {1, 0, 0, 1e-3}), b(2, 1, {2, 2});
  const LstsqOf<double> all(a, b), large(a, b, 1e-2);
  CHECK(all.rank == 2);
  CHECK(all.x(1, 0) == Approx(2000));
  CHECK(large.rank == 1);
  CHECK(large.x(0, 0) == Approx(2));
  CHECK(std::abs(large.x(1, 0)) < 1e-12);
}

TEST_CASE("eigh reads the lower triangle alone") {
  Matrix<double> a = symmetric(random<double>(9, 9, 5));
  const EighOf<double> whole(a);
  for (Index i = 0; i < 9; ++i)
    for (Index j = i + 1; j < 9; ++j) a(i, j) = std::numeric_limits<double>::quiet_NaN();
  const EighOf<double> lower(a);
  CHECK(lower.outcome == Outcome::found);
  CHECK(lower.w == whole.w);
  CHECK(lower.v.values == whole.v.values);
}

TEMPLATE_TEST_CASE("an infinity or NaN is told of, and makes NaN", "[decomposition]", float,
                   double) {
  using T = TestType;
  for (const T bad : {std::numeric_limits<T>::infinity(), std::numeric_limits<T>::quiet_NaN()})
    for (const auto& [m, n] :
         std::vector<std::pair<Index, Index>>{{1, 1}, {5, 5}, {30, 4}, {4, 30}}) {
      Matrix<T> a = random<T>(m, n, 3);
      a(m - 1, n / 2) = bad;
      INFO(m << " x " << n << " with " << bad);
      const QrOf<T> qr(a);
      CHECK(qr.outcome == Outcome::not_finite);
      CHECK(all_nan(qr.q.values));
      CHECK(all_nan(qr.r.values));
      const SvdOf<T> svd(a);
      CHECK(svd.outcome == Outcome::not_finite);
      CHECK(all_nan(svd.u.values));
      CHECK(all_nan(svd.s));
      CHECK(all_nan(svd.vt.values));
      CHECK(SvdOf<T>(a, true).outcome == Outcome::not_finite);
      const Matrix<T> b = random<T>(m, 2, 4);
      const LstsqOf<T> left(a, b);
      CHECK(left.outcome == Outcome::not_finite);
      CHECK(left.rank == 0);
      CHECK(all_nan(left.x.values));
      CHECK(all_nan(left.s));
      Matrix<T> worse = b;
      worse(m - 1, 1) = bad;
      CHECK(LstsqOf<T>(random<T>(m, n, 3), worse).outcome == Outcome::not_finite);
      if (m != n) continue;
      const EighOf<T> eigh(a);
      CHECK(eigh.outcome == Outcome::not_finite);
      CHECK(all_nan(eigh.w));
      CHECK(all_nan(eigh.v.values));
    }
}

TEMPLATE_TEST_CASE("matrices without elements have decompositions without elements",
                   "[decomposition]", float, double) {
  using T = TestType;
  for (const auto& [m, n] : std::vector<std::pair<Index, Index>>{{0, 0}, {0, 4}, {4, 0}}) {
    INFO(m << " x " << n);
    const Matrix<T> a(m, n);
    CHECK(QrOf<T>(a).outcome == Outcome::found);
    CHECK(SvdOf<T>(a).outcome == Outcome::found);
    const LstsqOf<T> solved(a, random<T>(m, 2, 1));
    CHECK(solved.outcome == Outcome::found);
    CHECK(solved.rank == 0);
    CHECK(solved.x.values == std::vector<T>(static_cast<std::size_t>(2 * n)));
  }
  CHECK(EighOf<T>(Matrix<T>(0, 0)).outcome == Outcome::found);
  const LstsqOf<T> nothing_asked(random<T>(5, 3, 1), Matrix<T>(5, 0));
  CHECK(nothing_asked.outcome == Outcome::found);
  CHECK(nothing_asked.rank == 3);
  CHECK(nothing_asked.s[2] > 0);
}

TEST_CASE("matrices of millions of float32 are decomposed") {
  Matrix<float> a(Index{1} << 23, 1);
  for (Index i = 0; i < a.m; ++i) a(i, 0) = static_cast<float>(i % 3) - 1;
  const double norm = std::sqrt(2.0 / 3 * static_cast<double>(a.m));
  const SvdOf<float> svd(a);
  CHECK(svd.outcome == Outcome::found);
  CHECK(svd.s[0] == Approx(norm).epsilon(1e-6));
  CHECK(std::abs(svd.u(0, 0)) == Approx(1 / norm).epsilon(1e-6));
  Matrix<float> b = a;
  for (float& x : b.values) x *= -2;
  const LstsqOf<float> solved(a, b);
  CHECK(solved.outcome == Outcome::found);
  CHECK(solved.x(0, 0) == Approx(-2).epsilon(1e-6));
  CHECK(solved.rank == 1);
}

TEST_CASE("threads decompose matrices side by side, to the same bits") {
  const Matrix<double> a = random<double>(30, 20, 7), b = random<double>(30, 2, 8);
  const auto all = [&] {
    const QrOf<double> qr(a);
    const SvdOf<double> svd(a);
    const EighOf<double> eigh(symmetric(a));
    const LstsqOf<double> solved(a, b);
    return std::tuple(qr.q.values, qr.r.values, svd.u.values, svd.s, svd.vt.values, eigh.w,
                      eigh.v.values, solved.x.values);
  };
  const auto expected = all();
  std::vector<int> wrong(4);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < wrong.size(); ++i)
    threads.emplace_back([&, i] {
      for (int k = 0; k < 20; ++k) wrong[i] += all() != expected;
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(4));
}
