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

// Data and settings of the run.
void lint_inputs(Linter& l);
void lint_order(Linter& l);
void lint_learning_rate(Linter& l);
void lint_schedule(Linter& l);
void lint_parameters(Linter& l);
void lint_mode(Linter& l);

// The model.
void lint_output(Linter& l);
void lint_linear(Linter& l);
void lint_norm(Linter& l);
void lint_sigmoids(Linter& l);
void lint_units(Linter& l);
void lint_weights(Linter& l);

}  // namespace gradus::train::detail
