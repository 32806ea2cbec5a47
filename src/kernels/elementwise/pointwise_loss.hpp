// Losses that add up one term per element, and their gradients in one pass.
#pragma once
#include "kernels/call.hpp"

namespace gradus::kernels {

enum class LossOp : std::uint8_t {
  squared,     ///< (x - y)^2
  bce_logits,  ///< y log(1 + e^-x) + (1 - y) log(1 + e^x)
};

/// *out = scale sum_i op(x[i], y[i]).
struct PointwiseLoss {
  static constexpr const char* name = "pointwise_loss";
  LossOp op;
  DType type;
  In x, y;
  Out out;
  Index n;
  double scale;

  void describe(Description& d) const {
    d.number("op", op).number("n", n).number("scale", scale).reads("x", x, n).reads("y", y, n);
    d.writes("out", out, 1);
  }
};

/// dx[i] = *g scale d op / dx(x[i], y[i]), and 0 where *g is 0.
struct PointwiseLossBackward {
  static constexpr const char* name = "pointwise_loss_backward";
  LossOp op;
  DType type;
  In x, y, g;
  Out dx;
  Index n;
  double scale;

  void describe(Description& d) const {
    d.number("op", op).number("n", n).number("scale", scale).reads("x", x, n).reads("y", y, n);
    d.reads("g", g, 1).writes("dx", dx, n);
  }
};

void execute(const PointwiseLoss& call);
void execute(const PointwiseLossBackward& call);

}  // namespace gradus::kernels
