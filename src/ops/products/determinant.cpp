#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/products/linalg.hpp"

namespace gradus {

using detail::Lu;

namespace {

/// g as a stack of 1 x 1 matrices, to scale a stack of matrices.
Tensor per_matrix(const Tensor& g) { return unsqueeze(unsqueeze(g, -1), -1); }

bool is_odd(const Lu& factors, Index i) {
  bool odd = false;
  for (Index p = 0; p < factors.stack.order; ++p) odd ^= factors.pivots_of(i)[p] != p;
  return odd;
}

/// True if det(a) a^-T, differentiated twice, still has correct digits for every matrix.
bool well_conditioned(const Tensor& a) {
  const Lu factors = detail::lu(a, "det");
  const double epsilon = a.dtype() == DType::float32
                             ? static_cast<double>(std::numeric_limits<float>::epsilon())
                             : std::numeric_limits<double>::epsilon();
  const double least = std::cbrt(epsilon);
  for (Index i = 0; i < factors.stack.count; ++i) {
    double smallest = std::numeric_limits<double>::infinity(), largest = 0;
    for (Index p = 0; p < factors.stack.order; ++p) {
      const double pivot = std::abs(factors.pivot(i, p));
      smallest = std::min(smallest, pivot);
      largest = std::max(largest, pivot);
    }
    if (!(smallest > least * largest)) return false;
  }
  return true;
}

/// 0, 1, … n - 1 without `left_out`.
void append_others(std::vector<Index>& places, Index n, Index left_out) {
  for (Index i = 0; i < n; ++i)
    if (i != left_out) places.push_back(i);
}

/// The matrices of signed minors: det(a) a^-T for an invertible a, and a polynomial for any.
Tensor cofactors(const Tensor& a) {
  const Index n = a.size(-1), count = n ? a.numel() / (n * n) : 0;
  const Tensor flat = reshape(a, {count, n, n});
  std::vector<Index> columns;
  for (Index j = 0; j < n; ++j) append_others(columns, n, j);
  const Tensor column_index = from_vector(columns);
  std::vector<Tensor> rows;
  std::vector<double> signs;
  for (Index i = 0; i < n; ++i) {
    std::vector<Index> others;
    append_others(others, n, i);
    // (count, n - 1, n) -> (count, n - 1, n (n - 1)) -> (count, n, n - 1, n - 1)
    const Tensor without_row = index_select(flat, 1, from_vector(others));
    const Tensor minors =
        reshape(index_select(without_row, 2, column_index), {count, n - 1, n, n - 1});
    rows.push_back(det(permute(minors, {0, 2, 1, 3})));
    for (Index j = 0; j < n; ++j) signs.push_back((i + j) % 2 ? -1 : 1);
  }
  const Tensor sign = from_vector(signs, {n, n}).to(a.dtype());
  return reshape(stack(rows, 1) * sign, a.shape());
}

struct Logarithms {
  Tensor sign, logabs;
};

Logarithms logarithms(const Tensor& a, const char* operation) {
  const Lu factors = detail::lu(a, operation);
  const auto count = static_cast<std::size_t>(factors.stack.count);
  std::vector<double> sign(count), logabs(count);
  for (std::size_t m = 0; m < count; ++m) {
    const auto i = static_cast<Index>(m);
    sign[m] = is_odd(factors, i) ? -1 : 1;
    for (Index p = 0; p < factors.stack.order; ++p) {
      const double pivot = factors.pivot(i, p);
      logabs[m] += std::log(std::abs(pivot));
      sign[m] *= pivot > 0 ? 1 : pivot < 0 ? -1 : pivot;  // 0 and NaN stay
    }
  }
  return {from_vector(sign, factors.stack.batch).to(a.dtype()),
          from_vector(logabs, factors.stack.batch).to(a.dtype())};
}

/// Records `value`, a logarithm of |det(a)|.
Tensor record_logarithm(const char* name, const Tensor& value, const Tensor& a) {
  return record(name, value, {a}, [](const Vjp& k) {
    return detail::safe_mul(per_matrix(k.grad), transpose(detail::inverse_or_zero(k.in(0))));
  });
}

}  // namespace

Tensor det(const Tensor& a) {
  const Lu factors = detail::lu(a, "det");
  std::vector<double> values;
  for (Index i = 0; i < factors.stack.count; ++i) {
    double product = is_odd(factors, i) ? -1 : 1;
    for (Index p = 0; p < factors.stack.order; ++p) product *= factors.pivot(i, p);
    values.push_back(product);
  }
  Tensor value = from_vector(values, factors.stack.batch).to(a.dtype());
  return record("det", std::move(value), {a}, [](const Vjp& k) {
    const Tensor& x = k.in(0);
    if (!well_conditioned(x)) return detail::safe_mul(per_matrix(k.grad), cofactors(x));
    return detail::safe_mul(per_matrix(detail::safe_mul(k.grad, k.out())), transpose(inverse(x)));
  });
}

SignLogdet slogdet(const Tensor& a) {
  const Logarithms logs = logarithms(a, "slogdet");
  return {logs.sign, record_logarithm("slogdet", logs.logabs, a)};
}

Tensor logdet(const Tensor& a) {
  const Logarithms logs = logarithms(a, "logdet");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  return record_logarithm("logdet", where(lt(logs.sign, 0.0), nan, logs.logabs), a);
}

}  // namespace gradus
