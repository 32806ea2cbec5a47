// exp, tanh and GELU in single precision without branches, so that the compiler vectorizes loops
// over them; products by CBLAS; loops that several networks share.
#pragma once

#include <cblas.h>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <new>
#include <random>
#include <vector>

#include "../worker.hpp"

namespace by_hand {

/// e^x by 2^n e^r with |r| <= ln 2 / 2 and Cephes' polynomial.
inline float exp_of(float x) {
  x = x < -87.0f ? -87.0f : x > 88.0f ? 88.0f : x;
  const float shifted = x * 1.44269504088896341f + 12582912.0f;  // rounds: 1.5 2^23
  const float n = shifted - 12582912.0f;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  return p * std::bit_cast<float>((std::bit_cast<std::int32_t>(shifted) - 0x4B400000 + 127) << 23);
}

inline float tanh_of(float x) { return 1.0f - 2.0f / (exp_of(2.0f * x) + 1.0f); }
inline float sigmoid_of(float x) { return 1.0f / (1.0f + exp_of(-x)); }

/// x Phi(x) and its derivative Phi(x) + x phi(x); erf by Abramowitz and Stegun 7.1.26.
inline float gelu_of(float x, float& slope) {
  const float u = x * 0.70710678118654752f, size = u < 0 ? -u : u;
  const float e = exp_of(-u * u), t = 1.0f / (1.0f + 0.3275911f * size);
  float p = 1.061405429f;
  p = p * t - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  const float tail = 0.5f * p * t * e;  // Phi(-|x|)
  const float cdf = u < 0 ? tail : 1.0f - tail;
  slope = cdf + x * 0.39894228040143268f * e;
  return x * cdf;
}

/// Memory that begins with a cache line.
template <class T>
struct Aligned {
  using value_type = T;
  Aligned() = default;
  template <class U>
  Aligned(const Aligned<U>&) {}
  T* allocate(std::size_t n) {
    return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t(64)));
  }
  void deallocate(T* memory, std::size_t) { ::operator delete(memory, std::align_val_t(64)); }
  bool operator==(const Aligned&) const = default;
};
using Values = std::vector<float, Aligned<float>>;

/// C (m, n) = op(A) op(B) with inner size k; row-major.
inline void product(const float* a, bool transpose_a, const float* b, bool transpose_b, float* c,
                    int m, int n, int k) {
  cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
              transpose_b ? CblasTrans : CblasNoTrans, m, n, k, 1.0f, a, transpose_a ? m : k, b,
              transpose_b ? k : n, 0.0f, c, n);
}

inline void column_sums(const float* __restrict x, int rows, int columns, float* __restrict sums) {
  for (int j = 0; j < columns; ++j) sums[j] = 0;
  for (int i = 0; i < rows; ++i)
#pragma omp simd
    for (int j = 0; j < columns; ++j) sums[j] += x[i * columns + j];
}

/// Loss and its gradient (already divided by the batch) of one row of logits.
inline float cross_entropy_row(const float* z, int classes, int label, float scale, float* d) {
  float largest = z[0], sum = 0;
  for (int j = 1; j < classes; ++j) largest = z[j] > largest ? z[j] : largest;
  for (int j = 0; j < classes; ++j) d[j] = exp_of(z[j] - largest);
#pragma omp simd reduction(+ : sum)
  for (int j = 0; j < classes; ++j) sum += d[j];
  const float factor = scale / sum;
  for (int j = 0; j < classes; ++j) d[j] *= factor;
  d[label] -= scale;
  return std::log(sum) + largest - z[label];
}

/// Mean of squares of p - y over n values, and its gradient.
inline float squared_error(const float* __restrict p, const float* __restrict y, std::size_t n,
                           float* __restrict d) {
  const float scale = 2.0f / static_cast<float>(n);
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::size_t i = 0; i < n; ++i) {
    const float gap = p[i] - y[i];
    d[i] = scale * gap;
    sum += gap * gap;
  }
  return sum / static_cast<float>(n);
}

/// A parameter with its gradient and the moments of Adam.
struct Parameter {
  Values value, grad, first, second;
  explicit Parameter(std::size_t n = 0, float fill = 0)
      : value(n, fill), grad(n), first(n), second(n) {}
};

/// SGD, Adam and AdamW in one pass over a parameter.
struct Update {
  enum class Kind { sgd, adam, adamw } kind = Kind::sgd;
  float lr = 0, first_bias = 1, second_bias = 1;
  double power1 = 1, power2 = 1;

  void next_step() {
    power1 *= 0.9, power2 *= 0.999;
    first_bias = static_cast<float>(1.0 / (1.0 - power1));
    second_bias = static_cast<float>(1.0 / std::sqrt(1.0 - power2));
  }

  void operator()(Parameter& parameter, float grad_scale = 1) const {
    const std::size_t n = parameter.value.size();
    float* __restrict p = parameter.value.data();
    const float* __restrict g = parameter.grad.data();
    if (kind == Kind::sgd) {
      for (std::size_t i = 0; i < n; ++i) p[i] -= lr * grad_scale * g[i];
      return;
    }
    float* __restrict m = parameter.first.data();
    float* __restrict v = parameter.second.data();
    const float keep = kind == Kind::adamw ? 1.0f - lr * 0.01f : 1.0f, rate = lr * first_bias;
    for (std::size_t i = 0; i < n; ++i) {
      const float grad = g[i] * grad_scale;
      m[i] = 0.9f * m[i] + 0.1f * grad;
      v[i] = 0.999f * v[i] + 0.001f * grad * grad;
      p[i] = keep * p[i] - rate * m[i] / (std::sqrt(v[i]) * second_bias + 1e-8f);
    }
  }
};

/// A stored weight (out, in) into one that lies as (in, out).
void read_transposed(bench::ValuesIn& values, Values& weight, int in, int out);

inline void fill_normal(Values& values, float scale, std::mt19937& generator) {
  std::normal_distribution<float> normal(0, scale);
  for (float& value : values) value = normal(generator);
}

}  // namespace by_hand
