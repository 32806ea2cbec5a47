#pragma once

#include <limits>
#include <set>
#include <string>

#include "gradus/optim/optimizer.hpp"

namespace gradus::optim::detail {

/// A number as it stands in a StateDict.
Tensor number(double value);

/// Reads a StateDict and collects everything that does not fit.
class StateReader {
 public:
  explicit StateReader(const StateDict& state) : state_(state) {}
  double number(const std::string& key);
  std::int64_t count(const std::string& key);
  /// A copy of the values.
  Tensor tensor(const std::string& key, const Shape& shape, DType dtype);
  /// The same of finite values, not negative where the name says that they are squares.
  Tensor moment(const std::string& key, const Shape& shape, DType dtype);
  /// A number that is finite and not below `least`.
  double finite(const std::string& key, double least = std::numeric_limits<double>::lowest());
  void note(const std::string& fault);
  /// Throws if anything was noted or an entry was never read.
  void finish(const char* operation);

 private:
  const Tensor* take(const std::string& key);

  const StateDict& state_;
  std::set<std::string> taken_;
  std::string faults_;  // the first ones
  int noted_ = 0, more_ = 0;
};

}  // namespace gradus::optim::detail
