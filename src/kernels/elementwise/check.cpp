#include "kernels/elementwise/check.hpp"

#include "base/messages.hpp"
#include "gradus/error.hpp"

namespace gradus::kernels {
namespace {

template <class T>
void run(const Check& call) {
  const T* const values = call.x;
  for (Index i = 0; i < call.n; ++i) {
    const auto x = static_cast<double>(values[i]);
    const bool signs = call.op == CheckOp::signs;
    if (signs ? x == 1 || x == -1 : x >= call.low && x <= call.high) [[likely]]
      continue;
    fail(call.operation, call.what, " ", x, " at element ", i, " was given; ",
         (signs ? "-1 or 1 is required; for labels 0 and 1 pass 2 y - 1"
                : "values from " + text_of(call.low) + " to " + text_of(call.high) +
                      " are required"));
  }
}

}  // namespace

void execute(const Check& call) {
  with_number(call.type, [&]<class T>(T) { run<T>(call); });
}

}  // namespace gradus::kernels
