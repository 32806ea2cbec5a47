#include "gradus/nn/conv.hpp"

#include <cmath>

#include "gradus/nn/init.hpp"

namespace gradus::nn {

namespace {

std::string text(Index number) { return text_of(number); }
/// "2" or "(2, 1)".
std::string text(Size2 size) {
  if (size.height == size.width) return text(size.height);
  return to_string(Shape{size.height, size.width});
}

bool is(Index number, Index value) { return number == value; }
bool is(Size2 size, Index value) { return size.height == value && size.width == value; }

/// ", name = value" unless it is the default.
template <class T>
std::string option(const char* name, const T& value, Index usual) {
  return is(value, usual) ? "" : std::string(", ") + name + " = " + text(value);
}

void require_least(const char* module, const char* what, Size2 given, Index least) {
  if (given.height < least || given.width < least)
    fail(module, std::string(what) + " = " + text(given) + " was given; " + text(least) +
                     " or more is required");
}

struct Layer {
  const char* name;
  Index in, out;
  Size2 kernel;
};

/// The shape of a weight whose parts fit; `axes` is how many a kernel has.
Shape weight_shape(const Layer& layer, int axes, const Conv2dOptions& o) {
  require_least(layer.name, "in_channels", layer.in, 1);
  require_least(layer.name, "out_channels", layer.out, 1);
  require_least(layer.name, "kernel", layer.kernel, 1);
  require_least(layer.name, "stride", o.stride, 1);
  require_least(layer.name, "padding", o.padding, 0);
  require_least(layer.name, "dilation", o.dilation, 1);
  if (o.groups < 1 || layer.in % o.groups != 0 || layer.out % o.groups != 0)
    fail(layer.name, "groups = " + text(o.groups) + " was given for " + text(layer.in) +
                         " input and " + text(layer.out) +
                         " output channels; a divisor of both is required");
  Shape shape = {layer.out, layer.in / o.groups};
  if (axes == 2) shape.push_back(layer.kernel.height);
  shape.push_back(layer.kernel.width);
  return shape;
}

/// PyTorch's first values of weights and biases: uniform in ±1/sqrt(fan_in).
Tensor uniform_by(Index fan_in, const Shape& shape, DType dtype, Generator* generator) {
  const double bound = 1 / std::sqrt(static_cast<double>(fan_in));
  return init::uniform_(zeros(shape, dtype), -bound, bound, generator);
}

template <class Options>
Tensor first_weight(const Shape& shape, const Options& o) {
  return uniform_by(numel(shape) / shape[0], shape, o.dtype, o.generator);
}

template <class Options>
Tensor first_bias(const Tensor& weight, const Options& o) {
  return uniform_by(weight.numel() / weight.size(0), {weight.size(0)}, o.dtype, o.generator);
}

Conv2dOptions in_two_axes(const Conv1dOptions& o) {
  return {.stride = {1, o.stride},
          .padding = {0, o.padding},
          .dilation = {1, o.dilation},
          .groups = o.groups};
}

template <class T, class Options>
std::string describe_conv(const char* name, const Tensor& weight, const T& kernel, const Options& o,
                          bool bias) {
  return std::string(name) + "(" + text(weight.size(1) * o.groups) + ", " + text(weight.size(0)) +
         ", " + text(kernel) + option("stride", o.stride, 1) + option("padding", o.padding, 0) +
         option("dilation", o.dilation, 1) + option("groups", o.groups, 1) +
         (bias ? ")" : ", bias = false)");
}

/// Checks the options of a pooling, whose stride of 0 means the kernel.
void check_pool(const char* name, Size2 kernel, Size2 stride, Size2 padding, Size2 dilation) {
  require_least(name, "kernel", kernel, 1);
  require_least(name, "stride", stride, 0);
  require_least(name, "padding", padding, 0);
  require_least(name, "dilation", dilation, 1);
}

template <class T, class Options>
std::string describe_pool(const char* name, const T& kernel, const Options& o) {
  return std::string(name) + "(" + text(kernel) + option("stride", o.stride, 0) +
         option("padding", o.padding, 0);
}

template <class T, class Options>
std::string describe_average(const char* name, const T& kernel, const Options& o) {
  return describe_pool(name, kernel, o) +
         (o.count_include_pad ? ")" : ", count_include_pad = false)");
}

}  // namespace

Conv1d::Conv1d(Index in_channels, Index out_channels, Index kernel, const Conv1dOptions& options)
    : weight(parameter(
          "weight", first_weight(weight_shape({"Conv1d", in_channels, out_channels, {1, kernel}}, 1,
                                              in_two_axes(options)),
                                 options))),
      bias(options.bias ? parameter("bias", first_bias(weight, options)) : Tensor()),
      options_{options.stride, options.padding, options.dilation, options.groups} {}

std::string Conv1d::describe() const {
  return describe_conv("Conv1d", weight, weight.size(2), options_, bias.defined());
}

Tensor Conv1d::forward(const Tensor& x) const { return conv1d(x, weight, bias, options_); }

Conv2d::Conv2d(Index in_channels, Index out_channels, Size2 kernel, const Conv2dOptions& options)
    : weight(parameter(
          "weight",
          first_weight(weight_shape({"Conv2d", in_channels, out_channels, kernel}, 2, options),
                       options))),
      bias(options.bias ? parameter("bias", first_bias(weight, options)) : Tensor()),
      options_{options.stride, options.padding, options.dilation, options.groups} {}

std::string Conv2d::describe() const {
  return describe_conv("Conv2d", weight, Size2(weight.size(2), weight.size(3)), options_,
                       bias.defined());
}

Tensor Conv2d::forward(const Tensor& x) const { return conv2d(x, weight, bias, options_); }

MaxPool1d::MaxPool1d(Index kernel, const MaxPool1dOptions& options)
    : kernel_(kernel), options_(options) {
  check_pool("MaxPool1d", kernel, options.stride, options.padding, options.dilation);
}

std::string MaxPool1d::describe() const {
  return describe_pool("MaxPool1d", kernel_, options_) + option("dilation", options_.dilation, 1) +
         ")";
}

Tensor MaxPool1d::forward(const Tensor& x) const { return max_pool1d(x, kernel_, options_); }

MaxPool2d::MaxPool2d(Size2 kernel, const MaxPool2dOptions& options)
    : kernel_(kernel), options_(options) {
  check_pool("MaxPool2d", kernel, options.stride, options.padding, options.dilation);
}

std::string MaxPool2d::describe() const {
  return describe_pool("MaxPool2d", kernel_, options_) + option("dilation", options_.dilation, 1) +
         ")";
}

Tensor MaxPool2d::forward(const Tensor& x) const { return max_pool2d(x, kernel_, options_); }

AvgPool1d::AvgPool1d(Index kernel, const AvgPool1dOptions& options)
    : kernel_(kernel), options_(options) {
  check_pool("AvgPool1d", kernel, options.stride, options.padding, 1);
}

std::string AvgPool1d::describe() const { return describe_average("AvgPool1d", kernel_, options_); }

Tensor AvgPool1d::forward(const Tensor& x) const { return avg_pool1d(x, kernel_, options_); }

AvgPool2d::AvgPool2d(Size2 kernel, const AvgPool2dOptions& options)
    : kernel_(kernel), options_(options) {
  check_pool("AvgPool2d", kernel, options.stride, options.padding, 1);
}

std::string AvgPool2d::describe() const { return describe_average("AvgPool2d", kernel_, options_); }

Tensor AvgPool2d::forward(const Tensor& x) const { return avg_pool2d(x, kernel_, options_); }

}  // namespace gradus::nn
