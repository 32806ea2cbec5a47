#include <cmath>

#include "gradus/gradus.hpp"
#include "support/catch.hpp"
#include "support/numbers.hpp"

using namespace gradus;
using gradus::test::contains;
using gradus::test::Numbers;
using gradus::test::some;

namespace {

void check_close(const Tensor& x, const Tensor& expected, double tolerance = 1e-12) {
  REQUIRE(x.shape() == expected.shape());
  const Numbers a = x.to_vector<double>(), b = expected.to_vector<double>();
  for (std::size_t i = 0; i < a.size(); ++i) {
    INFO(i << ": " << a[i] << " and " << b[i]);
    CHECK(std::abs(a[i] - b[i]) <= tolerance * (1 + std::abs(b[i])));
  }
}

Tensor rosenbrock(const Tensor& q) {
  const Tensor x = q[0], y = q[1];
  return (1 - x) * (1 - x) + 100 * (y - x * x) * (y - x * x);
}

Tensor power(const Tensor& x, int n) {
  Tensor y = x;
  for (int i = 1; i < n; ++i) y = y * x;
  return y;
}

}  // namespace

TEST_CASE("value and gradient of Rosenbrock's function") {
  const auto [value, gradient] = value_and_grad(rosenbrock, tensor({-1.5, 2}, float64));
  CHECK(value.item() == 6.25 + 100 * 0.0625);
  check_close(gradient, tensor({-2 * 2.5 + 400 * 1.5 * (2 - 2.25), 200 * (2 - 2.25)}, float64));
}

TEST_CASE("the Hessian of Rosenbrock's function") {
  const double x = -1.5, y = 2;
  check_close(hessian(rosenbrock, tensor({x, y}, float64)),
              tensor({{2 - 400 * (y - 3 * x * x), -400 * x}, {-400 * x, 200}}, float64));
}

TEST_CASE("gradient and Hessian of a quadratic form") {
  const Tensor a = some({4, 4}), x = some({4}, 2), v = some({4}, 3);
  const auto form = [&](const Tensor& q) { return sum(q * matmul(a, q)); };
  const Tensor symmetric = a + transpose(a);
  check_close(value_and_grad(form, x).grad, matmul(symmetric, x));
  check_close(hessian(form, x), symmetric);
  check_close(hvp(form, x, v), matmul(symmetric, v));
}

TEST_CASE("Jacobian, vjp and jvp of a rotation and of a product") {
  const double c = std::cos(0.3), s = std::sin(0.3);
  const Tensor r = tensor({{c, -s}, {s, c}}, float64), x = tensor({2, -1}, float64);
  const auto rotate = [&](const Tensor& q) { return matmul(r, q); };
  check_close(jacobian(rotate, x), r);
  const Tensor v = tensor({0.5, 4}, float64);
  check_close(jvp(rotate, x, v), matmul(r, v));
  check_close(vjp(rotate, x, v), matmul(transpose(r), v));

  const Tensor m = some({3, 2}), n = some({2, 4}, 2), u = some({3, 4}, 3), w = some({3, 2}, 4);
  const auto product = [&](const Tensor& q) { return matmul(q, n); };
  const Tensor j = jacobian(product, m);
  CHECK(j.shape() == Shape{3, 4, 3, 2});
  check_close(matmul(j.reshape({12, 6}), w.reshape({6})).reshape({3, 4}), jvp(product, m, w));
  check_close(matmul(u.reshape({12}), j.reshape({12, 6})).reshape({3, 2}), vjp(product, m, u));
}

TEST_CASE("several inputs have one derivative each") {
  const Tensor a = some({2}), b = some({2}, 2);
  const auto f = [](const Tensor& x, const Tensor& y) { return sum(x * x * y); };
  const auto [value, grads] = value_and_grad(f, {a, b});
  check_close(value, sum(a * a * b));
  check_close(grads[0], 2 * a * b);
  check_close(grads[1], a * a);

  const auto diagonal = [](const Tensor& d) { return eye(2, 2, float64) * d; };
  const auto h = hessian(f, {a, b});
  REQUIRE(h.size() == 2);
  check_close(h[0][0], diagonal(2 * b));
  check_close(h[0][1], diagonal(2 * a));
  check_close(h[1][0], diagonal(2 * a));
  check_close(h[1][1], zeros({2, 2}, float64));

  const Tensor u = some({2}, 3), v = some({2}, 4);
  const auto hv = hvp(f, {a, b}, {u, v});
  check_close(hv[0], 2 * b * u + 2 * a * v);
  check_close(hv[1], 2 * a * u);

  const auto rows = [](const Tensor& x, const Tensor& y) { return x * y; };
  const auto j = jacobian(rows, {a, b});
  check_close(j[0], diagonal(b));
  check_close(j[1], diagonal(a));
  check_close(jvp(rows, {a, b}, {u, v}), u * b + a * v);
  const auto pulled = vjp(rows, {a, b}, u);
  check_close(pulled[0], u * b);
  check_close(pulled[1], u * a);
}

TEST_CASE("derivatives nest: x^5 five times") {
  Function f = [](const Tensor& x) { return power(x, 5); };
  double factor = 1;
  for (int n = 1; n <= 6; ++n) {
    f = Function([g = f](const Tensor& x) { return value_and_grad(g, x).grad; });
    factor *= 6 - n;
    const double expected = n <= 5 ? factor * std::pow(1.5, 5 - n) : 0;
    check_close(f(tensor(1.5, float64)), tensor(expected, float64));
  }
}

TEST_CASE("a Hessian of a function that itself takes a Jacobian or a Hessian") {
  const Tensor x = some({3});
  // |J|^2 of x^3 is sum 9 x^4, whose Hessian is diag 108 x^2.
  const auto norm = [](const Tensor& q) {
    const Tensor j = jacobian([](const Tensor& p) { return power(p, 3); }, q);
    return sum(j * j);
  };
  check_close(hessian(norm, x), eye(3, 3, float64) * (108 * x * x));
  // The trace of the Hessian of sum x^5 is sum 20 x^3, whose Hessian is diag 120 x.
  const auto laplacian = [](const Tensor& q) {
    const Tensor h = hessian([](const Tensor& p) { return sum(power(p, 5)); }, q);
    return sum(h * eye(3, 3, float64));
  };
  check_close(hessian(laplacian, x), eye(3, 3, float64) * (120 * x));
  const Tensor v = some({3}, 2);
  const auto curvature = [&](const Tensor& q) {
    return sum(v * hvp([](const Tensor& p) { return sum(power(p, 4)); }, q, v));
  };
  check_close(value_and_grad(curvature, x).grad, 24 * x * v * v);
  const auto pushed = [&](const Tensor& q) {
    return sum(jvp([](const Tensor& p) { return power(p, 3); }, q, v));
  };
  check_close(hessian(pushed, x), eye(3, 3, float64) * (6 * v));
}

TEST_CASE("the functional API agrees with finite differences in order two") {
  const Tensor a = some({3, 3});
  const auto energy = [&](const Tensor& q) { return sum(power(matmul(a, q), 4) / (q * q + 1.0)); };
  CHECK(gradcheck(energy, {some({3}, 2)}, {.order = 2}));
  CHECK(gradcheck([&](const Tensor& q) { return hessian(energy, q); }, {some({3}, 2)}));
  CHECK(gradcheck([&](const Tensor& q, const Tensor& v) { return hvp(energy, q, v); },
                  {some({3}, 2), some({3}, 3)}));
}

TEST_CASE("an energy of matrices: Hessian, product with it and finite differences") {
  const Tensor q = some({2, 3}), v = some({2, 3}, 2);
  const auto energy = [](const Tensor& x) {
    return sum(pow(x, 4)) + sum(sin(matmul(x, x, {.transpose_b = true})));
  };
  const Tensor h = hessian(energy, q);
  CHECK(h.shape() == Shape{2, 3, 2, 3});
  const Tensor flat = h.reshape({6, 6});
  check_close(flat, transpose(flat), 1e-11);
  check_close(hvp(energy, q, v), matmul(flat, v.reshape({6})).reshape({2, 3}), 1e-11);
  CHECK(gradcheck(energy, {q}, {.order = 2}));
}

TEST_CASE("results have a history only if something outside wants a gradient") {
  const auto f = [](const Tensor& x) { return sum(x * x * x); };
  const Tensor x = some({2});
  CHECK_FALSE(hessian(f, x).requires_grad());
  CHECK_FALSE(value_and_grad(f, x).grad.requires_grad());
  CHECK_FALSE(value_and_grad(f, x).value.requires_grad());
  CHECK_FALSE(jvp(f, x, x).requires_grad());
  CHECK_FALSE(x.requires_grad());

  const Tensor w = some({2}, 2).requires_grad_();
  CHECK(hvp(f, w, x).requires_grad());
  {
    const NoGrad guard;
    const Tensor h = hessian(f, w);
    CHECK_FALSE(h.requires_grad());
    check_close(h, eye(2, 2, float64) * (6 * w));
  }
  CHECK_FALSE(w.grad().defined());
}

TEST_CASE("a captured tensor that requires a gradient gets one") {
  const Tensor x = some({2}), w = some({2}, 2).requires_grad_();
  const auto f = [&](const Tensor& q) { return sum(w * w * q * q); };
  const Tensor gradient = value_and_grad(f, x).grad;  // 2 w^2 x
  sum(gradient).backward();
  check_close(w.grad(), 4 * w.detach() * x);
}

TEST_CASE("a function that does not depend on its input has derivative zero") {
  const auto constant = [](const Tensor& x) { return ones({2}, x.dtype()); };
  const Tensor x = some({3});
  check_close(jacobian(constant, x), zeros({2, 3}, float64));
  check_close(jvp(constant, x, x), zeros({2}, float64));
  check_close(vjp(constant, x, ones({2}, float64)), zeros({3}, float64));
  const auto linear = [](const Tensor& q) { return sum(q); };
  check_close(hessian(linear, x), zeros({3, 3}, float64));
  check_close(hvp(linear, x, x), zeros({3}, float64));
}

TEST_CASE("empty results and inputs have empty Jacobians") {
  const auto twice = [](const Tensor& x) { return x * 2; };
  CHECK(jacobian(twice, zeros({0})).shape() == Shape{0, 0});
  CHECK(jacobian([](const Tensor& x) { return sum(x); }, zeros({0})).shape() == Shape{0});
}

TEST_CASE("vmap applies a function to rows and is differentiable") {
  const Tensor a = some({5, 3}), b = some({5, 3}, 2);
  const auto dot = [](const Tensor& x, const Tensor& y) { return sum(x * y); };
  check_close(vmap(dot)(a, b), sum(a * b, {1}));
  const auto total = [&](const Tensor& x) { return sum(power(vmap(dot)(x, b), 2)); };
  check_close(value_and_grad(total, a).grad, 2 * sum(a * b, {1}, {.keepdim = true}) * b);
  // A Hessian per row.
  const auto f = [](const Tensor& x) { return sum(power(x, 3)); };
  const auto h = vmap([&](const Tensor& x) { return hessian(f, x); })(a);
  CHECK(h.shape() == Shape{5, 3, 3});
  check_close(h[4], eye(3, 3, float64) * (6 * a[4]));
  CHECK_THROWS_WITH(vmap(dot)(a, some({4, 3})), contains("[vmap]"));
  CHECK_THROWS_WITH(vmap(f)(tensor(1.0)), contains("[vmap]"));
}

TEST_CASE("per-sample gradients sum to the gradient of the batch") {
  const Tensor x = some({4, 3}), y = some({4, 2}, 2), w = some({2, 3}, 3), b = some({2}, 4);
  const auto loss = [](const std::vector<Tensor>& p, const Tensor& in, const Tensor& target) {
    const Tensor error = matmul(in, p[0], {.transpose_b = true}) + p[1] - target;
    return sum(error * error);
  };
  const auto each = per_sample_grad(loss, {w, b}, x, y);
  CHECK(each[0].shape() == Shape{4, 2, 3});
  CHECK(each[1].shape() == Shape{4, 2});
  const Tensor error = 2 * (matmul(x, w, {.transpose_b = true}) + b - y);
  check_close(each[1], error);
  check_close(each[0][2], matmul(error[2].reshape({2, 1}), x[2].reshape({1, 3})));
  const auto batch =
      value_and_grad([&](const std::vector<Tensor>& p) { return loss(p, x, y); }, {w, b});
  check_close(sum(each[0], {0}), batch.grads[0]);
  CHECK_THROWS_WITH(per_sample_grad(loss, {w, b}, x, some({3, 2})), contains("[per_sample_grad]"));
}

TEST_CASE("wrong arguments of the functional API are refused") {
  const auto f = [](const Tensor& x) { return x * x; };
  const Tensor x = some({2});
  CHECK_THROWS_WITH(value_and_grad(f, x), contains("[value_and_grad]") && contains("one element"));
  CHECK_THROWS_WITH(hessian(f, x), contains("[hessian]"));
  CHECK_THROWS_WITH(hvp(f, x, x), contains("[hvp]"));
  CHECK_THROWS_WITH(hvp(f, x, some({3})), contains("shape (3,)"));
  CHECK_THROWS_WITH(jvp(f, x, some({3})), contains("[jvp]"));
  CHECK_THROWS_WITH(jvp(f, {x}, {x, x}), contains("2 vectors were given for 1 inputs"));
  CHECK_THROWS_WITH(vjp(f, x, ones({2})), contains("float32"));
  CHECK_THROWS_WITH(jacobian(f, tensor({1, 2}, int64)), contains("dtype int64"));
  CHECK_THROWS_WITH(jacobian([](const Tensor& q) { return q.to(int64); }, x),
                    contains("returned dtype int64"));
  CHECK_THROWS_WITH(jacobian(f, ones({1, 1, 1, 1, 1})), contains("at most 8 axes"));
  CHECK_THROWS_WITH(jacobian(f, {x, x}), contains("function of 1"));
  const auto pair = [](const Tensor& q) { return std::vector<Tensor>{q, q}; };
  CHECK_THROWS_WITH(jacobian(pair, x), contains("returned 2 tensors"));
}

TEST_CASE("grad of a function nests to any order", "[functional]") {
  const auto quartic = [](const Tensor& x) { return sum(square(square(x))); };
  const auto slope = [&](const Tensor& x) { return sum(grad(quartic, x)); };
  const Tensor x = tensor({1, -2}, float64);
  CHECK(grad(quartic, x).to_vector<double>() == std::vector<double>{4, -32});
  CHECK(grad(slope, x).to_vector<double>() == std::vector<double>{12, 48});
  const auto product = [](const Tensor& a, const Tensor& b) { return sum(a * b); };
  const std::vector<Tensor> both = grad(product, std::vector<Tensor>{x, x * 3});
  CHECK(both[0].to_vector<double>() == std::vector<double>{3, -6});
  CHECK(both[1].to_vector<double>() == std::vector<double>{1, -2});
}

TEST_CASE("every function of the functional API passes gradcheck in order two", "[functional]") {
  const Tensor a = some({3, 3}), x = some({3}, 2), v = some({3}, 3), rows = some({2, 3}, 4);
  const auto f = [&](const Tensor& q) { return sin(q) * matmul(a, q); };
  const auto energy = [&](const Tensor& q) { return sum(f(q) * q); };
  const auto check = [](const Function& g, const std::vector<Tensor>& inputs) {
    CHECK(gradcheck(g, inputs, {.order = 2}));
  };
  check([&](const Tensor& q, const Tensor& u) { return vjp(f, q, u); }, {x, v});
  check([&](const Tensor& q, const Tensor& u) { return jvp(f, q, u); }, {x, v});
  check([&](const Tensor& q, const Tensor& u) { return hvp(energy, q, u); }, {x, v});
  check([&](const Tensor& q) { return grad(energy, q); }, {x});
  check([&](const Tensor& q) { return value_and_grad(energy, q).value; }, {x});
  check([&](const Tensor& q) { return jacobian(f, q); }, {x});
  check([&](const Tensor& q) { return hessian(energy, q); }, {x});
  check(vmap([&](const Tensor& q) { return grad(energy, q); }), {rows});
  check([&](const Tensor& q) { return grad([&](const Tensor& r) { return sum(vmap(f)(r)); }, q); },
        {rows});
  check([&](const Tensor& q) { return checkpoint([&](const Tensor& r) { return f(f(r)); }, {q}); },
        {x});
  const auto loss = [](const std::vector<Tensor>& p, const Tensor& in, const Tensor& out) {
    return sum(square(tanh(matmul(in, p[0])) - out));
  };
  check(
      [&](const Tensor& w, const Tensor& in) {
        return per_sample_grad(loss, {w}, in, reshape(v, {3, 1}) * ones({1, 3}, float64))[0];
      },
      {a, some({3, 3}, 5)});
}
