// Convolution and pooling over planes, float32 and float64.
#pragma once
#include <cstdint>

#include "gradus/dtype.hpp"
#include "kernels/products/zeros.hpp"

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
};

// x (images, groups in_channels, inputs), w (groups out_channels, in_channels, kernels), y and g
// (images, groups out_channels, outputs).

// The zeros of the factors named by `zeros` make 0 whatever they meet.

/// y = x * w.
void convolve(DType t, Zeros zeros, const Convolution& c, const void* x, const void* w, void* y);
/// dx, the gradient of <g, x * w> by x.
void convolve_input(DType t, Zeros zeros, const Convolution& c, const void* g, const void* w,
                    void* dx);
/// dw, the gradient of <g, x * w> by w.
void convolve_weight(DType t, Zeros zeros, const Convolution& c, const void* x, const void* g,
                     void* dw);

/// The position in its plane of each window's largest element, the first of equal ones; the first
/// NaN wins. x (planes, inputs), index (planes, outputs).
void max_positions(DType t, const Plane& p, Index planes, const void* x, std::int64_t* index);

/// The mean of each window: over all its places, or without the padding. x (planes, inputs), out
/// (planes, outputs).
void average(DType t, const Plane& p, Index planes, bool count_padding, const void* x, void* out);
/// x = the adjoint of `average`.
void average_adjoint(DType t, const Plane& p, Index planes, bool count_padding, const void* g,
                     void* x);

}  // namespace gradus::kernels
