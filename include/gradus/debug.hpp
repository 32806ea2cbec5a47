// What a program did: where a NaN came from, and which operations made a value.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "gradus/tensor.hpp"

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

/// True if operations of this thread are watched.
bool is_anomaly_enabled();

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

struct GraphOptions {
  std::vector<std::pair<std::string, Tensor>> names = {};  ///< what tensors are called
  Index max_values = 4;   ///< values and gradients of tensors up to this size are written; 0: none
  bool gradients = true;  ///< write the gradients that are kept
  bool constants = true;  ///< show inputs that require no gradient
};

/// The operations that `root` was computed with, as a Graphviz digraph from the leaves to the root:
/// `dot -Tsvg`.
std::string to_dot(const Tensor& root, const GraphOptions& options = {});
/// The same as a Mermaid flowchart, as Markdown pages show it.
std::string to_mermaid(const Tensor& root, const GraphOptions& options = {});

}  // namespace gradus
