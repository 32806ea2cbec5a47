#include <cmath>
#include <limits>
#include <thread>

#include "gradus/debug.hpp"
#include "gradus/gradus.hpp"
#include "support/catch.hpp"

using namespace gradus;
using gradus::test::contains;

namespace {
const double inf = std::numeric_limits<double>::infinity();

/// A root whose derivative is infinite at 0.
Tensor bare_sqrt(const Tensor& x) {
  return custom(
      "bare_sqrt", {x},
      [](const std::vector<Tensor>& in) {
        std::vector<double> values = in[0].to_vector<double>();
        for (double& v : values) v = std::sqrt(v);
        return from_vector(values, in[0].shape());
      },
      [](const Vjp& k) { return k.grad * (0.5 / k.out()); });
}
}  // namespace

TEST_CASE("the first operation that makes a non-finite value is named") {
  const DetectAnomaly guard;
  const Tensor a = tensor({{1, 2, 3}, {4, 5, 6}}), b = tensor({1, 0, 1});
  CHECK_THROWS_WITH(sum(a / b) * 2, contains("[div]") && contains("'div' made inf at (0, 1)") &&
                                        contains("shape (2, 3)") && contains("(2, 3), (3,)"));
  CHECK_THROWS_WITH(tensor({0.0}) / tensor({0.0}), contains("made nan at (0,)"));
}

TEST_CASE("without the guard nothing is checked, and the guard ends with its scope") {
  const Tensor a = ones({2}), zero = zeros({2});
  {
    const DetectAnomaly guard;
    CHECK_THROWS_AS(a / zero, Error);
    {
      const DetectAnomaly off(false);
      CHECK_NOTHROW(a / zero);
      CHECK_FALSE(is_anomaly_enabled());
    }
    CHECK(is_anomaly_enabled());
    CHECK_THROWS_AS(a / zero, Error);
  }
  CHECK_FALSE(is_anomaly_enabled());
  CHECK((a / zero).to_vector<double>() == std::vector<double>{inf, inf});
}

TEST_CASE("an operation on values that were not finite before is not blamed") {
  const DetectAnomaly guard;
  CHECK_NOTHROW(tensor({1, inf}) * 2);
  CHECK_NOTHROW(sum(tensor({inf, -inf})));
}

TEST_CASE("the backward of an operation is named") {
  const Tensor x = tensor({4, 0, 1}, float64).requires_grad_();
  const DetectAnomaly guard;
  const Tensor y = sum(bare_sqrt(x * 2) * 3);
  CHECK_THROWS_WITH(y.backward(),
                    contains("[bare_sqrt] backward of 'bare_sqrt' made inf at (1,)") &&
                        contains("gradient of input 0") && contains("(3,)"));
  CHECK_FALSE(x.grad().defined());
  CHECK_THROWS_WITH(grad(sum(bare_sqrt(x)), {x}, {.create_graph = true}),
                    contains("backward of 'bare_sqrt'"));
}

TEST_CASE("gradients that meet finite values pass anomaly mode unchanged") {
  const Tensor x = tensor({{1, 2}, {3, 4}}, float64).requires_grad_();
  const auto loss = [&] { return sum(matmul(x, x) * x / (x + 1.0)); };
  const Tensor plain = grad(loss(), {x})[0];
  const DetectAnomaly guard;
  CHECK(grad(loss(), {x})[0].to_vector<double>() == plain.to_vector<double>());
}

TEST_CASE("the module is named, forward and backward") {
  const Tensor x = tensor({4, 0}, float64).requires_grad_();
  const DetectAnomaly guard;
  Tensor y;
  {
    const ModuleScope encoder("encoder");
    {
      const ModuleScope layer("fc1");
      y = bare_sqrt(x);
      CHECK_THROWS_WITH(1.0 / x, contains("in module 'encoder.fc1'"));
    }
    CHECK_THROWS_WITH(1.0 / x, contains("in module 'encoder' "));
  }
  CHECK_THROWS_WITH(1.0 / x, !contains("module"));
  CHECK_THROWS_WITH(sum(y).backward(), contains("backward of 'bare_sqrt' in module 'encoder.fc1'"));
}

TEST_CASE("anomaly mode belongs to its thread") {
  const DetectAnomaly guard;
  bool threw = true;
  std::thread other([&] {
    try {
      const Tensor y = ones({2}) / zeros({2});
      threw = false;
    } catch (const Error&) {
    }
  });
  other.join();
  CHECK_FALSE(threw);
}

TEST_CASE("a gradient that is not finite is not blamed where an input was not either") {
  const DetectAnomaly guard;
  const Tensor x = tensor({inf}), y = tensor({2}).requires_grad_();
  CHECK_NOTHROW(sum(x * y).backward());
  CHECK(y.grad().item() == inf);
}

TEST_CASE("a gradient of scalars that overflows is blamed, too") {
  const DetectAnomaly guard;
  const Tensor x = tensor(1e-30).requires_grad_();
  const Tensor y = x * tensor(1e30) * tensor(1e30);
  CHECK_THROWS_WITH(y.backward(), contains("backward of 'mul'") && contains("made inf"));
}
