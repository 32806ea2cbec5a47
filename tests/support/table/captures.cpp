// Every operation may stand in a captured step, or is refused by its own name.
#include <exception>

#include "capture/capture_support.hpp"
#include "support/table/probe.hpp"

namespace gradus::test {

namespace {

/// The result and, where it has any, the gradients of its squares' sum.
Tensors results_of(const Row& row, const std::vector<Input>& inputs, const Tensors& given) {
  Tensors x, wanted;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const bool differentiable =
        row.differentiable && inputs[i].differentiable && is_floating_point(given[i].dtype());
    x.push_back(differentiable ? given[i].detach().requires_grad_() : given[i]);
    if (differentiable) wanted.push_back(x.back());
  }
  const Tensor y = row.f(x);
  Tensors results{y};
  if (y.requires_grad() && !wanted.empty())
    for (const Tensor& g : grad(sum(y * y), wanted, {.allow_unused = true}))
      if (g.defined()) results.push_back(g);
  return results;
}

}  // namespace

std::vector<std::string> capture_faults(const Row& row) {
  std::vector<std::string> faults;
  const std::string name = row.name.substr(0, row.name.find_first_of(" ,"));
  if (name == "dropout") return faults;  // the next call draws other numbers
  std::uint64_t seed = 1;
  for (const std::vector<Input>& inputs : row.cases) {
    const Tensors first = make_tensors(inputs, float64, seed),
                  other = make_tensors(inputs, float64, seed + 100);
    ++seed;
    try {
      const CapturedStep step =
          capture(Function([&](const Tensors& x) { return results_of(row, inputs, x); }), first);
      for (const Tensors& x : {other, first}) {
        const Tensors want = results_of(row, inputs, x), got = step.run(x);
        bool same = want.size() == got.size();
        for (std::size_t i = 0; same && i < want.size(); ++i) same = same_bits(want[i], got[i]);
        if (!same) faults.push_back(row.name + ": captured gives other values");
      }
    } catch (const std::exception& error) {
      // Refused by its own name, or since the row itself makes constants.
      const std::string text = error.what(), calls = "[capture] the step calls ";
      bool named = false;
      for (const std::string& allowed : {name, std::string("tensor"), std::string("from_vector")})
        named = named || text.find(calls + allowed + ",") != std::string::npos;
      if (!named) faults.push_back(row.name + ": captured throws " + text);
    }
  }
  return faults;
}

}  // namespace gradus::test
