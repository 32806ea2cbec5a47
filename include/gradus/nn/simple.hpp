#pragma once

#include "gradus/nn/module.hpp"

namespace gradus::nn {

/// Returns its input.
struct Identity : Module {
  Tensor forward(const Tensor& x) const override { return x; }
};

/// In training, zeroes elements with probability p and scales the others by 1 / (1 - p); the input
/// itself in evaluation.
class Dropout : public Module {
 public:
  /// `generator` (default: the thread's) must outlive the module.
  explicit Dropout(double p = 0.5, Generator* generator = nullptr);
  std::string describe() const override;
  double p() const { return p_; }

 protected:
  Tensor forward(const Tensor& x) const override;

 private:
  double p_;
  Generator* generator_;
};

/// Axes from start_axis to end_axis as one; by default all but the first: (N, …) -> (N, …).
class Flatten : public Module {
 public:
  explicit Flatten(Index start_axis = 1, Index end_axis = -1)
      : start_(start_axis), end_(end_axis) {}

 protected:
  Tensor forward(const Tensor& x) const override;

 private:
  Index start_, end_;
};

/// A function as a module, for a Sequential: Function("square", [](const Tensor& x) { … }).
class Function : public Module {
 public:
  Function(std::string name, std::function<Tensor(const Tensor&)> f)
      : name_(std::move(name)), f_(std::move(f)) {}
  std::string describe() const override { return name_; }

 protected:
  Tensor forward(const Tensor& x) const override { return f_(x); }

 private:
  std::string name_;
  std::function<Tensor(const Tensor&)> f_;
};

}  // namespace gradus::nn
