// "NaN operands give NaN": a result, or a gradient, that depends on an element is NaN if that is,
// whatever the others are; beside a 0 or an infinity for operations of single numbers. What depends
// on what is found by moving elements a little.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <sstream>

#include "support/table/probe.hpp"

namespace gradus::test {

namespace {

using Tensors = std::vector<Tensor>;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Operations by the first word of their rows' names.
struct Exception {
  const char* name;
  bool always;  // else only beside 0 or infinity
  const char* reason;
};
constexpr const char* no_factor = "a target or weight of 0 takes its term out, whatever it holds";
constexpr std::array exceptions = {
    Exception{"sort", true, "selects: NaN is the largest, and others take the place it had"},
    Exception{"topk", true, "selects: NaN is the largest, and others take the place it had"},
    Exception{"kthvalue", true, "selects: NaN is the largest, and others take the place it had"},
    Exception{"pow", false, "any number to the power of 0 is 1, and 1 to any power"},
    Exception{"hypot", false, "infinite beside an infinity, whatever the other side"},
    Exception{"solve", false, "for an infinite a, the cotangent on the way to its gradient is 0"},
    Exception{"gaussian_nll_loss", false, "for an infinite variance, that of the difference is 0"},
    Exception{"kl_div", false, no_factor},
    Exception{"poisson_nll_loss", false, no_factor},
    Exception{"binary_cross_entropy", false, no_factor},
    Exception{"binary_cross_entropy_with_logits", false, no_factor},
    Exception{"bce_with_logits", false, no_factor},
    Exception{"focal_loss", false, no_factor},
    Exception{"cross_entropy", false, no_factor},
    Exception{"nll_loss", false, no_factor},
};

const Exception* exception_of(const std::string& row) {
  const std::string name = row.substr(0, row.find(' '));
  for (const Exception& e : exceptions)
    if (name == e.name) return &e;
  return nullptr;
}

class NanChecker {
 public:
  NanChecker(std::string name, bool beside_strange, std::vector<std::string>& faults)
      : name_(std::move(name)), beside_strange_(beside_strange), faults_(faults) {}

  /// The first `count` inputs are the operation's, the others cotangents.
  void check(const Probe& p, std::size_t count, const char* what) {
    const auto usual = p.values(p.at);
    if (!usual || p.elements().size() > 60) return;
    std::vector<Element> operands = p.elements();
    std::erase_if(operands, [&](const Element& e) { return e.input >= count; });
    // Single numbers only: in a row or a composition, a 0 can be a cotangent on the way.
    const bool strange =
        beside_strange_ && std::all_of(p.movable.begin(), p.movable.end(),
                                       [&](std::size_t i) { return p.at[i].numel() == 1; });
    for (const Element& e : p.elements()) {
      const std::vector<std::size_t> results = dependent(p, *usual, e);
      if (results.empty()) continue;
      expect_nan(p, p.at, e, results, what);
      if (strange && e.input < count)
        for (const double others : {0.0, infinity, -infinity})
          expect_nan(p, with_value(p.at, operands, others), e, results, what);
    }
  }

 private:
  static std::vector<std::size_t> dependent(const Probe& p, const Values& usual, const Element& e) {
    double largest = 1;
    for (const double v : usual) largest = std::max(largest, std::abs(v));
    const double from = p.at[e.input].to_vector<double>()[e.place];
    std::vector<std::size_t> out;
    for (const double step : {1e-3, -1e-3}) {
      const auto now = p.values(with_value(p.at, {e}, from + step));
      if (!now || now->size() != usual.size()) continue;
      for (std::size_t i = 0; i < usual.size(); ++i)
        if (std::abs((*now)[i] - usual[i]) > 1e-9 * largest) out.push_back(i);
    }
    return out;
  }

  void expect_nan(const Probe& p, const Tensors& x, const Element& e,
                  const std::vector<std::size_t>& results, const char* what) {
    const auto values = p.values(with_value(x, {e}, nan));
    if (!values) return;
    for (const std::size_t i : results) {
      if (std::isnan((*values)[i])) continue;
      std::ostringstream text;
      text << name_ << ": NaN operands give NaN, but with NaN at element " << e.place
           << " of input " << e.input << " in place of " << other(x, e) << ' ' << what << " is "
           << (*values)[i] << " at element " << i;
      if (++count_ <= 2) faults_.push_back(text.str());
      return;
    }
  }

  static std::string other(const Tensors& x, const Element& e) {
    const Values values = x[e.input].to_vector<double>();
    std::ostringstream text;
    text << values[e.place];
    return text.str();
  }

  std::string name_;
  bool beside_strange_;
  std::vector<std::string>& faults_;
  int count_ = 0;
};

}  // namespace

std::vector<std::string> nan_operand_faults(const Row& row) {
  std::vector<std::string> faults;
  const Exception* const exception = exception_of(row.name);
  if (exception && exception->always) return faults;
  std::uint64_t seed = 1;
  std::mt19937_64 random(7);
  for (const std::vector<Input>& inputs : row.cases) {
    std::string where;
    for (const Input& input : inputs) where += " " + to_string(input.shape);
    try {
      const Probe p = probe_of(row, inputs, float64, seed++);
      if (p.movable.empty()) continue;
      NanChecker checker(row.name + ", inputs of shapes" + where, !exception, faults);
      const Tensors outputs = p.f(p.at);
      if (!is_floating_point(outputs[0].dtype())) continue;
      checker.check(p, p.at.size(), "the result");
      if (row.differentiable)
        checker.check(gradient_of(p, random_like(outputs, random)), p.at.size(), "the gradient");
    } catch (const std::exception& error) {
      faults.push_back(row.name + where + ": NaN operands throw " + error.what());
    }
  }
  return faults;
}

}  // namespace gradus::test
