// "A zero cotangent gives zero": elements that only results with a cotangent of 0 depend on may
// hold anything, and every gradient is what it is for ordinary values there. Which elements these
// are is found by putting infinities and NaN in their places, so that a new operation needs no
// entry.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <sstream>

#include "gradus/ops.hpp"
#include "support/table/probe.hpp"

namespace gradus::test {

namespace {

using Tensors = std::vector<Tensor>;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::array<double, 3> strange = {nan, infinity, -infinity};

/// What putting a strange value into one element does.
struct Effect {
  Element element;
  std::vector<std::size_t> results;  // that change
  std::vector<double> allowed;       // of the values, those that the operation does not refuse
};

std::vector<Effect> effects_of(const Probe& p, const Values& usual) {
  std::vector<Effect> out;
  for (const Element& e : p.elements()) {
    Effect effect{e, {}, {}};
    std::vector<bool> changed(usual.size(), false);
    for (const double value : strange) {
      const auto now = p.values(with_value(p.at, {e}, value));
      if (!now || now->size() != usual.size()) continue;
      effect.allowed.push_back(value);
      for (std::size_t i = 0; i < usual.size(); ++i)
        if (!((*now)[i] == usual[i])) changed[i] = true;
    }
    for (std::size_t i = 0; i < usual.size(); ++i)
      if (changed[i]) effect.results.push_back(i);
    if (!effect.allowed.empty()) out.push_back(effect);
  }
  return out;
}

Tensors masked(const Tensors& cotangents, const std::vector<bool>& zero) {
  Tensors out;
  std::size_t at = 0;
  for (const Tensor& c : cotangents) {
    Values values = c.to_vector<double>();
    for (double& v : values)
      if (zero[at++]) v = 0;
    out.push_back(from_vector(values, c.shape()).to(c.dtype()));
  }
  return out;
}

class ZeroChecker {
 public:
  ZeroChecker(const Row& row, const std::vector<Input>& inputs, DType dtype, std::uint64_t seed,
              std::vector<std::string>& faults)
      : row_(row), random_(seed), faults_(faults), p_(probe_of(row, inputs, dtype, seed)) {
    for (const Input& input : inputs) where_.append(" ").append(to_string(input.shape));
    where_ += std::string(", ") + name_of(dtype);
    tolerance_ = 10 * (dtype == float64 ? std::max(row.gradient_tolerance, row.second_tolerance)
                                        : row.float32_gradient_tolerance);
  }

  void check() {
    if (p_.movable.empty()) return;
    const Tensors outputs = p_.f(p_.at);
    const Values usual = flat(outputs);
    if (!is_floating_point(outputs[0].dtype()) || usual.empty()) return;
    const std::vector<Effect> effects = effects_of(p_, usual);
    for (const auto& zero : choices(effects, usual.size())) {
      const Tensors c = masked(random_like(outputs, random_), zero);
      const auto poisoned = poison(p_, effects, zero);
      if (!poisoned) continue;
      first_order(p_, *poisoned, c, false, "the gradient");
      first_order(p_, *poisoned, c, true, "the gradient of two uses");
      second_order(*poisoned, c, zero);
    }
    of_gradients(outputs);
  }

 private:
  /// Which results get a cotangent of 0: all, a random half, and those of a few elements.
  std::vector<std::vector<bool>> choices(const std::vector<Effect>& effects, std::size_t count) {
    std::vector<std::vector<bool>> out{std::vector<bool>(count, true),
                                       std::vector<bool>(count, false)};
    for (std::size_t i = 0; i < count; ++i) out[1][i] = random_() & 1;
    for (int n = 0; n < 3 && !effects.empty(); ++n) {
      out.emplace_back(count, false);
      for (const std::size_t i : effects[random_() % effects.size()].results) out.back()[i] = true;
    }
    return out;
  }

  /// The point with strange values in all elements that no other result depends on; nothing if the
  /// operation refuses them together.
  std::optional<Tensors> poison(const Probe& p, const std::vector<Effect>& effects,
                                const std::vector<bool>& zero) {
    Tensors x = p.at;
    for (const Effect& effect : effects)
      if (std::all_of(effect.results.begin(), effect.results.end(),
                      [&](std::size_t i) { return zero[i]; }))
        x = with_value(x, {effect.element}, effect.allowed[random_() % effect.allowed.size()]);
    const auto now = p.values(x), usual = p.values(p.at);
    if (!now || now->size() != usual->size()) return {};
    for (std::size_t i = 0; i < now->size(); ++i)  // together they may do what none does
      if (!zero[i] && !((*now)[i] == (*usual)[i])) return {};
    return x;
  }

  void first_order(const Probe& p, const Tensors& x, const Tensors& c, bool twice,
                   const char* what) {
    compare(flat(gradients(p, x, c, twice)), flat(gradients(p, p.at, c, twice)), {}, what);
  }

  /// The gradients of <u, gradients> by the inputs, and by the cotangents that are not 0.
  void second_order(const Tensors& x, const Tensors& c, const std::vector<bool>& zero) {
    Probe g = gradient_of(p_, c);
    const Tensors u = random_like(g.f(g.at), random_);
    Tensors poisoned = x;
    poisoned.insert(poisoned.end(), c.begin(), c.end());
    std::vector<bool> ignored;
    for (const std::size_t i : p_.movable)
      ignored.resize(ignored.size() + static_cast<std::size_t>(p_.at[i].numel()), false);
    ignored.insert(ignored.end(), zero.begin(), zero.end());
    compare(flat(gradients(g, poisoned, u, false)), flat(gradients(g, g.at, u, false)), ignored,
            "the second derivative");
  }

  /// The same for the gradients as an operation themselves, whose own cotangents are 0.
  void of_gradients(const Tensors& outputs) {
    const Probe g = gradient_of(p_, random_like(outputs, random_));
    if (g.elements().size() > 60) return;
    const Tensors usual = g.f(g.at);
    const std::vector<Effect> effects = effects_of(g, flat(usual));
    for (const auto& zero : choices(effects, flat(usual).size()))
      if (const auto poisoned = poison(g, effects, zero))
        first_order(g, *poisoned, masked(random_like(usual, random_), zero), false,
                    "the derivative of the gradient");
  }

  void compare(const Values& got, const Values& want, const std::vector<bool>& ignored,
               const std::string& what) {
    double largest = 1e-2;
    for (const double v : want)
      if (std::isfinite(v)) largest = std::max(largest, std::abs(v));
    for (std::size_t i = 0; i < want.size(); ++i) {
      if ((!ignored.empty() && ignored[i]) || std::abs(got[i] - want[i]) <= tolerance_ * largest)
        continue;
      if (!std::isfinite(want[i])) continue;
      std::ostringstream text;
      text << row_.name << ", inputs of shapes" << where_
           << ": a zero cotangent gives zero, but beside strange values that do not count " << what
           << " is " << got[i] << " instead of " << want[i] << " at element " << i;
      faults_.push_back(text.str());
      return;
    }
  }

  const Row& row_;
  std::mt19937_64 random_;
  std::vector<std::string>& faults_;
  Probe p_;
  std::string where_;
  double tolerance_;
};

}  // namespace

std::vector<std::string> zero_cotangent_faults(const Row& row) {
  std::vector<std::string> faults;
  if (!row.differentiable) return faults;
  std::uint64_t seed = 1;
  for (const std::vector<Input>& inputs : row.cases) {
    for (const DType dtype : {float64, float32}) {
      if (dtype == float32 && !row.float32) continue;
      try {
        ZeroChecker(row, inputs, dtype, seed, faults).check();
      } catch (const std::exception& error) {
        faults.push_back(row.name + ": strange values throw " + error.what());
      }
    }
    ++seed;
  }
  return faults;
}

}  // namespace gradus::test
