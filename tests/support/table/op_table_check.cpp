// One row of the table of operations: its values and derivatives against the reference's.
#include <algorithm>
#include <cmath>
#include <random>
#include <sstream>

#include "gradus/runtime.hpp"
#include "support/table/op_table.hpp"
#include "support/table/op_table_values.hpp"

namespace gradus::test {

namespace {

using Arrays = std::vector<Array>;
using Tensors = std::vector<Tensor>;

Tensor tensor_of(const Array& x, DType dtype) {
  return from_vector(std::vector<double>(x.values.begin(), x.values.end()), x.shape).to(dtype);
}

Array array_of(const Tensor& x) {
  const std::vector<double> values = x.to_vector<double>();
  return Array(x.shape(), std::vector<long double>(values.begin(), values.end()));
}

// ------------------------------------------------------------------ derivatives of the reference

/// The derivative at 0 of f(t) by seven points: exact for polynomials up to degree 6.
template <class F>
auto derivative(F f, long double h) {
  return (f(3 * h) - f(-3 * h) - 9 * (f(2 * h) - f(-2 * h)) + 45 * (f(h) - f(-h))) / (60 * h);
}

long double dot(const Array& a, const Array& b) {
  long double sum = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i) sum += a.values[i] * b.values[i];
  return sum;
}

/// x + t u, where u has an entry for each of the wanted inputs.
Arrays moved(const Arrays& x, const std::vector<int>& wanted, const Arrays& u, long double t) {
  Arrays out = x;
  for (std::size_t w = 0; w < wanted.size(); ++w) {
    auto& values = out[static_cast<std::size_t>(wanted[w])].values;
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += t * u[w].values[i];
  }
  return out;
}

// ------------------------------------------------------------------ one case

class CaseChecker {
 public:
  CaseChecker(const Row& row, const std::vector<Input>& inputs, std::uint64_t seed,
              std::vector<std::string>& faults)
      : row_(row), inputs_(inputs), random_(seed), faults_(faults) {
    Index largest = 1;
    for (const Input& input : inputs) largest = std::max(largest, numel(input.shape));
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const auto values = values_of(inputs[i], i, inputs.size(), largest, random_);
      x_.emplace_back(inputs[i].shape, std::vector<long double>(values.begin(), values.end()));
      if (inputs[i].differentiable && is_floating_point(inputs[i].dtype))
        all_.push_back(static_cast<int>(i));
    }
    for (const Input& input : inputs_) where_.append(" ").append(to_string(input.shape));
  }

  void check() {
    y_ = row_.reference(x_);
    c_ = random_array(y_.shape);
    check_forward(float64, row_.tolerance);
    if (row_.float32) check_forward(float32, row_.float32_tolerance);
    if (!row_.differentiable || all_.empty()) return;
    const Arrays expected = reference_gradients();
    for (unsigned set = 1; set < 1U << all_.size(); ++set) {
      const std::vector<int> wanted = subset(set);
      check_gradients(float64, wanted, expected, row_.gradient_tolerance);
      if (row_.smooth) check_second(wanted);
    }
    if (row_.float32) check_gradients(float32, all_, expected, row_.float32_gradient_tolerance);
  }

 private:
  void fault(const std::string& text) {
    faults_.push_back(row_.name + ", inputs of shapes" + where_ + ": " + text);
  }

  Array random_array(const Shape& shape) {
    Array out(shape);
    for (long double& v : out.values) {
      v = draw(random_, 0.25, 1);
      if (random_() & 1) v = -v;
      v = static_cast<long double>(static_cast<float>(v));
    }
    return out;
  }

  std::vector<int> subset(unsigned set) const {
    std::vector<int> wanted;
    for (std::size_t i = 0; i < all_.size(); ++i)
      if (set >> i & 1) wanted.push_back(all_[i]);
    return wanted;
  }

  Tensors tensors(DType floating) const {
    Tensors out;
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      out.push_back(
          tensor_of(x_[i], is_floating_point(inputs_[i].dtype) ? floating : inputs_[i].dtype));
    return out;
  }

  /// Notes a fault unless `got` has the shape and, relative to the largest entry, the values of
  /// `want`.
  void compare(const Tensor& got, const Array& want, double tolerance, const std::string& what) {
    if (!got.defined()) return fault(what + " is undefined");
    if (!(got.shape() == want.shape))
      return fault(what + " has shape " + to_string(got.shape()) + " instead of " +
                   to_string(want.shape));
    const Array values = array_of(got);
    long double largest = 1e-2L, worst = -1;
    std::size_t at = 0;
    for (std::size_t i = 0; i < want.values.size(); ++i) {
      const long double a = values.values[i], b = want.values[i];
      if (std::isfinite(b)) largest = std::max(largest, std::abs(b));
      const bool alike = a == b || (std::isnan(a) && std::isnan(b));
      const long double difference = alike ? 0 : std::isfinite(a - b) ? std::abs(a - b) : HUGE_VALL;
      if (difference > worst) {
        worst = difference;
        at = i;
      }
    }
    if (worst <= tolerance * largest) return;
    std::ostringstream text;
    text.precision(15);
    text << what << " is " << static_cast<double>(values.values[at]) << " instead of "
         << static_cast<double>(want.values[at]) << " at element " << at << ", off by "
         << static_cast<double>(worst / largest) << " of the largest entry; allowed is "
         << tolerance;
    fault(text.str());
  }

  void check_forward(DType floating, double tolerance) {
    const std::string run = std::string("the value in ") + name_of(floating);
    Tensors x = tensors(floating);
    const Tensor y = row_.f(x);
    const DType expected = row_.result.value_or(floating);
    if (y.dtype() != expected)
      fault(run + " has dtype " + name_of(y.dtype()) + " instead of " + name_of(expected));
    compare(y, y_, tolerance, run);
    if (y.requires_grad() || !y.is_leaf()) fault("a graph was recorded that nothing asked for");
    for (const int i : all_) x[static_cast<std::size_t>(i)].requires_grad_();
    {
      const NoGrad guard;
      const std::int64_t before = memory_stats().live_nodes;
      const Tensor silent = row_.f(x);
      const bool is_input =
          std::any_of(x.begin(), x.end(), [&](const Tensor& t) { return t.is(silent); });
      if (memory_stats().live_nodes != before || (silent.requires_grad() && !is_input))
        fault("a graph was recorded under NoGrad");
    }
    if (!all_.empty() && row_.f(x).requires_grad() != row_.differentiable)
      fault(row_.differentiable ? "the result records no gradient"
                                : "the result records a gradient, but the row says it has none");
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (x[i].version() != 0) fault("input " + std::to_string(i) + " was changed in place");
      compare(x[i].detach(), x_[i], 0, "after the call input " + std::to_string(i));
    }
  }

  // ------------------------------------------------------------ first derivatives

  /// d<c, f>/dx_i for each of the differentiable inputs, indexed like x_.
  Arrays reference_gradients() {
    Arrays out(x_.size());
    for (const int i : all_) {
      const auto place = static_cast<std::size_t>(i);
      out[place] = Array(x_[place].shape);
      Arrays x = x_;
      for (std::size_t e = 0; e < x_[place].values.size(); ++e) {
        out[place].values[e] = derivative(
            [&](long double t) {
              x[place].values[e] = x_[place].values[e] + t;
              return dot(c_, row_.reference(x));
            },
            row_.step);
        x[place].values[e] = x_[place].values[e];
      }
    }
    return out;
  }

  std::string gradient_name(DType floating, const std::vector<int>& wanted, int i) const {
    std::string names;
    for (const int w : wanted) names.append(" ").append(std::to_string(w));
    return std::string("the gradient in ") + name_of(floating) + " of input " + std::to_string(i) +
           " (wanted:" + names + ")";
  }

  void check_gradients(DType floating, const std::vector<int>& wanted, const Arrays& expected,
                       double tolerance) {
    const auto compare_all = [&](const auto& gradient_of) {
      for (std::size_t w = 0; w < wanted.size(); ++w) {
        const std::string name = gradient_name(floating, wanted, wanted[w]);
        const Tensor g = gradient_of(w);
        if (g.defined() && g.dtype() != floating) fault(name + " has dtype " + name_of(g.dtype()));
        compare(g, expected[static_cast<std::size_t>(wanted[w])], tolerance, name);
      }
    };
    const DType result = row_.result.value_or(floating);
    // Only the wanted inputs require a gradient; everything is summed into .grad.
    Tensors x = tensors(floating);
    for (const int w : wanted) x[static_cast<std::size_t>(w)].requires_grad_();
    const Tensor y = row_.f(x);
    if (!y.requires_grad()) return fault("the result records no gradient");
    y.backward(tensor_of(c_, result));
    compare_all([&](std::size_t w) { return x[static_cast<std::size_t>(wanted[w])].grad(); });
    for (std::size_t i = 0; i < x.size(); ++i)
      if (!x[i].requires_grad() && x[i].grad().defined())
        fault("input " + std::to_string(i) + " got a gradient nobody wants");
    if (wanted.size() == all_.size()) return;
    // All require one, and only the wanted are asked for.
    Tensors z = tensors(floating);
    for (const int i : all_) z[static_cast<std::size_t>(i)].requires_grad_();
    const Tensors g = grad(row_.f(z), pick(z, wanted),
                           {.allow_unused = true, .grad_outputs = {tensor_of(c_, result)}});
    compare_all([&](std::size_t w) { return g[w]; });
  }

  static Tensors pick(const Tensors& x, const std::vector<int>& wanted) {
    Tensors out;
    for (const int w : wanted) out.push_back(x[static_cast<std::size_t>(w)]);
    return out;
  }

  // ------------------------------------------------------------ second derivatives

  /// The gradients of <u, d<c, f>/dx> with respect to x and to c.
  void check_second(const std::vector<int>& wanted) {
    Arrays u;
    Tensors directions;
    for (const int w : wanted) {
      u.push_back(random_array(x_[static_cast<std::size_t>(w)].shape));
      directions.push_back(tensor_of(u.back(), float64));
    }
    Tensors x = tensors(float64);
    for (const int w : wanted) x[static_cast<std::size_t>(w)].requires_grad_();
    Tensor c = tensor_of(c_, float64);
    c.requires_grad_();
    const Tensors g = grad(row_.f(x), pick(x, wanted),
                           {.create_graph = true, .allow_unused = true, .grad_outputs = {c}});
    Tensors by = pick(x, wanted);
    by.push_back(c);
    const Tensors h = grad(g, by, {.allow_unused = true, .grad_outputs = directions});
    for (std::size_t w = 0; w < wanted.size(); ++w)
      compare(h[w], second_reference(wanted, u, w), row_.second_tolerance,
              "the second derivative, " + gradient_name(float64, wanted, wanted[w]));
    compare(h.back(), directional_reference(wanted, u), row_.second_tolerance,
            "the second derivative with respect to the cotangent");
  }

  Array second_reference(const std::vector<int>& wanted, const Arrays& u, std::size_t w) {
    const auto place = static_cast<std::size_t>(wanted[w]);
    Array out(x_[place].shape);
    for (std::size_t e = 0; e < out.values.size(); ++e)
      out.values[e] = derivative(
          [&](long double t) {
            Arrays x = moved(x_, wanted, u, t);
            const long double center = x[place].values[e];
            return derivative(
                [&](long double s) {
                  x[place].values[e] = center + s;
                  return dot(c_, row_.reference(x));
                },
                row_.step);
          },
          row_.step);
    return out;
  }

  Array directional_reference(const std::vector<int>& wanted, const Arrays& u) {
    Array out(y_.shape);
    const long double weights[] = {45, -9, 1};
    for (int p = 1; p <= 3; ++p)
      for (const int sign : {1, -1}) {
        const Array y = row_.reference(moved(x_, wanted, u, sign * p * row_.step));
        for (std::size_t e = 0; e < out.values.size(); ++e)
          out.values[e] += sign * weights[p - 1] * y.values[e] / (60 * row_.step);
      }
    return out;
  }

  const Row& row_;
  const std::vector<Input>& inputs_;
  std::mt19937_64 random_;
  std::vector<std::string>& faults_;
  std::string where_;
  Arrays x_;              // the inputs
  Array y_, c_;           // the reference's value, and a cotangent
  std::vector<int> all_;  // inputs that can have a gradient
};

}  // namespace

std::vector<std::string> faults_of(const Row& row) {
  std::vector<std::string> faults;
  const MemoryStats before = memory_stats();
  std::uint64_t seed = 1;
  for (const std::vector<Input>& inputs : row.cases) {
    try {
      CaseChecker(row, inputs, seed++, faults).check();
    } catch (const std::exception& error) {
      std::string shapes;
      for (const Input& input : inputs) shapes += " " + to_string(input.shape);
      faults.push_back(row.name + ", inputs of shapes" + shapes + ": throws " + error.what());
    }
  }
  const MemoryStats after = memory_stats();
  if (after.live_nodes != before.live_nodes || after.live_tensors != before.live_tensors)
    faults.push_back(row.name + ": " + std::to_string(after.live_nodes - before.live_nodes) +
                     " nodes and " + std::to_string(after.live_tensors - before.live_tensors) +
                     " tensors are left over");
  return faults;
}

}  // namespace gradus::test
