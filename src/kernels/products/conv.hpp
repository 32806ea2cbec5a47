// Convolution and pooling over planes, float32 and float64.
#pragma once
#include "kernels/products/gemm.hpp"

namespace gradus::kernels {

/// A window that moves along one axis: place o reads the inputs o stride - padding + k dilation.
struct Window {
  Index input, kernel, stride, padding, dilation, output;
};

/// Windows of one plane (y.input, x.input).
struct Plane {
  Window y, x;
  Index inputs() const { return y.input * x.input; }
  Index kernels() const { return y.kernel * x.kernel; }
  Index outputs() const { return y.output * x.output; }
  void describe(Description& d) const {
    d.number("inputs", inputs()).number("kernels", kernels()).number("outputs", outputs());
  }
};

/// columns (channels, kernels, outputs) = the inputs that each place reads, 0 for padding; x
/// (channels, inputs).
void im2col(DType t, const Plane& p, Index channels, const void* x, void* columns);

/// x (channels, inputs) += columns where they were read.
void col2im(DType t, const Plane& p, Index channels, const void* columns, void* x);

/// images x groups products; the channels are those of one group.
struct Convolution {
  Index images, groups, in_channels, out_channels;
  Plane plane;

  Index x_size() const { return images * groups * in_channels * plane.inputs(); }
  Index w_size() const { return groups * out_channels * in_channels * plane.kernels(); }
  Index y_size() const { return images * groups * out_channels * plane.outputs(); }
  void describe(Description& d) const {
    d.number("images", images).number("groups", groups);
    d.number("in_channels", in_channels).number("out_channels", out_channels);
    plane.describe(d);
  }
};

// x (images, groups in_channels, inputs), w (groups out_channels, in_channels, kernels), y and g
// (images, groups out_channels, outputs).

// The zeros of the factors named by `zeros` make 0 whatever they meet, as in a Gemm.

/// y = x * w.
struct Convolve {
  static constexpr const char* name = "convolve";
  DType type;
  Zeros zeros;
  Convolution c;
  const void *x, *w;
  void* y;

  void describe(Description& d) const {
    c.describe(d);
    d.number("zeros", zeros).reads("x", x, type, c.x_size()).reads("w", w, type, c.w_size());
    d.writes("y", y, type, c.y_size());
  }
};

/// dx, the gradient of <g, x * w> by x.
struct ConvolveInput {
  static constexpr const char* name = "convolve_input";
  DType type;
  Zeros zeros;
  Convolution c;
  const void *g, *w;
  void* dx;

  void describe(Description& d) const {
    c.describe(d);
    d.number("zeros", zeros).reads("g", g, type, c.y_size()).reads("w", w, type, c.w_size());
    d.writes("dx", dx, type, c.x_size());
  }
};

/// dw, the gradient of <g, x * w> by w.
struct ConvolveWeight {
  static constexpr const char* name = "convolve_weight";
  DType type;
  Zeros zeros;
  Convolution c;
  const void *x, *g;
  void* dw;

  void describe(Description& d) const {
    c.describe(d);
    d.number("zeros", zeros).reads("x", x, type, c.x_size()).reads("g", g, type, c.y_size());
    d.writes("dw", dw, type, c.w_size());
  }
};

/// The position in its plane of each window's largest element, the first of equal ones; the first
/// NaN wins. x (planes, inputs), index (planes, outputs).
struct MaxPositions {
  static constexpr const char* name = "max_positions";
  DType type;
  Plane plane;
  Index planes;
  const void* x;
  Index* index;

  void describe(Description& d) const {
    plane.describe(d);
    d.number("planes", planes).reads("x", x, type, planes * plane.inputs());
    d.writes("index", index, DType::int64, planes * plane.outputs());
  }
};

/// The mean of each window: over all its places, or without the padding. x (planes, inputs), out
/// (planes, outputs).
struct Average {
  static constexpr const char* name = "average";
  DType type;
  Plane plane;
  Index planes;
  bool count_padding;
  const void* x;
  void* out;

  void describe(Description& d) const {
    plane.describe(d);
    d.number("planes", planes).number("count_padding", count_padding);
    d.reads("x", x, type, planes * plane.inputs());
    d.writes("out", out, type, planes * plane.outputs());
  }
};

/// dx = the adjoint of Average of g.
struct AverageBackward {
  static constexpr const char* name = "average_backward";
  DType type;
  Plane plane;
  Index planes;
  bool count_padding;
  const void* g;
  void* dx;

  void describe(Description& d) const {
    plane.describe(d);
    d.number("planes", planes).number("count_padding", count_padding);
    d.reads("g", g, type, planes * plane.outputs());
    d.writes("dx", dx, type, planes * plane.inputs());
  }
};

void execute(const Convolve& call);
void execute(const ConvolveInput& call);
void execute(const ConvolveWeight& call);
void execute(const MaxPositions& call);
void execute(const Average& call);
void execute(const AverageBackward& call);

}  // namespace gradus::kernels
