// Elementwise operations, reductions and rows of 256 values as single loops over arrays that exist
// already: what the processor and its memory allow.
#include "math.hpp"
#include "net.hpp"

namespace by_hand {
namespace {

constexpr int kRow = 256;

/// Inputs a and b, result c, weights d (two rows), cotangent g, gradients da and db, labels.
struct Arrays {
  Values a, b, c, d, g, da, db;
  std::vector<int> labels;
};

using Loop = void (*)(Arrays&);

/// to[i] = f(x[i], y[i])
template <class F>
void map(const Values& x, const Values& y, Values& to, F f) {
  const float* __restrict a = x.data();
  const float* __restrict b = y.data();
  float* __restrict c = to.data();
  const std::size_t n = x.size();
  for (std::size_t i = 0; i < n; ++i) c[i] = f(a[i], b[i]);
}

/// f(row of x, row of y, row of `to`, number of the row)
template <class F>
void rows(const Values& x, const Values& y, Values& to, F f) {
  for (std::size_t i = 0; i < x.size() / kRow; ++i)
    f(x.data() + i * kRow, y.data() + i * kRow, to.data() + i * kRow, i);
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
  rows(arrays.a, arrays.b, arrays.c,
       [=](const float* __restrict a, const float*, float* __restrict c, std::size_t) {
         for (int j = 0; j < kRow; ++j) c[j] = a[j] + d[j];
       });
}

void softmax(Arrays& arrays) {
  rows(arrays.a, arrays.b, arrays.c,
       [](const float* a, const float*, float* __restrict c, std::size_t) {
         const float factor = 1 / exponentials(a, c);
         for (int j = 0; j < kRow; ++j) c[j] *= factor;
       });
}

void softmax_backward(Arrays& arrays) {
  rows(arrays.c, arrays.g, arrays.da,
       [](const float* __restrict a, const float* __restrict b, float* __restrict c, std::size_t) {
         float sum = 0;
#pragma omp simd reduction(+ : sum)
         for (int j = 0; j < kRow; ++j) sum += a[j] * b[j];
         for (int j = 0; j < kRow; ++j) c[j] = a[j] * (b[j] - sum);
       });
}

void layer_norm(Arrays& arrays) {
  const float* __restrict d = arrays.d.data();
  rows(arrays.a, arrays.b, arrays.c,
       [=](const float* __restrict a, const float*, float* __restrict c, std::size_t) {
         const float mean = sum_of(a) / kRow, inverse = 1 / std::sqrt(variance_of(a, mean) + 1e-5f);
         for (int j = 0; j < kRow; ++j) c[j] = (a[j] - mean) * inverse * d[j] + d[kRow + j];
       });
}

/// The gradients of input, weight and bias, with what the forward pass knew computed anew.
void layer_norm_backward(Arrays& arrays) {
  const float* __restrict d = arrays.d.data();
  float dgamma[kRow] = {}, dbeta[kRow] = {}, z[kRow];
  rows(arrays.a, arrays.g, arrays.da,
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
  rows(arrays.a, arrays.b, arrays.c, [&](const float* a, const float*, float* c, std::size_t i) {
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
  rows(arrays.a, arrays.g, arrays.da,
       [&](const float* a, const float*, float* __restrict c, std::size_t i) {
         const float factor = 0.01f / exponentials(a, c);
         for (int j = 0; j < kRow; ++j) c[j] *= factor;
         c[arrays.labels[i]] -= 0.01f;
       });
}

void sum_rows(Arrays& arrays) {
  rows(arrays.a, arrays.b, arrays.c,
       [&](const float* a, const float*, float*, std::size_t i) { arrays.c[i] = sum_of(a); });
}

/// The cotangent of a sum over columns or over rows, written out.
void repeat_row(Arrays& arrays) {
  const float* __restrict g = arrays.g.data();
  rows(arrays.a, arrays.b, arrays.da,
       [=](const float*, const float*, float* __restrict da, std::size_t) {
         for (int j = 0; j < kRow; ++j) da[j] = g[j];
       });
}

void repeat_column(Arrays& arrays) {
  rows(arrays.a, arrays.b, arrays.da,
       [&](const float*, const float*, float* __restrict da, std::size_t i) {
         const float value = arrays.g[i];
         for (int j = 0; j < kRow; ++j) da[j] = value;
       });
}

void column_sums_of(const Values& x, Values& sums) {
  column_sums(x.data(), static_cast<int>(x.size()) / kRow, kRow, sums.data());
}

float gelu_slope(float x) {
  float slope;
  gelu_of(x, slope);
  return slope;
}

struct Named {
  const char* name;
  Loop forward, backward;
};

const Named kLoops[] = {
    {"add", [](Arrays& s) { map(s.a, s.b, s.c, [](float a, float b) { return a + b; }); },
     [](Arrays& s) {
       map(s.g, s.g, s.da, [](float g, float) { return g; });
       map(s.g, s.g, s.db, [](float g, float) { return g; });
     }},
    {"mul", [](Arrays& s) { map(s.a, s.b, s.c, [](float a, float b) { return a * b; }); },
     [](Arrays& s) {
       map(s.b, s.g, s.da, [](float b, float g) { return b * g; });
       map(s.a, s.g, s.db, [](float a, float g) { return a * g; });
     }},
    {"relu", [](Arrays& s) { map(s.a, s.b, s.c, [](float a, float) { return a > 0 ? a : 0.0f; }); },
     [](Arrays& s) { map(s.c, s.g, s.da, [](float c, float g) { return c > 0 ? g : 0.0f; }); }},
    {"exp", [](Arrays& s) { map(s.a, s.b, s.c, [](float a, float) { return exp_of(a); }); },
     [](Arrays& s) { map(s.c, s.g, s.da, [](float c, float g) { return c * g; }); }},
    {"tanh", [](Arrays& s) { map(s.a, s.b, s.c, [](float a, float) { return tanh_of(a); }); },
     [](Arrays& s) { map(s.c, s.g, s.da, [](float c, float g) { return g * (1 - c * c); }); }},
    {"sigmoid", [](Arrays& s) { map(s.a, s.b, s.c, [](float a, float) { return sigmoid_of(a); }); },
     [](Arrays& s) { map(s.c, s.g, s.da, [](float c, float g) { return g * c * (1 - c); }); }},
    {"gelu",
     [](Arrays& s) {
       map(s.a, s.b, s.c, [](float a, float) {
         float slope;
         return gelu_of(a, slope);
       });
     },
     [](Arrays& s) { map(s.a, s.g, s.da, [](float a, float g) { return g * gelu_slope(a); }); }},
    {"bias", bias, [](Arrays& s) { column_sums_of(s.g, s.da); }},
    {"sum0", [](Arrays& s) { column_sums_of(s.a, s.c); }, repeat_row},
    {"sum1", sum_rows, repeat_column},
    {"softmax", softmax, softmax_backward},
    {"layer_norm", layer_norm, layer_norm_backward},
    {"cross_entropy", cross_entropy, cross_entropy_backward},
    {"copy", [](Arrays& s) { map(s.a, s.b, s.c, [](float a, float) { return a; }); }, nullptr},
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
  Arrays arrays{Values(count), Values(count), Values(count), Values(2 * kRow),
                Values(count), Values(count), Values(count), {}};
  for (Values* values : {&arrays.a, &arrays.b, &arrays.d, &arrays.g})
    fill_normal(*values, 1, generator);
  for (std::size_t i = 0; i < count / kRow; ++i)
    arrays.labels.push_back(static_cast<int>(generator() % kRow));
  const auto show = [n](const std::string& item, std::vector<double> blocks) {
    for (double& block : blocks) block /= static_cast<double>(n);
    bench::print_line(item, "ns", blocks, bench::field("size", static_cast<double>(n)));
  };
  const auto call = [&arrays](Loop loop) {
    loop(arrays);
    asm volatile("" : : : "memory");
  };
  for (const Named& loops : kLoops) {
    const std::string item = loops.name;
    const auto forward = [&] { call(loops.forward); };
    const auto backward = [&] { call(loops.backward); };
    show(loops.backward ? item + ".forward" : item, bench::measure(forward, options));
    // As on gradus's side, behind a forward pass: what that leaves in the caches is part of it.
    if (loops.backward) show(item + ".backward", bench::measure_after(forward, backward, options));
  }
}

}  // namespace by_hand
