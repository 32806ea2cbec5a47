// 2-8-1 with tanh on the four points of exclusive or: at this size everything is a plain loop.
#include "math.hpp"
#include "net.hpp"

namespace by_hand {
namespace {

constexpr int kIn = 2, kHidden = 8, kBatch = 4;

class Xor : public Net {
 public:
  explicit Xor(float lr) : lr_(lr) {
    std::mt19937 generator(1);
    std::normal_distribution<float> normal(0, 0.7f);
    for (auto& row : w1_)
      for (float& w : row) w = normal(generator);
    for (float& w : w2_) w = normal(generator);
  }

  float step() override {
    float h[kBatch][kHidden], d[kBatch], loss = 0;
    for (int i = 0; i < kBatch; ++i) {
      float y = b2_;
      for (int j = 0; j < kHidden; ++j)
        h[i][j] = tanh_of(x_[i][0] * w1_[0][j] + x_[i][1] * w1_[1][j] + b1_[j]);
      for (int j = 0; j < kHidden; ++j) y += h[i][j] * w2_[j];
      const float gap = y - y_[i];
      loss += gap * gap;
      d[i] = gap * (2.0f / kBatch);
    }
    float dw1[kIn][kHidden] = {}, db1[kHidden] = {}, dw2[kHidden] = {}, db2 = 0;
    for (int i = 0; i < kBatch; ++i) {
      db2 += d[i];
      for (int j = 0; j < kHidden; ++j) {
        dw2[j] += d[i] * h[i][j];
        const float dz = d[i] * w2_[j] * (1 - h[i][j] * h[i][j]);
        db1[j] += dz;
        dw1[0][j] += dz * x_[i][0];
        dw1[1][j] += dz * x_[i][1];
      }
    }
    b2_ -= lr_ * db2;
    for (int j = 0; j < kHidden; ++j) {
      w1_[0][j] -= lr_ * dw1[0][j];
      w1_[1][j] -= lr_ * dw1[1][j];
      b1_[j] -= lr_ * db1[j];
      w2_[j] -= lr_ * dw2[j];
    }
    return loss / kBatch;
  }

  void load(bench::ValuesIn& values) override {
    values.read(&x_[0][0], kBatch * kIn);
    values.read(y_, kBatch);
    const auto w1 = values.read(kHidden * kIn);
    for (int j = 0; j < kHidden; ++j)
      for (int i = 0; i < kIn; ++i) w1_[i][j] = w1[static_cast<std::size_t>(j * kIn + i)];
    values.read(b1_, kHidden);
    values.read(w2_, kHidden);
    values.read(&b2_, 1);
  }

 private:
  float lr_;
  float x_[kBatch][kIn] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}}, y_[kBatch] = {0, 1, 1, 0};
  float w1_[kIn][kHidden] = {}, b1_[kHidden] = {}, w2_[kHidden] = {}, b2_ = 0;
};

}  // namespace

std::unique_ptr<Net> make_xor(float lr) { return std::make_unique<Xor>(lr); }

}  // namespace by_hand
