#include <cmath>

#include "gradus/ops.hpp"
#include "gradus/ops/linear_act.hpp"
#include "gradus/ops/nn.hpp"
#include "gradus/random.hpp"
#include "kernels/rows/rows.hpp"
#include "support/catch.hpp"
#include "support/table/op_table.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

/// x (…, in), w (out, in), b (out), by loops.
Array linear_reference(const std::vector<Array>& v) {
  const Index out = v[1].shape[0], in = v[1].shape[1];
  Shape shape = v[0].shape;
  shape[shape.size() - 1] = out;
  Array y(shape);
  for (Index i = 0; i < y.numel(); ++i) {
    const Index row = i / out, o = i % out;
    long double sum = v.size() == 3 ? v[2].at({o}) : 0;
    for (Index j = 0; j < in; ++j)
      sum += v[0].values[static_cast<std::size_t>(row * in + j)] * v[1].at({o, j});
    y.values[static_cast<std::size_t>(i)] = sum;
  }
  return y;
}

/// The sum of exp(x) along an axis, at every element.
Array exp_sums(const Array& x, int axis) {
  Array out(x.shape);
  for_each_index(x.shape, [&](const IndexList& at) {
    IndexList other = at;
    for (Index j = 0; j < x.shape[axis]; ++j) {
      other[axis] = j;
      out.at(at) += std::exp(x.at(other));
    }
  });
  return out;
}

}  // namespace

TEST_CASE("linear agrees with its reference", "[ops]") {
  const auto f = [](const std::vector<Tensor>& v) {
    return v.size() == 3 ? linear(v[0], v[1], v[2]) : linear(v[0], v[1]);
  };
  const auto cases_of = [](bool bias) {
    std::vector<std::vector<Input>> cases;
    for (const Shape& x :
         {Shape{3, 4}, Shape{1, 4}, Shape{4}, Shape{0, 4}, Shape{2, 3, 4}, Shape{2, 1, 2, 4}})
      for (const Index out : {1, 2}) {
        cases.push_back({{.shape = x}, {.shape = {out, 4}}});
        if (bias) cases.back().push_back({.shape = {out}});
      }
    cases.push_back({{.shape = {3, 0}}, {.shape = {2, 0}}});
    if (bias) cases.back().push_back({.shape = {2}});
    return cases;
  };
  row({.name = "linear", .f = f, .cases = cases_of(true), .reference = linear_reference});
  row({.name = "linear without bias",
       .f = f,
       .cases = cases_of(false),
       .reference = linear_reference});
}

TEST_CASE("linear_act agrees with its reference and has the bits of its two operations", "[ops]") {
  using enum LinearActivation;
  struct Kind {
    const char* name;
    LinearActivation activation;
    Tensor (*f)(const Tensor&);
    long double (*reference)(long double);
  };
  static const Kind kinds[] = {
      {"linear_act relu", relu, gradus::relu, [](long double x) { return x > 0 ? x : 0; }},
      {"linear_act tanh", tanh, gradus::tanh, [](long double x) { return std::tanh(x); }},
      {"linear_act sigmoid", sigmoid, gradus::sigmoid,
       [](long double x) { return 1 / (1 + std::exp(-x)); }},
      {"linear_act gelu", gelu, [](const Tensor& x) { return gradus::gelu(x); },
       [](long double x) { return x * std::erfc(-x / std::sqrt(2.0L)) / 2; }},
      {"linear_act silu", silu, gradus::silu,
       [](long double x) { return x / (1 + std::exp(-x)); }}};
  for (const Kind& kind : kinds)
    for (const bool bias : {false, true}) {
      CAPTURE(kind.name, bias);
      std::vector<std::vector<Input>> cases;
      for (const Shape& x : {Shape{3, 4}, Shape{4}, Shape{0, 4}, Shape{2, 3, 4}}) {
        cases.push_back({{.shape = x}, {.shape = {2, 4}}});
        if (bias) cases.back().push_back({.shape = {2}});
      }
      row({.name = "linear_act",
           .f =
               [&](const std::vector<Tensor>& v) {
                 return linear_act(v[0], v[1], bias ? v[2] : Tensor(), kind.activation);
               },
           .cases = cases,
           .reference =
               [&](const std::vector<Array>& v) {
                 Array y = linear_reference(v);
                 for (long double& value : y.values) value = kind.reference(value);
                 return y;
               }});
      // Small enough that no value comes out below the normal numbers, which tiles flush to zero.
      const auto leaf = [](const Shape& shape) {
        return (randn(shape) * 0.5).detach().requires_grad_();
      };
      const Tensor x = leaf({70, 33}), w = leaf({130, 33}), b = bias ? leaf({130}) : Tensor();
      const Tensor seed = randn({70, 130});
      const Tensor together = linear_act(x, w, b, kind.activation), apart = kind.f(linear(x, w, b));
      CHECK(together.to_vector<float>() == apart.to_vector<float>());
      std::vector<Tensor> inputs{x, w};
      if (bias) inputs.push_back(b);
      const auto got = grad(together, inputs, {.grad_outputs = {seed}});
      const auto want = grad(apart, inputs, {.grad_outputs = {seed}});
      for (std::size_t i = 0; i < inputs.size(); ++i)
        CHECK(got[i].to_vector<float>() == want[i].to_vector<float>());
    }
}

TEST_CASE("softmax and log_softmax agree with their references along any axis", "[ops]") {
  for (const int axis : {0, 1, 2}) {
    std::vector<std::vector<Input>> cases;
    if (axis == 0) cases = {{{.shape = {5}}}, {{.shape = {1}}}, {{.shape = {0}}}};
    if (axis <= 1) cases.push_back({{.shape = {3, 4}}});
    if (axis <= 1) cases.push_back({{.shape = {0, 4}}});
    cases.push_back({{.shape = {2, 3, 4}}});
    cases.push_back({{.shape = {2, 1, 1}}});
    row({.name = "softmax along axis " + std::to_string(axis),
         .f = [axis](const std::vector<Tensor>& v) { return softmax(v[0], axis); },
         .cases = cases,
         .reference =
             [axis](const std::vector<Array>& v) {
               const Array sums = exp_sums(v[0], axis);
               return zip_array(v[0], sums,
                                [](long double x, long double s) { return std::exp(x) / s; });
             }});
    row({.name = "log_softmax along axis " + std::to_string(axis),
         .f = [axis](const std::vector<Tensor>& v) { return log_softmax(v[0], axis); },
         .cases = cases,
         .reference =
             [axis](const std::vector<Array>& v) {
               const Array sums = exp_sums(v[0], axis);
               return zip_array(v[0], sums,
                                [](long double x, long double s) { return x - std::log(s); });
             }});
  }
  row({.name = "softmax of a scalar",
       .f = [](const std::vector<Tensor>& v) { return softmax(v[0]); },
       .cases = {{{.shape = {}}}},
       .reference = [](const std::vector<Array>&) { return Array({}, {1}); }});
  row({.name = "log_softmax of a scalar",
       .f = [](const std::vector<Tensor>& v) { return log_softmax(v[0]); },
       .cases = {{{.shape = {}}}},
       .reference = [](const std::vector<Array>&) { return Array({}, {0}); }});
}

TEST_CASE("the slope of softmax along the last axis is computed in one pass", "[ops]") {
  Generator generator(3);
  for (const Shape& shape : {Shape{37}, Shape{5, 37}, Shape{3, 2, 101}}) {
    const Tensor x = randn(shape, float32, &generator), g = randn(shape, float32, &generator);
    const Index cols = x.size(-1);
    const Tensor leaf = x.clone().requires_grad_(), y = softmax(leaf);
    sum(y * g).backward();
    std::vector<float> expected(static_cast<std::size_t>(x.numel()));
    kernels::run(kernels::SoftmaxBackward{float32, false, g.data<float>(), y.data<float>(),
                                          expected.data(), x.numel() / cols, cols});
    CHECK(leaf.grad().to_vector<float>() == expected);
  }
}

TEST_CASE("softmax of large numbers does not overflow", "[ops]") {
  const Tensor x = tensor({1000, 1001, -1000}, float64);
  const std::vector<double> p = softmax(x).to_vector<double>();
  CHECK(p[0] == Approx(1 / (1 + std::exp(1.0))).epsilon(1e-14));
  CHECK(p[1] == Approx(1 / (1 + std::exp(-1.0))).epsilon(1e-14));
  CHECK(p[2] == 0);
  CHECK(log_softmax(x).to_vector<double>()[2] ==
        Approx(-2001 - std::log1p(std::exp(-1.0))).epsilon(1e-14));
}

TEST_CASE("dropout multiplies by its mask, forwards and backwards", "[ops]") {
  const auto mask = [](const Shape& shape) {
    Generator generator(7);
    return dropout(ones(shape, float64), 0.3, {.generator = &generator}).to_vector<double>();
  };
  row({.name = "dropout",
       .f =
           [](const std::vector<Tensor>& v) {
             Generator generator(7);
             return dropout(v[0], 0.3, {.generator = &generator});
           },
       .cases = {{{.shape = {}}}, {{.shape = {1}}}, {{.shape = {37}}}, {{.shape = {2, 3, 4}}}},
       .reference =
           [mask](const std::vector<Array>& v) {
             Array out = v[0];
             const std::vector<double> factors = mask(v[0].shape);
             for (std::size_t i = 0; i < factors.size(); ++i)
               out.values[i] *= factors[i] == 0 ? 0 : 1 / 0.7L;
             return out;
           },
       .float32 = false});  // float32 draws from the same words, but other bits of them
}

TEST_CASE("dropout keeps the mean, and zeroes with probability p", "[ops]") {
  Generator generator(3);
  const Index n = 200000;
  for (const double p : {0.1, 0.5, 0.9}) {
    const std::vector<double> y =
        dropout(ones({n}), p, {.generator = &generator}).to_vector<double>();
    double zeros = 0, total = 0, wrong = 0;
    for (const double value : y) {
      wrong += value != 0 && std::abs(value * (1 - p) - 1) > 1e-6;
      zeros += value == 0;
      total += value;
    }
    CHECK(wrong == 0);
    const double deviation = std::sqrt(p * (1 - p) / static_cast<double>(n));
    CHECK(std::abs(zeros / static_cast<double>(n) - p) < 5 * deviation);
    CHECK(std::abs(total / static_cast<double>(n) - 1) < 5 * deviation / (1 - p));
  }
  const Tensor x = tensor({1, 2, 3});
  CHECK(dropout(x, 0.5, {.training = false}).is(x));
  CHECK(dropout(x, 0).is(x));
  CHECK(dropout(x, 1).to_vector<double>() == std::vector<double>{0, 0, 0});
  CHECK_FALSE(dropout(ones({64}), 0.5).to_vector<double>() ==
              dropout(ones({64}), 0.5).to_vector<double>());
}
