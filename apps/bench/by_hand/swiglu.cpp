// Workload h: x + down(silu(gate(n)) * up(n)) with n = layer_norm(x), 512-1365-512 without biases,
// 8 sequences of 32; mean squared error, AdamW.
#include "math.hpp"
#include "net.hpp"

namespace by_hand {
namespace {

constexpr int kRows = 256, kWidth = 512, kHidden = 1365;
constexpr std::size_t kNarrow = static_cast<std::size_t>(kRows) * kWidth,
                      kWide = static_cast<std::size_t>(kRows) * kHidden,
                      kWeights = static_cast<std::size_t>(kWidth) * kHidden;

class SwiGlu : public Net {
 public:
  explicit SwiGlu(float lr) {
    update_.kind = Update::Kind::adamw;
    update_.lr = lr;
    std::mt19937 generator(1);
    for (Parameter* p : {&gate_, &up_, &down_}) fill_normal(p->value, 0.03f, generator);
    fill_normal(x_, 1, generator);
    fill_normal(y_, 1, generator);
  }

  float step() override {
    normalize();
    product(n_.data(), false, gate_.value.data(), false, g_.data(), kRows, kHidden, kWidth);
    product(n_.data(), false, up_.value.data(), false, u_.data(), kRows, kHidden, kWidth);
    gated();
    product(h_.data(), false, down_.value.data(), false, out_.data(), kRows, kWidth, kHidden);
#pragma omp simd
    for (std::size_t i = 0; i < kNarrow; ++i) out_[i] += x_[i];
    const float loss = squared_error(out_.data(), y_.data(), kNarrow, dout_.data());
    product(h_.data(), true, dout_.data(), false, down_.grad.data(), kHidden, kWidth, kRows);
    product(dout_.data(), false, down_.value.data(), true, h_.data(), kRows, kHidden, kWidth);
    gated_backward();
    product(n_.data(), true, g_.data(), false, gate_.grad.data(), kWidth, kHidden, kRows);
    product(n_.data(), true, u_.data(), false, up_.grad.data(), kWidth, kHidden, kRows);
    product(g_.data(), false, gate_.value.data(), true, dn_.data(), kRows, kWidth, kHidden);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, kRows, kWidth, kHidden, 1, u_.data(),
                kHidden, up_.value.data(), kHidden, 1, dn_.data(), kWidth);
    affine_gradients();
    update_.next_step();
    for (Parameter* p : {&gate_, &up_, &down_, &gamma_, &beta_}) update_(*p);
    return loss;
  }

  void load(bench::ValuesIn& values) override {
    values.read(x_.data(), kNarrow);
    values.read(y_.data(), kNarrow);
    values.read(gamma_.value.data(), kWidth);
    values.read(beta_.value.data(), kWidth);
    read_transposed(values, gate_.value, kWidth, kHidden);
    read_transposed(values, up_.value, kWidth, kHidden);
    read_transposed(values, down_.value, kHidden, kWidth);
  }

 private:
  void normalize() {
    const float* __restrict g = gamma_.value.data();
    const float* __restrict b = beta_.value.data();
    for (int i = 0; i < kRows; ++i) {
      const float* __restrict x = x_.data() + i * kWidth;
      float* __restrict z = z_.data() + i * kWidth;
      float* __restrict n = n_.data() + i * kWidth;
      float sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
      for (int j = 0; j < kWidth; ++j) sum += x[j];
      const float mean = sum / kWidth;
#pragma omp simd reduction(+ : squares)
      for (int j = 0; j < kWidth; ++j) squares += (x[j] - mean) * (x[j] - mean);
      const float inverse = 1 / std::sqrt(squares / kWidth + 1e-5f);
#pragma omp simd
      for (int j = 0; j < kWidth; ++j) {
        z[j] = (x[j] - mean) * inverse;
        n[j] = g[j] * z[j] + b[j];
      }
    }
  }

  /// h = g sigmoid(g) u
  void gated() {
    const float* __restrict g = g_.data();
    const float* __restrict u = u_.data();
    float* __restrict s = s_.data();
    float* __restrict h = h_.data();
#pragma omp simd
    for (std::size_t i = 0; i < kWide; ++i) {
      s[i] = sigmoid_of(g[i]);
      h[i] = g[i] * s[i] * u[i];
    }
  }

  /// h holds its gradient; g and u become theirs.
  void gated_backward() {
    float* __restrict g = g_.data();
    float* __restrict u = u_.data();
    const float* __restrict s = s_.data();
    const float* __restrict dh = h_.data();
#pragma omp simd
    for (std::size_t i = 0; i < kWide; ++i) {
      const float silu = g[i] * s[i];
      const float slope = s[i] + silu * (1 - s[i]);
      const float dg = dh[i] * u[i] * slope;
      u[i] = dh[i] * silu;
      g[i] = dg;
    }
  }

  /// The input needs no gradient, so layer norm's backward ends at its weight and bias.
  void affine_gradients() {
    float* __restrict dg = gamma_.grad.data();
    column_sums(dn_.data(), kRows, kWidth, beta_.grad.data());
#pragma omp simd
    for (int j = 0; j < kWidth; ++j) dg[j] = 0;
    for (int i = 0; i < kRows; ++i)
#pragma omp simd
      for (int j = 0; j < kWidth; ++j) dg[j] += dn_[at(i, j)] * z_[at(i, j)];
  }

  static std::size_t at(int i, int j) { return static_cast<std::size_t>(i * kWidth + j); }

  Update update_;
  Parameter gamma_{kWidth, 1}, beta_{kWidth}, gate_{kWeights}, up_{kWeights}, down_{kWeights};
  Values x_ = Values(kNarrow), y_ = x_, z_ = x_, n_ = x_, out_ = x_, dout_ = x_, dn_ = x_;
  Values g_ = Values(kWide), u_ = g_, s_ = g_, h_ = g_;
};

}  // namespace

std::unique_ptr<Net> make_swiglu(float lr) { return std::make_unique<SwiGlu>(lr); }

}  // namespace by_hand
