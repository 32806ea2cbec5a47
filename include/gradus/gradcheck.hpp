#pragma once

#include "gradus/function.hpp"

namespace gradus {

struct GradcheckOptions {
  int order = 1;              ///< 2 also checks the gradient's own derivatives, and so on
  double eps = 1e-4;          ///< step of the differences, times max(1, |x|)
  double tolerance = 1e-6;    ///< allowed error, relative to the largest entry of the Jacobian
  int random_directions = 0;  ///< 0: every entry; n: n random projections of each Jacobian
  std::uint64_t seed = 0;     ///< of directions and cotangents
  bool throws = true;         ///< a failed check throws Error with the report's message
};

/// One entry of a Jacobian: d(output `output`, element `row`) / d(input `input`, element `index`).
/// With random directions `row` and `index` are the number of the projection.
struct GradcheckEntry {
  int order = 1;
  int output = 0;
  Index row = 0;
  int input = 0;
  Index index = 0;
  double analytic = 0;
  double numeric = 0;
  double left = 0, right = 0;  ///< one-sided differences, for kinks
};

struct GradcheckReport {
  bool passed = true;
  bool deterministic = true;
  Index checked = 0;                  ///< compared entries
  double largest_error = 0;           ///< relative, over all smooth entries
  std::vector<GradcheckEntry> wrong;  ///< entries that differ, the worst first
  std::vector<GradcheckEntry> kinks;  ///< where the function has no derivative
  std::string message;                ///< what was found, in sentences
  explicit operator bool() const { return passed; }
};

/// Compares the derivatives that the rules give with fourth-order finite differences of `f` at
/// `inputs`, in float64 (float32 throws; int64 and bool inputs are constants). Order 2 checks the
/// gradient of <v, f> as a function of inputs and cotangents v in the same way. At a kink, such as
/// relu at 0, any value between the one-sided derivatives is accepted and the place is reported in
/// `kinks`. A function whose values differ between two calls fails. The inputs are not modified.
GradcheckReport gradcheck(const Function& f, const std::vector<Tensor>& inputs,
                          const GradcheckOptions& options = {});

}  // namespace gradus
