#include <algorithm>
#include <cmath>
#include <limits>

#include "base/messages.hpp"
#include "gradus/autograd.hpp"
#include "gradus/functional.hpp"
#include "gradus/random.hpp"

namespace gradus {
namespace {

using Tensors = std::vector<Tensor>;
using Values = std::vector<double>;

constexpr double roundoff = std::numeric_limits<double>::epsilon();
constexpr double smaller_step = 1e-2;  // of the second look at a suspicious entry
constexpr double kink_threshold = 1e-3;
constexpr double smallest_scale = 1e-6;  // entries below it are compared absolutely

bool is_checked(const Tensor& x) { return x.dtype() == float64; }

/// What f gives at x - 2h d, x - h d, x, x + h d, x + 2h d, projected on one cotangent.
struct Stencil {
  double m2, m1, at, p1, p2, h;

  double derivative() const { return (8 * (p1 - m1) - (p2 - m2)) / (12 * h); }
  double left() const { return (at - m1) / h; }
  double right() const { return (p1 - at) / h; }
  /// right - left, extrapolated from steps h and 2h to 0: O(h^3) where f is smooth.
  double jump() const {
    const double one = right() - left(), two = (p2 - 2 * at + m2) / (2 * h);
    return 2 * one - two;
  }
  /// What rounding of f's values may do to the differences.
  double noise() const {
    const double size =
        std::max({std::abs(m2), std::abs(m1), std::abs(at), std::abs(p1), std::abs(p2)});
    return 32 * roundoff * size / h;
  }
};

class Checker {
 public:
  Checker(const Function& f, const Tensors& inputs, const GradcheckOptions& options, int order,
          GradcheckReport& report)
      : f_(f), inputs_(inputs), options_(options), order_(order), report_(report) {}

  void run() {
    Tensors marked;
    for (const Tensor& x : inputs_)
      marked.push_back(is_checked(x) ? x.clone().requires_grad_() : x);
    outputs_ = f_.outputs(marked);
    for (std::size_t o = 0; o < outputs_.size(); ++o) require_output(o);
    if (!check_deterministic(marked)) return;
    base_ = flatten(outputs_);
    for (std::size_t o = 0; o < outputs_.size(); ++o) {
      cotangents_.push_back(projections(outputs_[o]));
      analytic_.push_back({});
      for (const Values& w : cotangents_.back()) {
        const Tensor v = from_vector(w, outputs_[o].shape());
        analytic_.back().push_back(flatten(gradients(marked, o, v)));
      }
    }
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      if (is_checked(inputs_[i])) check_input(i);
  }

 private:
  /// Unit vectors, or random ones.
  std::vector<Values> projections(const Tensor& like) {
    const auto n = static_cast<std::size_t>(like.numel());
    std::vector<Values> list;
    if (options_.random_directions == 0) {
      list.assign(n, Values(n));
      for (std::size_t k = 0; k < n; ++k) list[k][k] = 1;
    } else if (n > 0) {
      for (int k = 0; k < options_.random_directions; ++k)
        list.push_back(randn(like.shape(), float64, &generator_).to_vector<double>());
    }
    return list;
  }

  static std::vector<Values> flatten(const Tensors& tensors) {
    std::vector<Values> list;
    for (const Tensor& t : tensors) list.push_back(t.to_vector<double>());
    return list;
  }

  Tensors gradients(const Tensors& marked, std::size_t output, const Tensor& v) const {
    return grad({outputs_[output]}, only_checked(marked),
                {.retain_graph = true, .allow_unused = true, .grad_outputs = {v}});
  }
  static Tensors only_checked(const Tensors& all) {
    Tensors some;
    std::copy_if(all.begin(), all.end(), std::back_inserter(some), is_checked);
    return some;
  }

  void require_output(std::size_t o) const {
    if (outputs_[o].dtype() != float64)
      fail("gradcheck", "output ", o, " has dtype ", name_of(outputs_[o].dtype()),
           "; float64 is required, as finite differences of float32 are mostly "
           "noise; keep every step of the function in float64");
  }

  bool check_deterministic(const Tensors& marked) {
    const auto same = [](const Tensors& a, const Tensors& b) {
      const auto equal = [](double x, double y) { return x == y || (x != x && y != y); };
      for (std::size_t k = 0; k < a.size(); ++k) {
        const Values x = a[k].to_vector<double>(), y = b[k].to_vector<double>();
        if (!std::equal(x.begin(), x.end(), y.begin(), y.end(), equal)) return false;
      }
      return a.size() == b.size();
    };
    report_.deterministic = same(outputs_, f_.outputs(marked));
    for (std::size_t o = 0; o < outputs_.size() && report_.deterministic; ++o) {
      const Tensor v = ones_like(outputs_[o]);
      report_.deterministic = same(gradients(marked, o, v), gradients(marked, o, v));
    }
    return report_.deterministic;
  }

  /// f's outputs with input i moved by t along `direction`.
  std::vector<Values> evaluate(std::size_t i, const Values& direction, double t) const {
    Tensors moved = inputs_;
    Values x = inputs_[i].to_vector<double>();
    for (std::size_t k = 0; k < x.size(); ++k) x[k] += t * direction[k];
    moved[i] = from_vector(x, inputs_[i].shape());
    return flatten(f_.outputs(moved));
  }

  struct Samples {
    std::vector<Values> m2, m1, p1, p2;
    double h;
  };
  Samples sample(std::size_t i, const Values& d, double h) const {
    return {evaluate(i, d, -2 * h), evaluate(i, d, -h), evaluate(i, d, h), evaluate(i, d, 2 * h),
            h};
  }
  Stencil project(const Samples& s, std::size_t output, const Values& w) const {
    const auto dot = [&](const std::vector<Values>& values) {
      double total = 0;
      for (std::size_t k = 0; k < w.size(); ++k)
        if (w[k] != 0) total += w[k] * values[output][k];
      return total;
    };
    return {dot(s.m2), dot(s.m1), dot(base_), dot(s.p1), dot(s.p2), s.h};
  }

  /// The step along d: relative to the entries that move, and exactly representable beside them.
  double step_along(std::size_t i, const Values& d) const {
    const Values x = inputs_[i].to_vector<double>();
    double size = 1;
    for (std::size_t k = 0; k < x.size(); ++k)
      if (d[k] != 0) size = std::max(size, std::abs(x[k]));
    return std::exp2(std::round(std::log2(options_.eps * size)));
  }

  struct Compared {
    GradcheckEntry entry;
    Stencil stencil;
    std::size_t direction, cotangent;
  };

  /// All entries of the Jacobians of input i.
  void check_input(std::size_t i) {
    const auto checked = static_cast<std::size_t>(std::count_if(
        inputs_.begin(), inputs_.begin() + static_cast<std::ptrdiff_t>(i), is_checked));
    const std::vector<Values> directions = projections(inputs_[i]);
    std::vector<std::vector<Compared>> blocks(outputs_.size());
    for (std::size_t c = 0; c < directions.size(); ++c) {
      const Values& d = directions[c];
      const Samples samples = sample(i, d, step_along(i, d));
      for (std::size_t o = 0; o < outputs_.size(); ++o)
        for (std::size_t r = 0; r < cotangents_[o].size(); ++r) {
          if (options_.random_directions > 0 && r != c) continue;
          const Stencil s = project(samples, o, cotangents_[o][r]);
          const Values& row = analytic_[o][r][checked];
          double value = 0;
          for (std::size_t k = 0; k < d.size(); ++k)
            if (d[k] != 0) value += d[k] * row[k];
          GradcheckEntry entry{.order = order_,
                               .output = static_cast<int>(o),
                               .row = static_cast<Index>(r),
                               .input = static_cast<int>(i),
                               .index = static_cast<Index>(c),
                               .analytic = value,
                               .numeric = s.derivative(),
                               .left = s.left(),
                               .right = s.right()};
          blocks[o].push_back({entry, s, c, r});
        }
    }
    for (const auto& block : blocks) judge(block, directions);
  }

  /// Compares one block against its own largest entry.
  void judge(const std::vector<Compared>& block, const std::vector<Values>& directions) {
    double scale = smallest_scale;
    for (const Compared& c : block)
      for (const double value : {c.entry.analytic, c.entry.numeric})
        if (std::isfinite(value)) scale = std::max(scale, std::abs(value));
    for (const Compared& c : block) {
      ++report_.checked;
      const double error = std::abs(c.entry.analytic - c.entry.numeric);
      const double noise = c.stencil.noise();
      const bool smooth = std::abs(c.stencil.jump()) <= kink_threshold * scale + noise;
      if (smooth && error <= options_.tolerance * scale + noise)
        note_error(error - noise, scale);
      else
        look_again(c, scale, directions[c.direction]);
    }
  }

  void note_error(double error, double scale) {
    if (error > 0) report_.largest_error = std::max(report_.largest_error, error / scale);
  }

  /// A suspicious entry with a much smaller step: a kink beside the point goes away, one at the
  /// point stays, a wrong rule stays wrong.
  void look_again(const Compared& c, double scale, const Values& d) {
    const auto i = static_cast<std::size_t>(c.entry.input);
    const auto o = static_cast<std::size_t>(c.entry.output);
    const Stencil near =
        project(sample(i, d, c.stencil.h * smaller_step), o, cotangents_[o][c.cotangent]);
    GradcheckEntry entry = c.entry;
    entry.left = near.left();
    entry.right = near.right();
    const double noise = near.noise();
    const double slack = options_.tolerance * scale + noise;
    if (!std::isfinite(entry.numeric)) entry.numeric = near.derivative();
    const bool jumps = std::abs(near.jump()) > kink_threshold * scale + noise;
    // The jump of a smooth function shrinks with the step.
    if (jumps && !(std::abs(near.jump()) < 0.5 * std::abs(c.stencil.jump()))) {
      const auto [low, high] = std::minmax(entry.left, entry.right);
      const double between = 1e-3 * std::max(std::abs(high), std::abs(low)) + slack;
      entry.numeric = near.derivative();
      if (entry.analytic >= low - between && entry.analytic <= high + between) {
        report_.kinks.push_back(entry);
        return;
      }
    } else if (const double error = std::abs(entry.analytic - near.derivative()); error <= slack) {
      note_error(error - noise, scale);
      return;
    }
    report_.wrong.push_back(entry);
  }

  const Function& f_;
  const Tensors& inputs_;
  const GradcheckOptions& options_;
  const int order_;
  GradcheckReport& report_;
  Generator generator_{options_.seed};
  Tensors outputs_;
  std::vector<Values> base_;                                // [output][element]
  std::vector<std::vector<Values>> cotangents_;             // [output][cotangent][element]
  std::vector<std::vector<std::vector<Values>>> analytic_;  // [output][cotangent][input][element]
};

/// (inputs, cotangents) -> the gradients of sum <cotangent, f(inputs)> for the checked inputs.
Function gradient_of(const Function& f, std::size_t arity) {
  return Function([f, arity](const Tensors& all) {
    Tensors inputs, wanted, cotangents;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (i >= arity) {
        cotangents.push_back(all[i]);
      } else if (is_checked(all[i])) {
        const EnableGrad guard;
        wanted.push_back(all[i].requires_grad() ? all[i] : all[i].detach().requires_grad_());
        inputs.push_back(wanted.back());
      } else {
        inputs.push_back(all[i]);
      }
    }
    return grad(f.outputs(inputs), wanted,
                {.create_graph = true, .allow_unused = true, .grad_outputs = cotangents});
  });
}

std::string describe(const GradcheckEntry& e, bool random) {
  const std::string place =
      random ? "output " + text_of(e.output) + " along random cotangent " + text_of(e.row) +
                   ", input " + text_of(e.input) + " along random direction " + text_of(e.index)
             : "output " + text_of(e.output) + " element " + text_of(e.row) +
                   " with respect to input " + text_of(e.input) + " element " + text_of(e.index);
  return compose((e.order > 1 ? "derivative of order " + text_of(e.order) + ", " : ""), place,
                 ": analytic ", e.analytic, ", numeric ", e.numeric);
}

void finish(GradcheckReport& report, bool random) {
  const auto badness = [](const GradcheckEntry& e) {
    const double error = std::abs(e.analytic - e.numeric);
    return std::isfinite(error) ? error : std::numeric_limits<double>::max();
  };
  std::stable_sort(report.wrong.begin(), report.wrong.end(),
                   [&](const auto& a, const auto& b) { return badness(a) > badness(b); });
  report.passed = report.deterministic && report.wrong.empty();
  if (!report.deterministic)
    report.message =
        "the function or its gradient is not deterministic: two calls with the same "
        "inputs differ; seed random numbers inside the function";
  else if (!report.wrong.empty()) {
    const GradcheckEntry& worst = report.wrong.front();
    report.message = compose(report.wrong.size(), " of ", report.checked,
                             " derivatives are wrong; the worst is of ", describe(worst, random));
    report.message += std::isfinite(worst.numeric)
                          ? "; correct the rule, or look for a detach() on the way"
                          : "; the function is not finite near this point; move it into the "
                            "function's domain or pass a smaller eps";
  } else {
    report.message = compose(report.checked, " derivatives agree, largest relative error ",
                             report.largest_error);
  }
  if (!report.kinks.empty()) {
    const GradcheckEntry& kink = report.kinks.front();
    report.message += compose(
        "; ", report.kinks.size(), " lie at a kink, where no derivative exists, the first at ",
        describe(kink, random), ", from the left ", kink.left, ", from the right ", kink.right);
  }
}

void check_arguments(const Tensors& inputs, const GradcheckOptions& options) {
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (inputs[i].dtype() == float32)
      fail("gradcheck", "input ", i, " of shape ", inputs[i].shape(),
           " has dtype float32; float64 is required, as finite differences of "
           "float32 are mostly noise; convert it with to(float64)");
  if (std::none_of(inputs.begin(), inputs.end(), is_checked))
    fail("gradcheck",
         "no input has dtype float64, so there is nothing to check; pass at least one");
  if (options.order < 1)
    fail("gradcheck", "order ", options.order, " was given; 1 or more is required");
  if (!(options.eps > 0 && options.eps < 1))
    fail("gradcheck", "eps ", options.eps, " was given; a number in (0, 1) is required");
  if (!(options.tolerance > 0))
    fail("gradcheck", "tolerance ", options.tolerance, " was given; a positive number is required");
  if (options.random_directions < 0)
    fail("gradcheck", options.random_directions,
         " random_directions were given; 0 (all entries) or more are required");
}

}  // namespace

GradcheckReport gradcheck(const Function& f, const std::vector<Tensor>& inputs,
                          const GradcheckOptions& options) {
  check_arguments(inputs, options);
  const EnableGrad guard;
  GradcheckReport report;
  Generator cotangents(options.seed + 1);
  Function checked = f;
  Tensors points;
  for (const Tensor& x : inputs) points.push_back(x.detach().clone());
  for (int order = 1; order <= options.order && report.deterministic && report.wrong.empty();
       ++order) {
    if (order > 1) {
      const std::size_t arity = points.size();
      for (const Tensor& y : checked.outputs(points))
        points.push_back(randn(y.shape(), float64, &cotangents));
      checked = gradient_of(checked, arity);
    }
    Checker(checked, points, options, order, report).run();
  }
  finish(report, options.random_directions > 0);
  if (options.throws && !report.passed) fail("gradcheck", report.message);
  return report;
}

}  // namespace gradus
