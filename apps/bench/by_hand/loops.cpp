// Elementwise operations, reductions and rows of 256 values as single loops over arrays that exist
// already: what the processor and its memory allow.
#include "math.hpp"
#include "net.hpp"

namespace by_hand {
namespace {

constexpr int kRow = 256;

/// Inputs a and b, weights d (two rows), result c, labels.
struct Arrays {
  Values a, b, c, d;
  std::vector<int> labels;
};

using Loop = void (*)(Arrays&);

/// c[i] = f(a[i], b[i])
template <class F>
void map(Arrays& arrays, F f) {
  const float* __restrict a = arrays.a.data();
  const float* __restrict b = arrays.b.data();
  float* __restrict c = arrays.c.data();
  const std::size_t n = arrays.a.size();
  for (std::size_t i = 0; i < n; ++i) c[i] = f(a[i], b[i]);
}

/// f(row of a, row of b, row of c, number of the row)
template <class F>
void rows(Arrays& arrays, F f) {
  for (std::size_t i = 0; i < arrays.a.size() / kRow; ++i)
    f(arrays.a.data() + i * kRow, arrays.b.data() + i * kRow, arrays.c.data() + i * kRow, i);
}

float sum_of(const float* x) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int j = 0; j < kRow; ++j) sum += x[j];
  return sum;
}

float variance_of(const float* x, float mean) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int j = 0; j < kRow; ++j) sum += (x[j] - mean) * (x[j] - mean);
  return sum / kRow;
}

/// e^(x - max) into y; returns the sum.
float exponentials(const float* __restrict x, float* __restrict y) {
  float largest = x[0];
#pragma omp simd reduction(max : largest)
  for (int j = 0; j < kRow; ++j) largest = x[j] > largest ? x[j] : largest;
  for (int j = 0; j < kRow; ++j) y[j] = exp_of(x[j] - largest);
  return sum_of(y);
}

void bias(Arrays& arrays) {
  const float* __restrict d = arrays.d.data();
  rows(arrays, [=](const float* __restrict a, const float*, float* __restrict c, std::size_t) {
    for (int j = 0; j < kRow; ++j) c[j] = a[j] + d[j];
  });
}

void softmax(Arrays& arrays) {
  rows(arrays, [](const float* a, const float*, float* __restrict c, std::size_t) {
    const float factor = 1 / exponentials(a, c);
    for (int j = 0; j < kRow; ++j) c[j] *= factor;
  });
}

/// a is the result, b its gradient.
void softmax_backward(Arrays& arrays) {
  rows(arrays,
       [](const float* __restrict a, const float* __restrict b, float* __restrict c, std::size_t) {
         float sum = 0;
#pragma omp simd reduction(+ : sum)
         for (int j = 0; j < kRow; ++j) sum += a[j] * b[j];
         for (int j = 0; j < kRow; ++j) c[j] = a[j] * (b[j] - sum);
       });
}

void layer_norm(Arrays& arrays) {
  const float* __restrict d = arrays.d.data();
  rows(arrays, [=](const float* __restrict a, const float*, float* __restrict c, std::size_t) {
    const float mean = sum_of(a) / kRow, inverse = 1 / std::sqrt(variance_of(a, mean) + 1e-5f);
    for (int j = 0; j < kRow; ++j) c[j] = (a[j] - mean) * inverse * d[j] + d[kRow + j];
  });
}

/// The gradients of input, weight and bias, with what the forward pass knew computed anew.
void layer_norm_backward(Arrays& arrays) {
  const float* __restrict d = arrays.d.data();
  float dgamma[kRow] = {}, dbeta[kRow] = {}, z[kRow];
  rows(arrays,
       [&](const float* __restrict a, const float* __restrict b, float* __restrict c, std::size_t) {
         const float mean = sum_of(a) / kRow, inverse = 1 / std::sqrt(variance_of(a, mean) + 1e-5f);
         float s1 = 0, s2 = 0;
#pragma omp simd reduction(+ : s1, s2)
         for (int j = 0; j < kRow; ++j) {
           z[j] = (a[j] - mean) * inverse;
           dgamma[j] += b[j] * z[j];
           dbeta[j] += b[j];
           s1 += b[j] * d[j];
           s2 += b[j] * d[j] * z[j];
         }
         s1 /= kRow, s2 /= kRow;
         for (int j = 0; j < kRow; ++j) c[j] = inverse * (b[j] * d[j] - s1 - z[j] * s2);
       });
  bench::keep(dgamma[0]);
  bench::keep(dbeta[0]);
}

void cross_entropy(Arrays& arrays) {
  float loss = 0;
  rows(arrays, [&](const float* a, const float*, float* c, std::size_t i) {
    float largest = a[0];
#pragma omp simd reduction(max : largest)
    for (int j = 0; j < kRow; ++j) largest = a[j] > largest ? a[j] : largest;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int j = 0; j < kRow; ++j) sum += exp_of(a[j] - largest);
    loss += std::log(sum) + largest - a[arrays.labels[i]];
    c[0] = sum;
  });
  bench::keep(loss);
}

void cross_entropy_backward(Arrays& arrays) {
  rows(arrays, [&](const float* a, const float*, float* __restrict c, std::size_t i) {
    const float factor = 0.01f / exponentials(a, c);
    for (int j = 0; j < kRow; ++j) c[j] *= factor;
    c[arrays.labels[i]] -= 0.01f;
  });
}

struct Named {
  const char* name;
  Loop loop;
};

const Named kLoops[] = {
    {"add.forward", [](Arrays& x) { map(x, [](float a, float b) { return a + b; }); }},
    {"mul.forward", [](Arrays& x) { map(x, [](float a, float b) { return a * b; }); }},
    {"relu.forward", [](Arrays& x) { map(x, [](float a, float) { return a > 0 ? a : 0.0f; }); }},
    {"relu.backward", [](Arrays& x) { map(x, [](float a, float b) { return a > 0 ? b : 0.0f; }); }},
    {"exp.forward", [](Arrays& x) { map(x, [](float a, float) { return exp_of(a); }); }},
    {"exp.backward", [](Arrays& x) { map(x, [](float a, float b) { return a * b; }); }},
    {"tanh.forward", [](Arrays& x) { map(x, [](float a, float) { return tanh_of(a); }); }},
    {"tanh.backward", [](Arrays& x) { map(x, [](float a, float b) { return b * (1 - a * a); }); }},
    {"sigmoid.forward", [](Arrays& x) { map(x, [](float a, float) { return sigmoid_of(a); }); }},
    {"sigmoid.backward",
     [](Arrays& x) { map(x, [](float a, float b) { return b * a * (1 - a); }); }},
    {"gelu.forward",
     [](Arrays& x) {
       map(x, [](float a, float) {
         float slope;
         return gelu_of(a, slope);
       });
     }},
    {"gelu.backward",
     [](Arrays& x) {
       map(x, [](float a, float b) {
         float slope;
         gelu_of(a, slope);
         return b * slope;
       });
     }},
    {"bias.forward", bias},
    {"bias.backward",
     [](Arrays& x) {
       column_sums(x.b.data(), static_cast<int>(x.b.size()) / kRow, kRow, x.c.data());
     }},
    {"sum0.forward",
     [](Arrays& x) {
       column_sums(x.a.data(), static_cast<int>(x.a.size()) / kRow, kRow, x.c.data());
     }},
    {"sum1.forward",
     [](Arrays& x) {
       rows(x, [&](const float* a, const float*, float*, std::size_t i) { x.c[i] = sum_of(a); });
     }},
    {"softmax.forward", softmax},
    {"softmax.backward", softmax_backward},
    {"layer_norm.forward", layer_norm},
    {"layer_norm.backward", layer_norm_backward},
    {"cross_entropy.forward", cross_entropy},
    {"cross_entropy.backward", cross_entropy_backward},
    {"copy", [](Arrays& x) { map(x, [](float a, float) { return a; }); }},
};

/// y = w s, z = y sigmoid(1.702 y), the mean of z^2, and its gradient dw.
float swish(const float* __restrict w, float s, float* __restrict dw, long n) {
  float sum = 0;
  const float factor = 2 / static_cast<float>(n);
#pragma omp simd reduction(+ : sum)
  for (long i = 0; i < n; ++i) {
    const float y = w[i] * s, gate = sigmoid_of(1.702f * y), z = y * gate;
    sum += z * z;
    dw[i] = factor * z * (gate + 1.702f * z * (1 - gate)) * s;
  }
  return sum / static_cast<float>(n);
}

}  // namespace

void measure_chain(long n, const bench::Options& options) {
  std::mt19937 generator(1);
  Values w(static_cast<std::size_t>(n)), dw(static_cast<std::size_t>(n));
  fill_normal(w, 1, generator);
  auto blocks = bench::measure([&] { bench::keep(swish(w.data(), 0.9f, dw.data(), n)); }, options);
  for (double& block : blocks) block /= static_cast<double>(n);
  bench::print_line("swish", "ns", blocks, bench::field("size", static_cast<double>(n)));
}

void measure_loops(long n, const bench::Options& options) {
  std::mt19937 generator(1);
  const auto count = static_cast<std::size_t>(n);
  Arrays arrays{Values(count), Values(count), Values(count), Values(2 * kRow), {}};
  for (Values* values : {&arrays.a, &arrays.b, &arrays.d}) fill_normal(*values, 1, generator);
  for (std::size_t i = 0; i < count / kRow; ++i)
    arrays.labels.push_back(static_cast<int>(generator() % kRow));
  for (const Named& named : kLoops) {
    auto blocks = bench::measure(
        [&] {
          named.loop(arrays);
          asm volatile("" : : : "memory");
        },
        options);
    for (double& block : blocks) block /= static_cast<double>(n);
    bench::print_line(named.name, "ns", blocks, bench::field("size", static_cast<double>(n)));
  }
}

}  // namespace by_hand
