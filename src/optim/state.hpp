#pragma once

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
  void note(const std::string& fault) { faults_ += "\n  " + fault; }
  bool good() const { return faults_.empty(); }
  /// Throws if anything was noted or an entry was never read.
  void finish(const char* operation);

 private:
  const Tensor* take(const std::string& key);

  const StateDict& state_;
  std::set<std::string> taken_;
  std::string faults_;
};

}  // namespace gradus::optim::detail
