#pragma once

#include "gradus/train/check.hpp"
#include "train/watch/diagnosis.hpp"
#include "train/watch/trace.hpp"

namespace gradus::train::detail {

/// What lint() looks at, and what it has found so far.
struct Linter {
  nn::Module& model;
  const LintOptions& options;
  Tensor input;  // undefined if there is none
  Trace trace;
  std::vector<Finding> findings;

  void report(const std::string& kind, const std::string& where, const std::string& text,
              bool alarm = true) {
    findings.push_back({.kind = kind, .alarm = alarm, .where = where, .text = text});
  }
  const Call& call(int i) const { return trace.calls[static_cast<std::size_t>(i)]; }
};

// What is said of the model; the rest, of data and settings, is in lint.cpp.
void lint_output(Linter& l);
void lint_linear(Linter& l);
void lint_norm(Linter& l);
void lint_sigmoids(Linter& l);
void lint_units(Linter& l);
void lint_weights(Linter& l);

}  // namespace gradus::train::detail
