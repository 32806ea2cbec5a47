// Training steps written out for one network each: no graph, no allocation, products by CBLAS.
#pragma once

#include <memory>

#include "../worker.hpp"

namespace by_hand {

class Net {
 public:
  virtual ~Net() = default;
  /// Forward, loss, backward and update; returns the loss.
  virtual float step() = 0;
  /// Inputs, targets and parameters as another program had them.
  virtual void load(bench::ValuesIn& values) = 0;
};

/// `dropout` false: g without its dropout, whose random numbers are each program's own.
std::unique_ptr<Net> make_net(const bench::Workload& workload, float lr, bool dropout);

std::unique_ptr<Net> make_xor(float lr);
std::unique_ptr<Net> make_mlp(const bench::Workload& workload, float lr);
std::unique_ptr<Net> make_norm_mlp(float lr, bool dropout);
std::unique_ptr<Net> make_swiglu(float lr);

/// Nanoseconds per element of single loops over arrays of `n` values.
void measure_loops(long n, const bench::Options& options);
void measure_chain(long n, const bench::Options& options);

}  // namespace by_hand
