// Workload g: 128-256-128-64-1, each hidden layer Linear, BatchNorm, ReLU, Dropout 0.3; binary
// cross-entropy from logits, gradients clipped to a norm of 1, AdamW.
#include "math.hpp"
#include "net.hpp"

namespace by_hand {
namespace {

constexpr int kBatch = 64;
constexpr float kRows = kBatch;

struct Block {
  int in, out;
  Parameter weight, bias, gamma, beta;
  Values z, y, d, mask;  // (batch, out): normalized, after dropout, gradient, 0 or 1 / 0.7
  Values mean, inverse, running_mean, running_variance, s1, s2;

  Block(int in_size, int out_size)
      : in(in_size),
        out(out_size),
        weight(static_cast<std::size_t>(in * out)),
        bias(static_cast<std::size_t>(out)),
        gamma(static_cast<std::size_t>(out), 1),
        beta(static_cast<std::size_t>(out)),
        z(static_cast<std::size_t>(kBatch * out)),
        y(z.size()),
        d(z.size()),
        mask(z.size(), 1) {
    for (Values* values : {&mean, &inverse, &running_mean, &running_variance, &s1, &s2})
      values->resize(static_cast<std::size_t>(out));
  }

  void draw_mask(std::uint32_t seed) {
    float* __restrict m = mask.data();
    const auto n = static_cast<std::uint32_t>(mask.size());
    for (std::uint32_t i = 0; i < n; ++i) {  // a hash of the counter (Murmur's finalizer)
      std::uint32_t h = i * 0x9E3779B9u + seed;
      h = (h ^ (h >> 16)) * 0x85EBCA6Bu;
      h = (h ^ (h >> 13)) * 0xC2B2AE35u;
      h ^= h >> 16;
      m[i] = static_cast<std::int32_t>(h >> 8) < 5033165 ? 0.0f : 1.0f / 0.7f;  // 0.3 2^24
    }
  }

  void forward(const float* x) {
    product(x, false, weight.value.data(), false, z.data(), kBatch, out, in);
    const float* __restrict b = bias.value.data();
    float* __restrict m = mean.data();
    float* __restrict s = inverse.data();
    for (int i = 0; i < kBatch; ++i)
#pragma omp simd
      for (int j = 0; j < out; ++j) z[index(i, j)] += b[j];
    column_sums(z.data(), kBatch, out, m);
#pragma omp simd
    for (int j = 0; j < out; ++j) m[j] /= kRows, s[j] = 0;
    for (int i = 0; i < kBatch; ++i) {
      float* __restrict row = z.data() + i * out;
#pragma omp simd
      for (int j = 0; j < out; ++j) {
        row[j] -= m[j];
        s[j] += row[j] * row[j];
      }
    }
#pragma omp simd
    for (int j = 0; j < out; ++j) {
      const auto k = static_cast<std::size_t>(j);
      running_mean[k] = 0.9f * running_mean[k] + 0.1f * m[j];
      running_variance[k] = 0.9f * running_variance[k] + 0.1f * s[j] / (kRows - 1);
      s[j] = 1 / std::sqrt(s[j] / kRows + 1e-5f);
    }
    const float* __restrict g = gamma.value.data();
    const float* __restrict t = beta.value.data();
    for (int i = 0; i < kBatch; ++i) {
      float* __restrict row = z.data() + i * out;
      float* __restrict result = y.data() + i * out;
      const float* __restrict keep = mask.data() + i * out;
#pragma omp simd
      for (int j = 0; j < out; ++j) {
        row[j] *= s[j];
        const float v = g[j] * row[j] + t[j];
        result[j] = (v > 0 ? v : 0.0f) * keep[j];
      }
    }
  }

  /// d holds the gradient of y and becomes that of the sums of the linear layer.
  void backward(const float* x) {
    float* __restrict dg = gamma.grad.data();
    float* __restrict db = beta.grad.data();
    const float* __restrict g = gamma.value.data();
#pragma omp simd
    for (int j = 0; j < out; ++j) dg[j] = db[j] = 0;
    for (int i = 0; i < kBatch; ++i) {
      float* __restrict grad = d.data() + i * out;
      const float* __restrict row = z.data() + i * out;
      const float* __restrict result = y.data() + i * out;
      const float* __restrict keep = mask.data() + i * out;
#pragma omp simd
      for (int j = 0; j < out; ++j) {
        grad[j] = result[j] > 0 ? grad[j] * keep[j] : 0.0f;
        db[j] += grad[j];
        dg[j] += grad[j] * row[j];
      }
    }
    for (int i = 0; i < kBatch; ++i) {
      float* __restrict grad = d.data() + i * out;
      const float* __restrict row = z.data() + i * out;
      const float* __restrict s = inverse.data();
#pragma omp simd
      for (int j = 0; j < out; ++j)
        grad[j] = g[j] * s[j] * (grad[j] - (db[j] + row[j] * dg[j]) / kRows);
    }
    column_sums(d.data(), kBatch, out, bias.grad.data());
    product(x, true, d.data(), false, weight.grad.data(), in, out, kBatch);
  }

  std::size_t index(int i, int j) const { return static_cast<std::size_t>(i * out + j); }
};

class NormMlp : public Net {
 public:
  NormMlp(float lr, bool dropout) : dropout_(dropout) {
    update_.kind = Update::Kind::adamw;
    update_.lr = lr;
    std::mt19937 generator(1);
    for (Block& block : blocks_)
      fill_normal(block.weight.value, 1 / std::sqrt(static_cast<float>(block.in)), generator);
    fill_normal(weight_.value, 0.125f, generator);
    fill_normal(x_, 1, generator);
    for (float& y : y_) y = static_cast<float>(generator() % 2);
  }

  float step() override {
    const float* x = x_.data();
    for (Block& block : blocks_) {
      if (dropout_) block.draw_mask(seed_ += 0x632BE5ABu);
      block.forward(x);
      x = block.y.data();
    }
    Block& last = blocks_[2];
    float out[kBatch], d[kBatch], loss = 0;
    product(x, false, weight_.value.data(), false, out, kBatch, 1, last.out);
    bias_.grad[0] = 0;
    for (int i = 0; i < kBatch; ++i) {
      const float v = out[i] + bias_.value[0], t = y_[static_cast<std::size_t>(i)];
      loss += (v > 0 ? v : 0) - v * t + std::log1p(exp_of(v > 0 ? -v : v));
      d[i] = (sigmoid_of(v) - t) / kRows;
      bias_.grad[0] += d[i];
    }
    product(x, true, d, false, weight_.grad.data(), last.out, 1, kBatch);
    product(d, false, weight_.value.data(), true, last.d.data(), kBatch, last.out, 1);
    for (std::size_t i = 3; i-- > 0;) {
      Block& block = blocks_[i];
      block.backward(i ? blocks_[i - 1].y.data() : x_.data());
      if (i)
        product(block.d.data(), false, block.weight.value.data(), true, blocks_[i - 1].d.data(),
                kBatch, block.in, block.out);
    }
    clip_and_update();
    return loss / kRows;
  }

  void load(bench::ValuesIn& values) override {
    values.read(x_.data(), x_.size());
    values.read(y_.data(), y_.size());
    for (Block& block : blocks_) {
      read_transposed(values, block.weight.value, block.in, block.out);
      for (Parameter* p : {&block.bias, &block.gamma, &block.beta})
        values.read(p->value.data(), p->value.size());
    }
    values.read(weight_.value.data(), weight_.value.size());
    values.read(bias_.value.data(), 1);
  }

 private:
  template <class F>
  void each_parameter(F f) {
    for (Block& block : blocks_) f(block.weight), f(block.bias), f(block.gamma), f(block.beta);
    f(weight_);
    f(bias_);
  }

  void clip_and_update() {
    float squares = 0;
    each_parameter([&](const Parameter& p) {
      const float* __restrict g = p.grad.data();
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (std::size_t i = 0; i < p.grad.size(); ++i) sum += g[i] * g[i];
      squares += sum;
    });
    const float factor = 1 / (std::sqrt(squares) + 1e-6f);
    update_.next_step();
    each_parameter([&](Parameter& p) { update_(p, factor < 1 ? factor : 1); });
  }

  Update update_;
  bool dropout_;
  std::uint32_t seed_ = 1;
  Block blocks_[3] = {{128, 256}, {256, 128}, {128, 64}};
  Parameter weight_{64}, bias_{1};
  Values x_ = Values(kBatch * 128), y_ = Values(kBatch);
};

}  // namespace

std::unique_ptr<Net> make_norm_mlp(float lr, bool dropout) {
  return std::make_unique<NormMlp>(lr, dropout);
}

}  // namespace by_hand
