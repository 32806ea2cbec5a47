#include <cmath>
#include <limits>

#include "gradus/ops.hpp"
#include "gradus/ops/scan.hpp"
#include "ops/products/lines.hpp"
#include "support/catch.hpp"
#include "support/numbers.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

const std::pair<Shape, Index> lines[] = {{{1}, 0},       {{6}, -1},      {{0}, 0},
                                         {{3, 4}, 0},    {{3, 4}, 1},    {{2, 4, 3}, 1},
                                         {{2, 0, 3}, 1}, {{2, 0, 3}, 2}, {{1, 200}, 0}};

int axis_of(const Shape& shape, Index axis) {
  return static_cast<int>(axis < 0 ? axis + shape.size() : axis);
}

/// The running combination of each line.
std::function<Line(const Line&)> running(Scalar2 f) {
  return [f](const Line& line) {
    Line out = line;
    for (std::size_t i = 1; i < out.size(); ++i) out[i] = f(out[i - 1], line[i]);
    return out;
  };
}

void scan_rows(const std::string& name, Tensor (*scan)(const Tensor&, Index), Scalar2 f) {
  for (const auto& [shape, axis] : lines)
    row({.name = name,
         .f = [&, a = axis](const Tensors& x) { return scan(x[0], a); },
         .cases = {{{.shape = shape}}},
         .reference =
             [&, s = shape, a = axis](const Arrays& x) {
               return map_lines(x[0], axis_of(s, a), s[axis_of(s, a)], running(f));
             }});
  row({.name = name,
       .f = [&](const Tensors& x) { return scan(x[0], 0); },
       .cases = {{{.shape = {}}}},
       .reference = [](const Arrays& x) { return x[0]; }});
}

long double add_logs(long double a, long double b) { return std::log(std::exp(a) + std::exp(b)); }

}  // namespace

TEST_CASE("running sums, products and log-sum-exps agree with naive loops", "[ops]") {
  scan_rows("cumsum", cumsum, [](long double a, long double b) { return a + b; });
  scan_rows("cumprod", cumprod, [](long double a, long double b) { return a * b; });
  scan_rows("logcumsumexp", logcumsumexp, add_logs);
}

TEST_CASE("the derivatives of running products are exact where factors are 0", "[ops]") {
  for (const std::vector<double>& values :
       {std::vector<double>{2, 0, -1.5, 3}, {0, 2, 0, 3}, {0, 0, 0, 2}, {0, 0, 0, 0}})
    row({.name = "cumprod with zeros",
         .f = [](const Tensors& x) { return cumprod(x[0], 0); },
         .cases = {{{.shape = {4}, .values = values}}},
         .reference =
             [&](const Arrays& x) {
               return map_lines(x[0], 0, 4, running([](auto a, auto b) { return a * b; }));
             }});
}

TEST_CASE("integers and masks are scanned as int64", "[ops]") {
  for (const DType dtype : {int64, boolean})
    row({.name = "cumsum",
         .f = [](const Tensors& x) { return cumsum(x[0], 1); },
         .cases = {{{.shape = {2, 5}, .low = -3, .high = 4, .dtype = dtype}}},
         .reference =
             [](const Arrays& x) {
               return map_lines(x[0], 1, 5, running([](auto a, auto b) { return a + b; }));
             },
         .differentiable = false,
         .result = int64});
}

TEST_CASE("a running log-sum-exp is safe at the ends", "[ops]") {
  Tensor x = tensor({-infinity, -infinity, 0, -infinity, 900, 901}, float64).requires_grad_();
  const Tensor y = logcumsumexp(x, 0);
  const std::vector<double> values = y.to_vector<double>();
  CHECK(values[1] == -infinity);
  CHECK(values[3] == 0);
  CHECK(values[5] == Approx(901 + std::log1p(std::exp(-1.0))));
  const Tensor slope = grad(sum(y), {x}, {.create_graph = true})[0];
  const std::vector<double> slopes = slope.to_vector<double>();
  CHECK(slopes[0] == 0);
  CHECK(slopes[2] == 2);
  CHECK(slopes[4] == Approx(1 + 1 / (1 + std::exp(1.0))));
  for (const double h : grad(sum(slope * slope), {x})[0].to_vector<double>())
    CHECK(std::isfinite(h));
}
