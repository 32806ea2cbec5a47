#include <cmath>
#include <limits>

#include "gradus/ops.hpp"
#include "gradus/random.hpp"
#include "ops/products/lines.hpp"
#include "support/catch.hpp"
#include "support/numbers.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

const std::pair<Shape, Axes> reduced_axes[] = {{{}, {}},
                                               {{}, {-1}},
                                               {{1}, {}},
                                               {{7}, {0}},
                                               {{1, 4}, {0}},
                                               {{1, 4}, {1}},
                                               {{3, 4}, {}},
                                               {{3, 4}, {0}},
                                               {{3, 4}, {-1}},
                                               {{2, 3, 4}, {1}},
                                               {{2, 3, 4}, {2, 0}},
                                               {{2, 3, 4}, {0, 1}},
                                               {{0, 3}, {1}},
                                               {{2, 2, 3, 2}, {3, 1}}};

struct Expected {
  bool differentiable = true;
  std::optional<DType> result = {};
  double tolerance = 1e-12, step = 1e-3;
};

/// A row for every reduction and both values of keepdim.
template <class F>
void reduction_rows(const std::string& name, F f, std::function<long double(const Line&)> reference,
                    Input input = {}, const Expected& expected = {}) {
  for (const auto& [shape, axes] : reduced_axes)
    for (const bool keepdim : {false, true}) {
      input.shape = shape;
      const Row r{
          .name = name,
          .f = [&, a = axes](const Tensors& x) { return f(x[0], a, ReduceOptions{keepdim}); },
          .cases = {{input}},
          .reference =
              [&, a = axes](const Arrays& x) { return reduce_lines(x[0], a, keepdim, reference); },
          .differentiable = expected.differentiable,
          .tolerance = expected.tolerance,
          .step = expected.step,
          .result = expected.result};
      row(r);
    }
}

long double largest(const Line& line) { return *std::max_element(line.begin(), line.end()); }
long double smallest(const Line& line) { return *std::min_element(line.begin(), line.end()); }

long double variance(const Line& line, long double correction) {
  long double mean = 0, squares = 0;
  for (const long double v : line) mean += v / static_cast<long double>(line.size());
  for (const long double v : line) squares += (v - mean) * (v - mean);
  return squares / (static_cast<long double>(line.size()) - correction);
}

long double log_sum_exp(const Line& line) {
  long double total = 0;
  for (const long double v : line) total += std::exp(v);
  return std::log(total);
}

long double p_norm(const Line& line, long double p) {
  long double total = 0;
  for (const long double v : line) total += std::pow(std::abs(v), p);
  return std::pow(total, 1 / p);
}

}  // namespace

TEST_CASE("extremes over axes agree with naive loops", "[ops]") {
  reduction_rows("amax", amax, largest, {.distinct = true});
  reduction_rows("amin", amin, smallest, {.distinct = true});
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{33}, Shape{3, 4}}) {
    row({.name = "max of everything",
         .f = [](const Tensors& x) { return max(x[0]); },
         .cases = {{{.shape = shape, .distinct = true}}},
         .reference = [](const Arrays& x) { return reduce_lines(x[0], {}, false, largest); }});
    row({.name = "min of everything",
         .f = [](const Tensors& x) { return min(x[0]); },
         .cases = {{{.shape = shape, .distinct = true}}},
         .reference = [](const Arrays& x) { return reduce_lines(x[0], {}, false, smallest); }});
  }
}

TEST_CASE("extremes along an axis agree with naive loops", "[ops]") {
  for (const auto& [shape, axes] : reduced_axes) {
    if (axes.size() != 1) continue;
    for (const bool keepdim : {false, true}) {
      const Index axis = axes[0];
      row({.name = "max along an axis",
           .f = [&](const Tensors& x) { return max(x[0], axis, {.keepdim = keepdim}).values; },
           .cases = {{{.shape = shape, .distinct = true}}},
           .reference =
               [&, a = axes](const Arrays& x) { return reduce_lines(x[0], a, keepdim, largest); }});
      row({.name = "min along an axis",
           .f = [&](const Tensors& x) { return min(x[0], axis, {.keepdim = keepdim}).values; },
           .cases = {{{.shape = shape, .distinct = true}}},
           .reference = [&, a = axes](
                            const Arrays& x) { return reduce_lines(x[0], a, keepdim, smallest); }});
    }
  }
}

TEST_CASE("positions of extremes agree with naive loops, the first of ties", "[ops]") {
  const auto first = [](auto pick) {
    return [pick](const Line& line) {
      return static_cast<long double>(pick(line.begin(), line.end()) - line.begin());
    };
  };
  const auto max_at = first([](auto a, auto b) { return std::max_element(a, b); });
  const auto min_at = first([](auto a, auto b) { return std::min_element(a, b); });
  for (const DType dtype : {float64, int64, boolean})
    for (const auto& [shape, axes] : reduced_axes) {
      if (axes.size() > 1 || (axes.empty() && numel(shape) == 0)) continue;
      for (const bool keepdim : {false, true}) {
        const std::optional<Index> axis =
            axes.empty() ? std::nullopt : std::optional<Index>(axes[0]);
        const Input input{.shape = shape, .low = -2, .high = 3, .dtype = dtype};
        row({.name = "argmax",
             .f = [&](const Tensors& x) { return argmax(x[0], axis, {.keepdim = keepdim}); },
             .cases = {{input}},
             .reference =
                 [&, a = axes](const Arrays& x) { return reduce_lines(x[0], a, keepdim, max_at); },
             .differentiable = false,
             .result = int64});
        row({.name = "argmin",
             .f = [&](const Tensors& x) { return argmin(x[0], axis, {.keepdim = keepdim}); },
             .cases = {{input}},
             .reference =
                 [&, a = axes](const Arrays& x) { return reduce_lines(x[0], a, keepdim, min_at); },
             .differentiable = false,
             .result = int64});
      }
    }
}

TEST_CASE("ties share the gradient of amax and max, and the first takes that of max along an axis",
          "[ops]") {
  Tensor x = tensor({{1, 3, 3}, {3, 0, 2}}).requires_grad_();
  CHECK(grad(amax(x), {x})[0].to_vector<double>() ==
        std::vector<double>{0, 1.0f / 3, 1.0f / 3, 1.0f / 3, 0, 0});
  CHECK(grad(sum(amax(x, 1)), {x})[0].to_vector<double>() ==
        std::vector<double>{0, 0.5, 0.5, 1, 0, 0});
  CHECK(grad(sum(max(x, 1).values), {x})[0].to_vector<double>() ==
        std::vector<double>{0, 1, 0, 1, 0, 0});
  CHECK(grad(min(x * 0), {x}, {.allow_unused = true})[0].to_vector<double>() ==
        std::vector<double>(6, 0));
}

TEST_CASE("NaN wins in extremes", "[ops]") {
  const double nan = std::nan("");
  for (const DType dtype : {float32, float64})
    for (const Index n : {1, 2, 15, 16, 17, 64, 1500})
      for (const Index at : {Index{0}, n / 2, n - 1}) {
        std::vector<double> values(static_cast<std::size_t>(n), 1);
        values.back() = 5;
        values[static_cast<std::size_t>(at)] = nan;
        const Tensor x = from_vector(values).to(dtype);
        CHECK(std::isnan(amax(x).item()));
        CHECK(std::isnan(amin(x).item()));
        CHECK(argmax(x).item<std::int64_t>() == at);
        CHECK(argmin(x).item<std::int64_t>() == at);
        CHECK(std::isnan(max(reshape(x, {-1, 1}), 0).values.item()));
        CHECK(std::isnan(logsumexp(x).item()));
        CHECK(any(x).item() == 1);
      }
}

TEST_CASE("the gradient of an extreme that is NaN goes to the NaN", "[ops]") {
  const double nan = std::nan("");
  using Values = std::vector<double>;
  const auto slope = [](const auto& f, const Tensor& x) {
    return grad(sum(f(x)), {x})[0].template to_vector<double>();
  };
  for (const DType dtype : {float32, float64}) {
    const Tensor one = tensor({3, nan, 5}, dtype).requires_grad_();
    CHECK(slope([](const Tensor& x) { return max(x); }, one) == Values{0, 1, 0});
    CHECK(slope([](const Tensor& x) { return min(x); }, one) == Values{0, 1, 0});
    const Tensor rows = tensor({{nan, 2, nan}, {1, 4, 4}}, dtype).requires_grad_();
    CHECK(slope([](const Tensor& x) { return amax(x, {1}); }, rows) ==
          Values{0.5, 0, 0.5, 0, 0.5, 0.5});
    CHECK(slope([](const Tensor& x) { return amin(x, {1}, {.keepdim = true}); }, rows) ==
          Values{0.5, 0, 0.5, 1, 0, 0});
  }
}

TEST_CASE("products agree with naive loops, also where factors are 0", "[ops]") {
  const auto product = [](const Line& line) {
    long double p = 1;
    for (const long double v : line) p *= v;
    return p;
  };
  reduction_rows("prod", prod, product);
  for (const std::vector<double>& values :
       {std::vector<double>{2, 0, -1.5, 3}, {0, 2, 0, 3}, {0, 0, 0, 2}, {0, 0, 0, 0}})
    row({.name = "prod with zeros",
         .f = [](const Tensors& x) { return prod(x[0]); },
         .cases = {{{.shape = {4}, .values = values}}},
         .reference = [&](const Arrays& x) { return reduce_lines(x[0], {}, false, product); }});
  CHECK(prod(zeros({0})).item() == 1);
  CHECK(prod(tensor({1, 1, 0}, boolean)).dtype() == int64);
}

TEST_CASE("a product over neighbouring axes has the bits of one over a single axis", "[ops]") {
  Generator g(5);
  const Tensor x = rand({3, 7, 9, 5}, float64, &g) + 0.5;
  const auto same = [&](const Axes& axes, const Shape& shape, Index axis) {
    INFO(to_string(axes));
    CHECK(prod(x, axes).to_vector<double>() == prod(reshape(x, shape), axis).to_vector<double>());
  };
  same({0, 1}, {21, 9, 5}, 0);
  same({1, 2}, {3, 63, 5}, 1);
  same({2, 3}, {3, 7, 45}, 2);
  same({1, 2, 3}, {3, 315}, 1);
  same({2}, {21, 9, 5}, 1);
  // Factors whose products leave the range along one axis, but not along both.
  CHECK(prod(tensor({{1e200, 1e200}, {1e-200, 1e-200}}, float64), {0, 1}).item() ==
        prod(tensor({1e200, 1e200, 1e-200, 1e-200}, float64)).item());
}

TEST_CASE("variances agree with naive loops", "[ops]") {
  for (const double correction : {0.0, 1.0, 0.5}) {
    const auto of = [&](const Line& line) { return variance(line, correction); };
    for (const auto& [shape, axes] : reduced_axes) {
      const Array zero(shape);
      if (reduce_lines(zero, axes, true, [](const Line& l) { return l.size(); }).values ==
          std::vector<long double>{1})
        continue;
      bool single = false;
      reduce_lines(zero, axes, true, [&](const Line& l) {
        single |= l.size() < 2;
        return 0;
      });
      if (single) continue;
      for (const bool keepdim : {false, true}) {
        row({.name = "var",
             .f =
                 [&](const Tensors& x) {
                   return var(x[0], axes, correction, {.keepdim = keepdim});
                 },
             .cases = {{{.shape = shape}}},
             .reference = [&](const Arrays& x) { return reduce_lines(x[0], axes, keepdim, of); }});
        row({.name = "stddev",
             .f =
                 [&](const Tensors& x) {
                   return stddev(x[0], axes, correction, {.keepdim = keepdim});
                 },
             .cases = {{{.shape = shape, .distinct = true}}},
             .reference =
                 [&](const Arrays& x) {
                   return reduce_lines(x[0], axes, keepdim,
                                       [&](const Line& l) { return std::sqrt(of(l)); });
                 }});
      }
    }
  }
  CHECK(std::isnan(var(tensor({3.0})).item()));
  CHECK(var(tensor({3.0}), {}, 0).item() == 0);
  Tensor equal = full({3}, 2).requires_grad_();
  CHECK(grad(stddev(equal), {equal})[0].to_vector<double>() == std::vector<double>(3, 0));
  CHECK(std::isnan(mean(zeros({0})).item()));
}

TEST_CASE("norms agree with naive loops", "[ops]") {
  for (const double p : {1.0, 2.0, 3.0, 1.5, 0.5, -1.0})
    reduction_rows(
        "norm",
        [p](const Tensor& x, const Axes& a, ReduceOptions options) {
          return norm(x, p, a, options);
        },
        [p](const Line& line) { return p_norm(line, p); }, {.kinks = {0}, .margin = 0.3},
        {.tolerance = 1e-11, .step = 2e-4});
  reduction_rows(
      "norm",
      [](const Tensor& x, const Axes& a, ReduceOptions options) {
        return norm(x, infinity, a, options);
      },
      [](const Line& line) {
        long double m = 0;
        for (const long double v : line) m = std::max(m, std::abs(v));
        return m;
      },
      {.low = -5, .high = 1, .kinks = {0}, .distinct = true});
  reduction_rows(
      "norm",
      [](const Tensor& x, const Axes& a, ReduceOptions options) {
        return norm(x, -infinity, a, options);
      },
      [](const Line& line) {
        long double m = infinity;
        for (const long double v : line) m = std::min(m, std::abs(v));
        return m;
      },
      {.low = 0.5, .high = 4, .distinct = true});
  reduction_rows(
      "norm",
      [](const Tensor& x, const Axes& a, ReduceOptions options) { return norm(x, 0, a, options); },
      [](const Line& line) { return static_cast<long double>(line.size()); },
      {.low = 0.5, .high = 4});
}

TEST_CASE("gradients of norms at 0 are 0 to second order", "[ops]") {
  for (const double p : {1.0, 2.0, 3.0, 1.5, 0.5, infinity, -infinity, 0.0})
    for (const std::vector<double>& values : {std::vector<double>{0, 0}, {0, 4}}) {
      Tensor x = from_vector(values).requires_grad_();
      const Tensor slope = grad(norm(x, p), {x}, {.create_graph = true})[0];
      CHECK(slope.to_vector<double>()[0] == 0);
      if (!slope.requires_grad()) continue;
      for (const double h : grad(sum(slope), {x}, {.allow_unused = true})[0].to_vector<double>())
        CHECK(std::isfinite(h));
    }
  CHECK(norm(tensor({0, 3, 0, 4}), 0).item() == 2);
}

TEST_CASE("log-sum-exp agrees with a naive loop and is safe at the ends", "[ops]") {
  reduction_rows("logsumexp", logsumexp, log_sum_exp);
  Tensor x =
      tensor({{-infinity, -infinity}, {1, -infinity}, {1000, 1000}}, float64).requires_grad_();
  const Tensor y = logsumexp(x, 1);
  CHECK(y.to_vector<double>() == std::vector<double>{-infinity, 1, 1000 + std::log(2.0)});
  const Tensor slope = grad(sum(y), {x}, {.create_graph = true})[0];
  const std::vector<double> slopes = slope.to_vector<double>();
  CHECK(std::vector<double>(slopes.begin(), slopes.begin() + 4) == std::vector<double>{0, 0, 1, 0});
  CHECK(slopes[4] == Approx(0.5));
  CHECK(slopes[5] == Approx(0.5));
  for (const double h : grad(sum(slope * slope), {x})[0].to_vector<double>())
    CHECK(std::isfinite(h));
  CHECK(logsumexp(zeros({0})).item() == -infinity);
}

TEST_CASE("any, all and count_nonzero agree with naive loops", "[ops]") {
  const auto truths = [](const Line& line) {
    return static_cast<long double>(
        std::count_if(line.begin(), line.end(), [](long double v) { return v != 0; }));
  };
  for (const DType dtype : {boolean, int64, float64}) {
    const Input input{.low = 0, .high = 2, .dtype = dtype, .generate = [](Index i) {
                        return static_cast<double>(i % 3 == 1 || i > 4);
                      }};
    reduction_rows("any", any, [&](const Line& l) { return truths(l) > 0; }, input,
                   {.differentiable = false, .result = boolean});
    reduction_rows("all", all,
                   [&](const Line& l) { return truths(l) == static_cast<long double>(l.size()); },
                   input, {.differentiable = false, .result = boolean});
    for (const auto& [shape, axes] : reduced_axes) {
      Input of = input;
      of.shape = shape;
      row({.name = "count_nonzero",
           .f = [&](const Tensors& x) { return count_nonzero(x[0], axes); },
           .cases = {{of}},
           .reference = [&](const Arrays& x) { return reduce_lines(x[0], axes, false, truths); },
           .differentiable = false,
           .result = int64});
    }
  }
  CHECK(any(zeros({0})).item() == 0);
  CHECK(all(zeros({0})).item() == 1);
}
