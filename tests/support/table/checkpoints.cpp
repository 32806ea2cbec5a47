// Every operation may stand in a function under checkpoint().
#include <exception>

#include "gradus/functional.hpp"
#include "support/numbers.hpp"
#include "support/table/probe.hpp"

namespace gradus::test {

std::vector<std::string> checkpoint_faults(const Row& row) {
  std::vector<std::string> faults;
  if (!row.differentiable) return faults;
  std::uint64_t seed = 1;
  for (const std::vector<Input>& inputs : row.cases) {
    std::vector<Tensor> x = make_tensors(inputs, float64, seed++), wanted;
    for (std::size_t i = 0; i < x.size(); ++i)
      if (inputs[i].differentiable && is_floating_point(x[i].dtype()))
        wanted.push_back(x[i].requires_grad_());
    if (wanted.empty()) continue;
    const auto gradients = [&](const Tensor& y) {
      std::vector<Numbers> all;
      for (const Tensor& g : grad(sum(y * some(y.shape())), wanted, {.allow_unused = true}))
        all.push_back(numbers(g));
      return all;
    };
    try {
      const Tensor plain = row.f(x);
      const Tensor saved = checkpoint(Function(row.f), x);
      if (gradients(saved) != gradients(plain))
        faults.push_back(row.name + ": another gradient under checkpoint");
    } catch (const std::exception& error) {
      faults.push_back(row.name + ": under checkpoint throws " + error.what());
    }
  }
  return faults;
}

}  // namespace gradus::test
