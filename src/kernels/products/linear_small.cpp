#include "kernels/products/linear_small.hpp"

#include "kernels/elementwise/activation.hpp"
#include "kernels/products/gemm_small.hpp"
#include "kernels/products/zeros.hpp"

namespace gradus::kernels {
namespace {

using V = Batch<float>;

constexpr Index most_rows = 64;

/// f(first column, how many) for each batch of n columns.
template <class F>
void for_batches(Index n, F f) noexcept {
  for (Index j = 0; j < n; j += lanes<float>) f(j, n - j < lanes<float> ? n - j : lanes<float>);
}

template <class Act>
void forward(const Linear& call) noexcept {
  const Index m = call.m, n = call.n, k = call.k;
  const float *const x = call.x, *const w = call.w, *const bias = call.bias;
  float *const out = call.out, *const pre = call.pre;
  alignas(64) float turned[small_limit * small_limit];
  const bool turns = n > 1 && k > 1;
  for (Index j = 0; turns && j < n; ++j) {
    for (Index p = 0; p < k; ++p) turned[p * small_limit + j] = w[j * k + p];
  }
  const float* const columns = turns ? turned : w;  // (k, n)
  const Index row = turns ? small_limit : 1;
  for_batches(n, [=](Index j, Index cols) {
    const V offset = bias == nullptr ? V(0.f) : load_columns(bias + j, cols);
    small_columns(m, k, x, k, Index{1}, columns + j, row, cols, [=](Index i, V z) {
      if (bias != nullptr) z = z + offset;
      if (pre != nullptr) store_columns(pre + i * n + j, z, cols);
      store_columns(out + i * n + j, Act::value(z), cols);
    });
  });
}

template <class Act>
void backward(const SmallLinearBackward& call) {
  const Index m = call.m, n = call.n, k = call.k;
  const float *const g = call.g, *const saved = call.saved, *const x = call.x, *const w = call.w;
  float *const dx = call.dx, *const dw = call.dw, *const db = call.db;
  alignas(64) float dz[most_rows * small_limit];  // (m, n), n padded
  for_batches(n, [=, &dz](Index j, Index cols) {
    V total(0.f);
    for (Index i = 0; i < m; ++i) {
      V v = load_columns(g + i * n + j, cols);
      if (saved != nullptr) v = Act::gradient(v, load_columns(saved + i * n + j, cols));
      store(dz + i * small_limit + j, v);
      total = total + v;
    }
    if (db != nullptr) add_to(db + j, cols, call.into_db ? 1.f : 0.f, total);
  });
  // A sum is added to where every term is finite; elsewhere it is mended first.
  alignas(64) float apart[small_limit * small_limit];
  const bool adds = call.into_dw && dw != nullptr,
             straight = !adds || all_finite(DType::float32, x, m * k);
  float* const product = straight ? dw : apart;
  const float beta = adds && straight ? 1.f : 0.f;
  // As in a Gemm with zeros, the first row tells; one look at those of both products.
  V strange(0.f);
  for_batches(k, [=, &dz, &strange](Index j, Index cols) {
    if (product != nullptr)  // (n, m) x (m, k)
      small_columns(n, m, dz, Index{1}, small_limit, x + j, k, cols, [=, &strange](Index o, V sum) {
        if (o == 0) strange = strange + (sum - sum);
        add_to(product + o * k + j, cols, beta, sum);
      });
    if (dx != nullptr)  // (m, n) x (n, k)
      small_columns(m, n, dz, small_limit, Index{1}, w + j, k, cols, [=, &strange](Index i, V sum) {
        if (i == 0) strange = strange + (sum - sum);
        store_columns(dx + i * k + j, sum, cols);
      });
  });
  if (!(sum_lanes(strange) == 0.f)) [[unlikely]] {
    if (product != nullptr && beta == 0)
      mend({DType::float32, true, false, n, k, m, dz, small_limit, x, k, 0, product, k,
            Zeros::first});
    if (dx != nullptr)
      mend({DType::float32, false, false, m, k, n, dz, small_limit, w, k, 0, dx, k, Zeros::first});
  }
  for (Index i = 0; !straight && i < n * k; ++i) dw[i] += apart[i];
}

}  // namespace

bool is_small_linear(DType t, Index m, Index n, Index k) noexcept {
  return t == DType::float32 && m <= most_rows && n <= small_limit && k <= small_limit;
}

void small_linear(const Linear& call) noexcept {
  visit(call.act, [&]<class Act>(Act) { forward<Act>(call); });
}

void execute(const SmallLinearBackward& call) {
  visit(call.act, [&]<class Act>(Act) { backward<Act>(call); });
}

}  // namespace gradus::kernels
