#include "gradus/data/scaler.hpp"

#include <algorithm>
#include <cmath>

#include "base/messages.hpp"
#include "gradus/ops.hpp"

namespace gradus::data {
namespace {

Shape features_of(const Tensor& x) {
  Shape shape = x.shape();
  shape.erase(0);
  return shape;
}

}  // namespace

void Scaler::fit(const Tensor& x) {
  if (!x.defined() || x.dim() < 1 || x.size(0) < 1 || !is_floating_point(x.dtype()))
    fail("Scaler.fit",
         (x.defined() ? to_string(x.shape()) + " " + name_of(x.dtype()) : std::string("nothing")),
         " was given; one sample or more, (samples, features…) in floating point, is required");
  const std::vector<double> values = x.to_vector<double>();
  const Index n = x.size(0), width = x.numel() / n;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i]))
      fail("Scaler.fit", "sample ", static_cast<Index>(i) / width, ", feature ",
           static_cast<Index>(i) % width, " is ", values[i],
           "; finite values are required; remove or fill in such samples");
  std::vector<double> shift(static_cast<std::size_t>(width)), scale(shift.size());
  for (Index f = 0; f < width; ++f) {
    const double* column = values.data() + f;
    bool constant = true;
    for (Index i = 1; constant && i < n; ++i) constant = column[i * width] == column[0];
    const std::size_t at = static_cast<std::size_t>(f);
    if (constant)
      learn_constant(column[0], shift[at], scale[at]);
    else
      learn(column, n, width, shift[at], scale[at]);
  }
  shift_ = from_vector(shift, features_of(x));
  scale_ = from_vector(scale, features_of(x));
}

void Scaler::require_features(const Tensor& x, const char* operation) const {
  if (!is_fitted())
    fail(operation, "the scaler was not fitted; call fit with the training part first");
  if (!x.defined() || x.dim() < 1 || !(features_of(x) == shift_.shape()) ||
      !is_floating_point(x.dtype()))
    fail(operation,
         (x.defined() ? to_string(x.shape()) + " " + name_of(x.dtype()) : std::string("nothing")),
         " was given; samples of shape ", shift_.shape(),
         " in floating point are required, as in fit");
}

Tensor Scaler::transform(const Tensor& x) const {
  require_features(x, "Scaler.transform");
  // In double precision: a large mean must not eat the digits of a small deviation.
  return ((x.to(float64) - shift_) / scale_).to(x.dtype());
}

Tensor Scaler::fit_transform(const Tensor& x) {
  fit(x);
  return transform(x);
}

Tensor Scaler::inverse_transform(const Tensor& y) const {
  require_features(y, "Scaler.inverse_transform");
  return (y.to(float64) * scale_ + shift_).to(y.dtype());
}

ScalerState Scaler::state() const {
  if (!is_fitted()) fail("Scaler.state", "the scaler was not fitted; call fit first");
  return {{"shift", shift_}, {"scale", scale_}};
}

void Scaler::load_state(const ScalerState& state) {
  Tensor shift, scale;
  for (const auto& [name, tensor] : state) {
    if (name == "shift") shift = tensor;
    if (name == "scale") scale = tensor;
  }
  if (!shift.defined() || !scale.defined())
    fail("Scaler.load_state", "the state lacks \"shift\" or \"scale\"; pass what state() returned");
  if (!(shift.shape() == scale.shape()) || !is_floating_point(shift.dtype()) ||
      !is_floating_point(scale.dtype()))
    fail("Scaler.load_state", "shift ", shift.shape(), " ", name_of(shift.dtype()), " and scale ",
         scale.shape(), " ", name_of(scale.dtype()),
         " were given; equal shapes in floating point are required");
  for (const double s : scale.to_vector<double>())
    if (!std::isnormal(s))
      fail("Scaler.load_state", "a scale is ", s,
           "; finite values that can be divided by, beyond 2.3e-308, are "
           "required");
  shift_ = shift.detach().to(float64).clone();
  scale_ = scale.detach().to(float64).clone();
}

void StandardScaler::learn(const double* values, Index n, Index stride, double& shift,
                           double& scale) const {
  // In long double, where the squares of all finite values are in range.
  long double sum = 0, squares = 0;
  for (Index i = 0; i < n; ++i) sum += values[i * stride];
  const long double mean = sum / static_cast<long double>(n);
  for (Index i = 0; i < n; ++i) {
    const long double d = values[i * stride] - mean;
    squares += d * d;
  }
  shift = static_cast<double>(mean);
  scale = static_cast<double>(std::sqrt(squares / static_cast<long double>(n)));
  if (!std::isnormal(scale)) scale = 1;  // nothing can be divided by it
}
void StandardScaler::learn_constant(double value, double& shift, double& scale) const {
  shift = value;
  scale = 1;
}

MinMaxScaler::MinMaxScaler(double low, double high) : low_(low), high_(high) {
  if (!(low < high) || !std::isfinite(high - low))
    fail("MinMaxScaler", "low = ", low, " and high = ", high,
         " were given; low < high is required");
}
void MinMaxScaler::learn(const double* values, Index n, Index stride, double& shift,
                         double& scale) const {
  double least = values[0], most = values[0];
  for (Index i = 1; i < n; ++i) {
    least = std::min(least, values[i * stride]);
    most = std::max(most, values[i * stride]);
  }
  scale = (most - least) / (high_ - low_);
  if (!std::isnormal(scale)) scale = 1;
  shift = least - low_ * scale;
}
void MinMaxScaler::learn_constant(double value, double& shift, double& scale) const {
  scale = 1;
  shift = value - low_;
}

}  // namespace gradus::data
