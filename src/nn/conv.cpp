#include "gradus/nn/conv.hpp"

#include <cmath>

#include "base/messages.hpp"
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
    fail(module, what, " = ", text(given), " was given; ", text(least), " or more is required");
}

// What differs between one axis and two.

const char* name_of(const Conv1dOptions&) { return "Conv1d"; }
const char* name_of(const Conv2dOptions&) { return "Conv2d"; }
const char* name_of(const MaxPool1dOptions&) { return "MaxPool1d"; }
const char* name_of(const MaxPool2dOptions&) { return "MaxPool2d"; }
const char* name_of(const AvgPool1dOptions&) { return "AvgPool1d"; }
const char* name_of(const AvgPool2dOptions&) { return "AvgPool2d"; }

Tensor pool(const Tensor& x, Index kernel, const MaxPool1dOptions& o) {
  return max_pool1d(x, kernel, o);
}
Tensor pool(const Tensor& x, Size2 kernel, const MaxPool2dOptions& o) {
  return max_pool2d(x, kernel, o);
}
Tensor pool(const Tensor& x, Index kernel, const AvgPool1dOptions& o) {
  return avg_pool1d(x, kernel, o);
}
Tensor pool(const Tensor& x, Size2 kernel, const AvgPool2dOptions& o) {
  return avg_pool2d(x, kernel, o);
}

Shape lengths(Index kernel) { return {kernel}; }
Shape lengths(Size2 kernel) { return {kernel.height, kernel.width}; }

Size2 in_two_axes(Index number, Index other) { return {other, number}; }
Size2 in_two_axes(Size2 size, Index) { return size; }

/// The shape of a weight whose parts fit.
template <class Kernel, class Options>
Shape weight_shape(Index in, Index out, Kernel kernel, const Options& o) {
  const char* const name = name_of(o);
  require_least(name, "in_channels", in, 1);
  require_least(name, "out_channels", out, 1);
  require_least(name, "kernel", in_two_axes(kernel, 1), 1);
  require_least(name, "stride", in_two_axes(o.stride, 1), 1);
  require_least(name, "padding", in_two_axes(o.padding, 0), 0);
  require_least(name, "dilation", in_two_axes(o.dilation, 1), 1);
  if (o.groups < 1 || in % o.groups != 0 || out % o.groups != 0)
    fail(name, "groups = ", text(o.groups), " was given for ", text(in), " input and ", text(out),
         " output channels; a divisor of both is required");
  Shape shape = {out, in / o.groups};
  for (const Index length : lengths(kernel)) shape.push_back(length);
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

}  // namespace

namespace detail {

template <class Kernel, class Options, class CallOptions>
Conv<Kernel, Options, CallOptions>::Conv(Index in_channels, Index out_channels, Kernel kernel,
                                         const Options& options)
    : weight(parameter(
          "weight",
          first_weight(weight_shape(in_channels, out_channels, kernel, options), options))),
      bias(options.bias ? parameter("bias", first_bias(weight, options)) : Tensor()),
      options_{options.stride, options.padding, options.dilation, options.groups} {}

template <class Kernel, class Options, class CallOptions>
std::string Conv<Kernel, Options, CallOptions>::describe() const {
  const auto& o = options_;
  Kernel kernel = weight.size(2);
  if constexpr (std::is_same_v<Kernel, Size2>) kernel.width = weight.size(3);
  return compose(name_of(Options()), "(", text(weight.size(1) * o.groups), ", ",
                 text(weight.size(0)), ", ", text(kernel), option("stride", o.stride, 1),
                 option("padding", o.padding, 0), option("dilation", o.dilation, 1),
                 option("groups", o.groups, 1), (bias.defined() ? ")" : ", bias = false)"));
}

template <class Kernel, class Options, class CallOptions>
Tensor Conv<Kernel, Options, CallOptions>::forward(const Tensor& x) const {
  if constexpr (std::is_same_v<Kernel, Index>)
    return conv1d(x, weight, bias, options_);
  else
    return conv2d(x, weight, bias, options_);
}
template class Conv<Index, Conv1dOptions, gradus::Conv1dOptions>;
template class Conv<Size2, Conv2dOptions, gradus::Conv2dOptions>;

template <class Kernel, class Options>
Pool<Kernel, Options>::Pool(Kernel kernel, const Options& options)
    : kernel_(kernel), options_(options) {
  const char* const name = name_of(options);
  require_least(name, "kernel", kernel, 1);
  require_least(name, "stride", options.stride, 0);  // 0: the kernel's
  require_least(name, "padding", options.padding, 0);
  if constexpr (requires { options.dilation; })
    require_least(name, "dilation", options.dilation, 1);
}

template <class Kernel, class Options>
std::string Pool<Kernel, Options>::describe() const {
  std::string out =
      compose(name_of(options_), "(", text(kernel_), option("stride", options_.stride, 0),
              option("padding", options_.padding, 0));
  if constexpr (requires { options_.dilation; })
    out += option("dilation", options_.dilation, 1);
  else if (!options_.count_include_pad)
    out += ", count_include_pad = false";
  return out + ")";
}

template <class Kernel, class Options>
Tensor Pool<Kernel, Options>::forward(const Tensor& x) const {
  return pool(x, kernel_, options_);
}
template class Pool<Index, MaxPool1dOptions>;
template class Pool<Size2, MaxPool2dOptions>;
template class Pool<Index, AvgPool1dOptions>;
template class Pool<Size2, AvgPool2dOptions>;

}  // namespace detail

}  // namespace gradus::nn
