// A rule may write over a cotangent that nobody else sees; here somebody does.
#include <cmath>

#include "autograd/vjp.hpp"
#include "gradus/ops.hpp"
#include "support/catch.hpp"

using namespace gradus;

namespace {

/// Numbers of rank 0, and arrays: each has a way of its own.
std::vector<Shape> shapes() { return {{}, {3}, {2, 40}}; }

Tensor leaf(const Shape& shape, double value) {
  return full(shape, value).clone().requires_grad_();
}

bool all_are(const Tensor& x, double value) {
  for (const double v : x.detach().to_vector<double>())
    if (v != value) return false;
  return true;
}

}  // namespace

TEST_CASE("a seed keeps its values") {
  for (const Shape& shape : shapes()) {
    const Tensor a = leaf(shape, 3), b = leaf(shape, 5), seed = full(shape, 2).clone();
    (a * b).backward(seed);
    CHECK(all_are(seed, 2));
    CHECK(all_are(a.grad(), 10));
    CHECK(all_are(b.grad(), 6));
    const Tensor c = leaf(shape, -3);
    relu(c).backward(seed);
    leaky_relu(c, 0.5).backward(seed);
    CHECK(all_are(seed, 2));
    CHECK(all_are(c.grad(), 1));
  }
}

TEST_CASE("a retained gradient, and one that a hook keeps, stay as they were") {
  for (const Shape& shape : shapes()) {
    const Tensor a = leaf(shape, 3), b = leaf(shape, 5);
    Tensor y = a * b, kept;
    y.retain_grad();
    Tensor z = y * b;
    z.register_hook([&](const Tensor& g) {
      kept = g;
      return Tensor();
    });
    z.backward(full(shape, 2));
    CHECK(all_are(kept, 2));
    CHECK(all_are(y.grad(), 10));
    CHECK(all_are(a.grad(), 50));
    CHECK(all_are(b.grad(), 60));
  }
}

TEST_CASE("gradients that grad() returns are not written over by later rules") {
  for (const Shape& shape : shapes()) {
    const Tensor a = leaf(shape, 3), b = leaf(shape, 5);
    const Tensor y = a * b, z = y * b;
    const auto grads = grad(sum(z), {z, y, a, b});
    CHECK(all_are(grads[0], 1));
    CHECK(all_are(grads[1], 5));
    CHECK(all_are(grads[2], 25));
    CHECK(all_are(grads[3], 30));
  }
}

TEST_CASE("both factors may be one tensor, and a sum may meet products of itself") {
  for (const Shape& shape : shapes()) {
    const Tensor a = leaf(shape, 3);
    const Tensor square = a * a;
    (square * a + square).backward(full(shape, 1));  // 3 a^2 + 2 a
    CHECK(all_are(a.grad(), 33));
  }
}

TEST_CASE("a product passes no gradient where the cotangent is 0") {
  for (const Shape& shape : shapes()) {
    const Tensor a = leaf(shape, 3), b = leaf(shape, INFINITY);
    (a * b).backward(full(shape, 0));
    CHECK(all_are(a.grad(), 0));
    CHECK(all_are(b.grad(), 0));
  }
}

TEST_CASE("nor does a product with a number, recorded or not") {
  for (const Shape& shape : shapes())
    for (const double b : {double{INFINITY}, double{NAN}, 1e300}) {  // float32 has no 1e300
      const Tensor a = leaf(shape, 3), none = full(shape, 0);
      CHECK(all_are(grad(a * b, {a}, {.grad_outputs = {none}})[0], 0));
      CHECK(all_are(grad(a * b, {a}, {.create_graph = true, .grad_outputs = {none}})[0], 0));
    }
}

TEST_CASE("a quotient by the number 0 passes no gradient, as one by a tensor of 0") {
  for (const Shape& shape : shapes()) {
    const Tensor a = leaf(shape, 3), b = leaf(shape, 3);
    (a / 0.0).backward(full(shape, 2));
    (b / full(shape, 0)).backward(full(shape, 2));
    CHECK(all_are(a.grad(), 0));
    CHECK(all_are(b.grad(), 0));
  }
}

TEST_CASE("factors are for inputs of the result's type alone") {
  const Tensor x = tensor({1.0, 2.0}).requires_grad_();
  bool took = true;
  const Tensor y = record("first", tensor(1.0), {x}, [&took](const Vjp& k) {
    took = detail::give_scaled(k, {1});
    return k.grad * tensor({1.0, 0.0});
  });
  y.backward();
  CHECK_FALSE(took);
  CHECK(x.grad().to_vector<double>() == std::vector<double>{1, 0});
}

TEST_CASE("a rule that gives factors has one for each input") {
  const Tensor a = tensor(3.0).requires_grad_();
  const Tensor y = record("odd", tensor(4.0), {a, a}, [](const Vjp& k) -> Grads<2> {
    detail::give_scaled(k, {1});
    return {};
  });
  CHECK_THROWS_WITH(y.backward(), gradus::test::contains("odd"));
}

TEST_CASE("a factor names an input that there is") {
  const Tensor a = tensor(3.0).requires_grad_();
  const Tensor y = record("beyond", tensor(4.0), {a}, [](const Vjp& k) {
    detail::give_scaled(k, {detail::Factor::input(1)});
    return Tensor();
  });
  CHECK_THROWS_WITH(y.backward(), gradus::test::contains("beyond"));
  CHECK_FALSE(a.grad().defined());
  CHECK_THROWS_WITH(detail::Factor::input(-1), gradus::test::contains("input -1"));
}
