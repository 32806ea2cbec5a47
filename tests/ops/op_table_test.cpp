// The checker of operations must notice wrong rules.
#include "support/table/op_table.hpp"

#include "gradus/autograd.hpp"
#include "gradus/ops.hpp"
#include "support/catch.hpp"
#include "support/table/probe.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

/// f() without a record.
template <class F>
Tensor silently(F f) {
  const NoGrad guard;
  return f();
}

/// a * b (2, 3) x (3,) with a rule of the test's.
template <class Rule>
std::vector<std::string> faults_of_product(Rule rule) {
  return faults_of({.name = "product",
                    .f =
                        [rule](const std::vector<Tensor>& x) {
                          Tensor value = silently([&] { return x[0] * x[1]; });
                          return record("product", std::move(value), x, rule);
                        },
                    .cases = {{{.shape = {2, 3}}, {.shape = {3}}}},
                    .reference =
                        [](const std::vector<Array>& x) {
                          return zip_array(x[0], x[1],
                                           [](long double a, long double b) { return a * b; });
                        }});
}

bool mentions(const std::vector<std::string>& faults, const std::string& text) {
  for (const std::string& fault : faults)
    if (fault.find(text) != std::string::npos) return true;
  return false;
}

Tensor doubled(const Tensor& x, double factor) {
  const NoGrad guard;
  return x * factor;
}

}  // namespace

TEST_CASE("the checker accepts a right rule", "[checker]") {
  CHECK(faults_of_product([](const Vjp& k) -> Grads<2> {
          return {k.grad * k.in(1), k.grad * k.in(0)};
        }).empty());
}

TEST_CASE("the checker notices a wrong sign", "[checker]") {
  const auto faults = faults_of_product([](const Vjp& k) -> Grads<2> {
    return {k.grad * k.in(1), -(k.grad * k.in(0))};
  });
  CHECK(mentions(faults, "the gradient in float64 of input 1"));
  CHECK_FALSE(mentions(faults,
                       "product, inputs of shapes (2, 3) (3,): the gradient in float64 of "
                       "input 0"));
}

TEST_CASE("the checker notices a factor of 1 + 1e-4", "[checker]") {
  const auto faults = faults_of_product([](const Vjp& k) -> Grads<2> {
    return {k.grad * k.in(1) * 1.0001, k.grad * k.in(0)};
  });
  CHECK(mentions(faults, "the gradient in float64 of input 0"));
}

TEST_CASE("the checker notices a dropped gradient", "[checker]") {
  const auto faults = faults_of_product([](const Vjp& k) -> Grads<2> {
    return {k.grad * k.in(1), Tensor()};
  });
  CHECK(mentions(faults, "of input 1"));
}

TEST_CASE("the checker notices a gradient in the wrong place", "[checker]") {
  const auto faults = faults_of_product([](const Vjp& k) -> Grads<2> {
    return {k.grad * k.in(1), reshape(permute(reshape(k.grad * k.in(0), {3, 2}), {1, 0}), {2, 3})};
  });
  CHECK(mentions(faults, "of input 1"));
}

TEST_CASE("the checker notices a sum over the wrong axis", "[checker]") {
  const auto faults = faults_of(
      {.name = "row sums",
       .f =
           [](const std::vector<Tensor>& x) {
             Tensor value = silently([&] { return sum(x[0], 1); });
             return record("row sums", std::move(value), x, [](const Vjp& k) {
               return expand(reshape(k.grad, {1, 3}), {3, 3});  // the axis must be the last
             });
           },
       .cases = {{{.shape = {3, 3}}}},
       .reference =
           [](const std::vector<Array>& x) {
             Array out(Shape{3});
             for_each_index(x[0].shape, [&](const IndexList& i) { out.at(i[0]) += x[0].at(i); });
             return out;
           }});
  CHECK(mentions(faults, "the gradient in float64 of input 0"));
}

TEST_CASE("the checker notices a rule that forgets to reduce a broadcast input", "[checker]") {
  const auto faults = faults_of_product([](const Vjp& k) -> Grads<2> {
    return {k.grad * k.in(1), select(k.grad * k.in(0), 0, 0)};
  });
  CHECK(mentions(faults, "the gradient in float64 of input 1"));
}

TEST_CASE("the checker notices a rule that detaches from higher derivatives", "[checker]") {
  const auto faults = faults_of_product([](const Vjp& k) -> Grads<2> {
    return {k.grad * k.in(1).detach(), k.grad * k.in(0)};
  });
  CHECK_FALSE(mentions(faults, ": the gradient"));
  CHECK(mentions(faults, "the second derivative"));
}

TEST_CASE("the checker notices a result that records no gradient", "[checker]") {
  Row row{.name = "silent",
          .f = [](const std::vector<Tensor>& x) { return doubled(x[0], 2); },
          .cases = {{{.shape = {3}}}},
          .reference =
              [](const std::vector<Array>& x) {
                return map_array(x[0], [](long double v) { return 2 * v; });
              }};
  CHECK(mentions(faults_of(row), "the result records no gradient"));
  row.differentiable = false;
  CHECK(faults_of(row).empty());
}

TEST_CASE("the checker notices wrong values, shapes, dtypes and changed inputs", "[checker]") {
  Row row{.name = "twice",
          .f = [](const std::vector<Tensor>& x) { return doubled(x[0], 2 + 1e-9); },
          .cases = {{{.shape = {3}}}},
          .reference =
              [](const std::vector<Array>& x) {
                return map_array(x[0], [](long double v) { return 2 * v; });
              },
          .differentiable = false};
  CHECK(mentions(faults_of(row), "the value in float64 is"));
  row.f = [](const std::vector<Tensor>& x) { return doubled(reshape(x[0], {3, 1}), 2); };
  CHECK(mentions(faults_of(row), "has shape (3, 1) instead of (3,)"));
  row.f = [](const std::vector<Tensor>& x) { return doubled(x[0].to(float64), 2); };
  CHECK(mentions(faults_of(row), "has dtype float64 instead of float32"));
  row.f = [](const std::vector<Tensor>& x) {
    const NoGrad guard;
    Tensor y = doubled(x[0], 2);
    Tensor(x[0]).fill_(1);
    return y;
  };
  CHECK(mentions(faults_of(row), "was changed in place"));
  row.f = [](const std::vector<Tensor>&) -> Tensor { fail("twice", "no"); };
  CHECK(mentions(faults_of(row), "throws [twice] no"));
}

TEST_CASE("the checker notices a rule that multiplies a zero cotangent by NaN", "[checker]") {
  Row row{.name = "square",
          .f =
              [](const std::vector<Tensor>& x) {
                Tensor value = silently([&] { return x[0] * x[0]; });
                return record("square", std::move(value), x, [](const Vjp& k) {
                  return where(k.in(0) < 9, k.grad * 2, k.grad * k.in(0));
                });
              },
          .cases = {{{.shape = {4}}}},
          .reference = {}};
  CHECK(mentions(zero_cotangent_faults(row), "a zero cotangent gives zero"));
  row.f = [](const std::vector<Tensor>& x) { return square(x[0]); };
  CHECK(zero_cotangent_faults(row).empty());
}

TEST_CASE("the checker notices a row whose other elements leak past a zero cotangent",
          "[checker]") {
  // Right for cotangents of 0, but wrong for a term of them in a row that counts.
  Row row{
      .name = "dot",
      .f =
          [](const std::vector<Tensor>& x) {
            Tensor value = silently([&] { return matmul(x[0], x[1]); });
            return record("dot", std::move(value), x, [](const Vjp& k) -> Grads<2> {
              return {k.wants(0) ? sum(unsqueeze(k.grad, -2) * k.in(1), {-1}) : Tensor(), Tensor()};
            });
          },
      .cases = {{{.shape = {2, 3}}, {.shape = {3, 2}}}},
      .reference = {}};
  CHECK(mentions(zero_cotangent_faults(row), "a zero cotangent gives zero"));
}

TEST_CASE("the checker notices results and gradients that hide a NaN", "[checker]") {
  Row row{.name = "quiet",
          .f = [](const std::vector<Tensor>& x) { return where(isnan(x[0]), 0, x[0] * 2); },
          .cases = {{{.shape = {4}}}},
          .reference = {}};
  CHECK(mentions(nan_operand_faults(row), "the result"));
  row.f = [](const std::vector<Tensor>& x) {
    return square(x[0]) + where(isnan(x[0]), x[0].detach(), x[0]);
  };
  CHECK(nan_operand_faults(row).empty());
  row.f = [](const std::vector<Tensor>& x) {
    return where(isnan(x[0]), x[0].detach(), square(x[0]));
  };
  CHECK(mentions(nan_operand_faults(row), "the gradient"));
}

TEST_CASE("the checker notices a graph that outlives its tensors", "[checker]") {
  std::vector<Tensor> kept;
  const auto faults = faults_of({.name = "kept",
                                 .f =
                                     [&](const std::vector<Tensor>& x) {
                                       kept.push_back(x[0] * 2);
                                       return kept.back();
                                     },
                                 .cases = {{{.shape = {3}}}},
                                 .reference =
                                     [](const std::vector<Array>& x) {
                                       return map_array(x[0], [](long double v) { return 2 * v; });
                                     }});
  CHECK(mentions(faults, "are left over"));
}

TEST_CASE("inputs keep away from kinks, are distinct when asked, and respect their bounds",
          "[checker]") {
  const auto kinked =
      make_tensor({.shape = {200}, .kinks = {0, 1}, .margin = 0.1}, float64, 3).to_vector<double>();
  for (const double v : kinked) {
    CHECK(std::abs(v) >= 0.0999);
    CHECK(std::abs(v - 1) >= 0.0999);
  }
  auto spread = make_tensor({.shape = {100}, .distinct = true}, float64, 3).to_vector<double>();
  std::sort(spread.begin(), spread.end());
  for (std::size_t i = 1; i < spread.size(); ++i) CHECK(spread[i] - spread[i - 1] > 0.03);
  const auto labels = make_tensor({.shape = {50}, .low = 0, .high = 3, .dtype = int64}, float64, 3)
                          .to_vector<Index>();
  CHECK(*std::min_element(labels.begin(), labels.end()) == 0);
  CHECK(*std::max_element(labels.begin(), labels.end()) == 2);
}
