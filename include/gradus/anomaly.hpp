#pragma once

#include <string>

namespace gradus {

/// While it lives, every operation of this thread is watched, forward and backward: the first one
/// that makes a NaN or an infinity out of finite values throws Error with its name, the shapes, the
/// place and the module. Slow: each value is read once more.
class DetectAnomaly {
 public:
  explicit DetectAnomaly(bool enabled = true);
  ~DetectAnomaly();
  DetectAnomaly(const DetectAnomaly&) = delete;
  DetectAnomaly& operator=(const DetectAnomaly&) = delete;

 private:
  bool before_;
};

/// While it lives, operations of this thread belong to the module `name`, inside that of the
/// enclosing scope: "encoder" and "fc1" make "encoder.fc1". Does nothing outside anomaly mode.
class ModuleScope {
 public:
  explicit ModuleScope(const std::string& name);
  ~ModuleScope();
  ModuleScope(const ModuleScope&) = delete;
  ModuleScope& operator=(const ModuleScope&) = delete;

 private:
  std::size_t length_before_;
  bool active_;
};

}  // namespace gradus
