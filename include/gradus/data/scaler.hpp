#pragma once

#include <string>
#include <utility>
#include <vector>

#include "gradus/tensor.hpp"

namespace gradus::data {

/// Named tensors of a scaler's state.
using ScalerState = std::vector<std::pair<std::string, Tensor>>;

/// y = (x - shift) / scale, feature by feature; what shift and scale are, fit() decides. Fit on the
/// training part only: the other parts must not be known before.
class Scaler {
 public:
  virtual ~Scaler() = default;
  /// Learns shift and scale from x (samples, features…); throws for no samples, integers and values
  /// that are not finite.
  void fit(const Tensor& x);
  /// Scaled values, in x's dtype; differentiable in x. Throws before fit and for other features.
  Tensor transform(const Tensor& x) const;
  Tensor fit_transform(const Tensor& x);
  /// x = y * scale + shift.
  Tensor inverse_transform(const Tensor& y) const;

  bool is_fitted() const { return shift_.defined(); }
  /// float64, the shape of one sample.
  const Tensor& shift() const { return shift_; }
  const Tensor& scale() const { return scale_; }
  /// "shift" and "scale", to be saved; throws before fit.
  ScalerState state() const;
  /// Takes over a state; throws for missing names and for tensors that do not fit together.
  void load_state(const ScalerState& state);

 protected:
  /// One feature's values over n samples, `stride` apart, not all equal.
  virtual void learn(const double* values, Index n, Index stride, double& shift,
                     double& scale) const = 0;
  /// One feature whose values are all `value`.
  virtual void learn_constant(double value, double& shift, double& scale) const = 0;

 private:
  void require_features(const Tensor& x, const char* operation) const;

  Tensor shift_, scale_;
};

/// Mean 0 and standard deviation 1 (of the population, as in scikit-learn); a constant feature
/// becomes 0.
class StandardScaler : public Scaler {
 private:
  void learn(const double* values, Index n, Index stride, double& shift,
             double& scale) const override;
  void learn_constant(double value, double& shift, double& scale) const override;
};

/// Values between `low` and `high`; a constant feature becomes `low`.
class MinMaxScaler : public Scaler {
 public:
  explicit MinMaxScaler(double low = 0, double high = 1);

 private:
  void learn(const double* values, Index n, Index stride, double& shift,
             double& scale) const override;
  void learn_constant(double value, double& shift, double& scale) const override;

  double low_, high_;
};

}  // namespace gradus::data
