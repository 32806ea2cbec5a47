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
  Description& describe(Description& d) const {
    d.number("inputs", inputs()).number("kernels", kernels());
    return d.number("outputs", outputs());
  }
};

/// images x groups products; the channels are those of one group.
struct Convolution {
  Index images, groups, in_channels, out_channels;
  Plane plane;

  Index x_size() const { return images * groups * in_channels * plane.inputs(); }
  Index w_size() const { return groups * out_channels * in_channels * plane.kernels(); }
  Index y_size() const { return images * groups * out_channels * plane.outputs(); }
  Description& describe(Description& d) const {
    d.number("images", images).number("groups", groups).number("in_channels", in_channels);
    return plane.describe(d.number("out_channels", out_channels));
  }
};

// x (images, groups in_channels, inputs), w (groups out_channels, in_channels, kernels), y and g
// (images, groups out_channels, outputs).

// The zeros of the factors named by `zeros` make 0 whatever they meet, as in a Gemm.

struct Convolving {
  DType type;
  Zeros zeros;
  Convolution c;

  Description& numbers(Description& d) const { return c.describe(d).number("zeros", zeros); }
};

/// y = x * w.
struct Convolve : Convolving {
  static constexpr const char* name = "convolve";
  In x, w;
  Out y;

  void describe(Description& d) const {
    numbers(d).reads("x", x, c.x_size()).reads("w", w, c.w_size()).writes("y", y, c.y_size());
  }
};

/// dx, the gradient of <g, x * w> by x.
struct ConvolveInput : Convolving {
  static constexpr const char* name = "convolve_input";
  In g, w;
  Out dx;

  void describe(Description& d) const {
    numbers(d).reads("g", g, c.y_size()).reads("w", w, c.w_size()).writes("dx", dx, c.x_size());
  }
};

/// dw, the gradient of <g, x * w> by w.
struct ConvolveWeight : Convolving {
  static constexpr const char* name = "convolve_weight";
  In x, g;
  Out dw;

  void describe(Description& d) const {
    numbers(d).reads("x", x, c.x_size()).reads("g", g, c.y_size()).writes("dw", dw, c.w_size());
  }
};

/// The position in its plane of each window's largest element, the first of equal ones; the first
/// NaN wins. x (planes, inputs), index (planes, outputs).
struct MaxPositions {
  static constexpr const char* name = "max_positions";
  DType type;
  Plane plane;
  Index planes;
  In x;
  Index* index;

  void describe(Description& d) const {
    plane.describe(d).number("planes", planes).reads("x", x, planes * plane.inputs());
    d.writes("index", index, planes * plane.outputs());
  }
};

struct Averaging {
  DType type;
  Plane plane;
  Index planes;
  bool count_padding;

  Description& numbers(Description& d) const {
    return plane.describe(d).number("planes", planes).number("count_padding", count_padding);
  }
  Index inputs() const { return planes * plane.inputs(); }
  Index outputs() const { return planes * plane.outputs(); }
};

/// The mean of each window: over all its places, or without the padding. x (planes, inputs), out
/// (planes, outputs).
struct Average : Averaging {
  static constexpr const char* name = "average";
  In x;
  Out out;

  void describe(Description& d) const {
    numbers(d).reads("x", x, inputs()).writes("out", out, outputs());
  }
};

/// dx = the adjoint of Average of g.
struct AverageBackward : Averaging {
  static constexpr const char* name = "average_backward";
  In g;
  Out dx;

  void describe(Description& d) const {
    numbers(d).reads("g", g, outputs()).writes("dx", dx, inputs());
  }
};

void execute(const Convolve& call);
void execute(const ConvolveInput& call);
void execute(const ConvolveWeight& call);
void execute(const MaxPositions& call);
void execute(const Average& call);
void execute(const AverageBackward& call);

}  // namespace gradus::kernels
